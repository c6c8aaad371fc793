"""Margins in millimetres: grow and shrink a structure."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from monai_attn.edit.change import Change, changed, label_block, widened
from monai_attn.edit.surface import near_surface, reach_voxels
from monai_attn.errors import InputError
from monai_attn.volume import Volume

__all__ = ["grow", "shrink"]


def grow(labels: Volume, value: int, margin_mm: float, *, protected: Collection[int] | None = None) -> Change:
    """Add to a label every voxel whose centre lies within `margin_mm` of the surface of the label, in patient space.

    Distances are exact on anisotropic, oblique and sheared grids. Other labels stay untouched; with `protected`, only
    the protected labels do, and the label grows over the others. Raises `LabelError` for a label without a voxel, and
    `InputError` unless the margin is finite and above 0.

    >>> import numpy
    >>> array = numpy.zeros((5, 5, 5), numpy.uint8)
    >>> array[2, 2, 2] = 1
    >>> grow(Volume(array), 1, margin_mm=1.0).voxels  # the six neighbours by a face
    6
    """
    _check(margin_mm)
    block = widened(label_block(labels, value), reach_voxels(labels.affine, margin_mm), labels.shape)
    array = labels.array[block]
    near = near_surface(np.asarray(array == value), labels.affine, margin_mm, inside=False)
    return changed(block, near, array, value, protected)


def shrink(labels: Volume, value: int, margin_mm: float) -> Change:
    """Take from a label every voxel whose centre lies within `margin_mm` of the surface of the label, in patient space.

    The voxels taken away become background. Where the label reaches the border of the image, it goes on beyond, so it
    has no surface there. A label thinner than twice the margin vanishes. Raises the same errors as `grow`.
    """
    _check(margin_mm)
    block = widened(label_block(labels, value), (1, 1, 1), labels.shape)
    mask = np.asarray(labels.array[block] == value)
    return Change(block, near_surface(mask, labels.affine, margin_mm, inside=True), 0)


def _check(margin_mm: float) -> None:
    if not (np.isfinite(margin_mm) and margin_mm > 0):
        raise InputError(f"A margin is a number of mm above 0; this one is {margin_mm}.")
