"""Slices between painted slices."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import numpy as np

from monai_attn.edit.change import Change, changed, label_block
from monai_attn.errors import GeometryError, InputError
from monai_attn.shapes import between
from monai_attn.volume import ORTHOGONAL_TOLERANCE, Volume

__all__ = ["interpolate_slices"]


def interpolate_slices(labels: Volume, value: int, axis: int, *, protected: Collection[int] | None = None) -> Change:
    """Paint a label in the empty slices between its painted slices, which lie across `axis` 0, 1 or 2.

    The method is shape-based interpolation. In each painted slice it takes the distance to the outline in mm, negative
    inside. Between two slices it takes the average of both distances, weighted by nearness; inside is where the
    average is negative. Painted slices stay as they are. Two outlines that lie far apart leave nothing between them:
    paint a slice there. Other labels stay untouched; with `protected`, only the protected labels do. No slice missing:
    a change without voxels.

    Raises `LabelError` for a label without a voxel, `InputError` for another axis, and `GeometryError` when the two
    axes within a slice are not at right angles. Source: Raya, Udupa 1990.

    >>> array = np.zeros((5, 5, 5), np.uint8)
    >>> array[1:4, 1:4, [0, 2]] = 1
    >>> interpolate_slices(Volume(array), 1, axis=2).voxels
    9
    """
    if axis not in (0, 1, 2):
        raise InputError(f"Slices lie across axis 0, 1 or 2, not {axis}.")
    within = [other for other in range(3) if other != axis]
    cosine = float(labels.directions[:, within[0]] @ labels.directions[:, within[1]])
    if abs(cosine) > ORTHOGONAL_TOLERANCE:
        raise GeometryError(
            f"The axes of these slices meet at {np.degrees(np.arccos(cosine)):.1f} degrees, not at right angles. "
            "Interpolate along another axis."
        )
    block = label_block(labels, value)
    array = labels.array[block]
    slices = np.moveaxis(np.asarray(array == value), axis, 0)  # (slices, rows, columns)
    added = np.zeros_like(slices)
    spacing_mm = [labels.spacing_mm[other] for other in within]
    painted = np.flatnonzero(slices.any(axis=(1, 2)))
    for first, last in pairwise(painted):
        if last - first > 1:
            added[first + 1 : last] = between(slices[first], slices[last], int(last - first), spacing_mm)
    return changed(block, np.moveaxis(added, 0, axis), array, value, protected)
