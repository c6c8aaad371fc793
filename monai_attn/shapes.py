"""Shapes between shapes: what a structure looks like in the slices between two drawn ones.

Filling between hand-drawn slices uses it, and so do the contours of an RTSTRUCT that leave slices out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["between"]

Mask = NDArray[np.bool_]


def between(first: Mask, last: Mask, steps: int, spacing_mm: Sequence[float]) -> Mask:
    """The masks of the `steps - 1` slices between two slices `(rows, columns)`, `(steps - 1, rows, columns)`.

    Shape-based interpolation: in both slices the distance to the outline in mm, negative inside; between them the
    average of both, weighted by nearness. Inside is where that average is negative (Raya, Udupa 1990). Two outlines
    that lie far apart leave nothing between them, and so does a slice without a voxel.

    `spacing_mm` are the distances of rows and of columns. Slices side by side (`steps` 1) have none between them.

    >>> wide, narrow = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    >>> wide[1:8, 1:8], narrow[3:6, 3:6] = True, True
    >>> between(wide, narrow, 2, (1.0, 1.0)).sum(axis=(1, 2))
    array([25])
    """
    if not first.any() or not last.any():
        return np.zeros((steps - 1, *first.shape), np.bool_)
    one, other = _signed_mm(first, spacing_mm), _signed_mm(last, spacing_mm)
    share = np.arange(1, steps)[:, None, None] / steps
    return np.asarray((1 - share) * one + share * other < 0)


def _signed_mm(mask: Mask, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Distance of each pixel to the outline, midway between pixels in and out; negative inside."""
    framed = np.pad(mask, 1)  # beyond the crop is outside
    inside, outside = (ndimage.distance_transform_edt(part, sampling=spacing_mm) for part in (framed, ~framed))
    signed: NDArray[np.float64] = (outside - inside)[1:-1, 1:-1]
    return signed
