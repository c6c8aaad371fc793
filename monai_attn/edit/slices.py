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
    """Paint a label in the empty slices between those it is painted in, across `axis` 0, 1 or 2.

    Shape-based interpolation: in each painted slice the distance to the outline in mm, negative inside; between two
    of them its average, weighted by nearness; inside is where that is negative (Raya, Udupa 1990). Painted slices
    stay as they are. Two outlines that lie far apart leave nothing in between: paint a slice between them. Other
    labels stay untouched; with `protected`, only those do. A change without voxels when no slice is missing.

    Raises `LabelError` for a label without a voxel, `GeometryError` when the two axes within a slice are not at
    right angles.
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
