"""Transforms that bundles name in their configs; the rest are MONAI's own."""

from monai_attn.transforms.align import AlignImagesd, RandDropImagesd
from monai_attn.transforms.load import LoadVolumed
from monai_attn.transforms.save import SaveSegmentationd

__all__ = ["AlignImagesd", "LoadVolumed", "RandDropImagesd", "SaveSegmentationd"]
