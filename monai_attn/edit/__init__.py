"""Corrections of label maps in millimetres: NumPy and SciPy, no torch.

Each function looks at one label, touches only the block around it, and gives a `Change`: the voxels that get another
value. Nothing is changed in place, so a caller can show it, count it, apply it, or keep it for undo.
"""

from monai_attn.edit.brush import Brush, paint
from monai_attn.edit.change import Change
from monai_attn.edit.margins import grow, shrink
from monai_attn.edit.pieces import close_holes, keep_largest
from monai_attn.edit.scribbles import refine_by_scribbles
from monai_attn.edit.slices import interpolate_slices

__all__ = [
    "Brush",
    "Change",
    "close_holes",
    "grow",
    "interpolate_slices",
    "keep_largest",
    "paint",
    "refine_by_scribbles",
    "shrink",
]
