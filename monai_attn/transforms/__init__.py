"""Transforms that bundles name in their configs; the rest are MONAI's own."""

from monai_attn.transforms.load import LoadVolumed

__all__ = ["LoadVolumed"]
