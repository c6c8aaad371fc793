"""MONAI bundles as a source of segmenters: finding, trusting and opening them."""

from monai_attn.bundle.locate import find_bundle, shipped
from monai_attn.bundle.parts import Parts, open_bundle, why

__all__ = ["Parts", "find_bundle", "open_bundle", "shipped", "why"]
