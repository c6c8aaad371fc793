"""Transforms that bundles name in their configs; the rest are MONAI's own."""

from monai_attn.transforms.load import LoadVolumed
from monai_attn.transforms.save import SaveSegmentationd

__all__ = ["LoadVolumed", "SaveSegmentationd"]
