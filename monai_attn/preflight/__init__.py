"""What is checked and estimated before a run, and checked after it.

Before: whether the images are such as a bundle was made for, how long the run will take, and how much memory. After:
whether the mask is such as the labels of the training were.

Callers: `Segmenter`, the command line (also `--dry-run`), the napari panel, and the configs of bundles by
`CheckedImages`. The numbers come from the key `made_for` in a bundle's metadata.json. A bundle without that key is
not checked this far. Warnings end up in the provenance of the mask and are shown with every result.
"""

from __future__ import annotations

from monai_attn.preflight.case import check_case
from monai_attn.preflight.configs import CheckedImages, mask_warnings, side_warnings
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.images import check_images
from monai_attn.preflight.made_for import ImageRange, MadeFor, Range, StructureRange
from monai_attn.preflight.masks import check_mask
from monai_attn.preflight.regions import Plan, finds_regions, plan_case, trained_size_mm
from monai_attn.preflight.sides import check_sides

__all__ = [
    "CheckedImages",
    "Finding",
    "ImageRange",
    "MadeFor",
    "Plan",
    "Range",
    "StructureRange",
    "check_case",
    "check_images",
    "check_mask",
    "check_sides",
    "finds_regions",
    "mask_warnings",
    "plan_case",
    "side_warnings",
    "trained_size_mm",
]
