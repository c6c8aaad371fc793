"""Which slices of an image contours were drawn in.

Contours are drawn on the slices of one image, and that image may be stored with its axes in another order. `rt_read`
asks here for the axis across the slices. Contours further off the slices than `SLICE_TOLERANCE` are refused.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.dicomseg.grid import SLICE_TOLERANCE
from monai_attn.volume import Volume

__all__ = ["NOTED", "Points", "is_outside", "place_of", "reaches_out", "slice_axis"]

Points = NDArray[np.float64]
"""The points `(n, 3)` of a contour in voxel indices of the image."""

NOTED = 0.01
"""From this far off its slice, in slices, a contour gets a note."""


def slice_axis(contours: list[Points], like: Volume, name: str) -> int:
    """The axis across which all contours are flat and lie in the middle of slices; `GeometryError` if there is none.

    `contours` are in voxel indices of `like`. The third axis is tried first, then the second and the first. Without
    contours, the third axis is the answer, 2. The message of the error gives distances in mm and a likely cause.
    """
    off = np.zeros(3)
    for contour in contours:
        off = np.maximum(off, np.abs(contour - np.rint(contour.mean(axis=0))).max(axis=0))
    for axis in (2, 1, 0):
        if off[axis] <= SLICE_TOLERANCE:
            return axis
    flat = [max((float(np.ptp(contour[:, axis])) for contour in contours), default=0.0) for axis in range(3)]
    axis = int(np.argmin(flat))
    edge = like.spacing_mm[axis]
    if flat[axis] <= SLICE_TOLERANCE:
        why = f"lie up to {off[axis] * edge:.2f} mm off its slices, which are {edge:.2f} mm apart. "
        why += _cause(np.array([contour[:, axis].mean() for contour in contours]), edge)
    else:
        why = f"are not flat in its slices, but up to {flat[axis] * edge:.2f} mm deep."
    raise GeometryError(f"{name}: the contours were drawn on another image: they {why} Give the image of the contours.")


def _cause(places: NDArray[np.float64], edge: float) -> str:
    """Why contours lie between slices: all moved by one distance, or drawn on slices of another distance.

    `places` are indices along the axis, one for each contour, and `edge` is the distance of the slices in mm.
    """
    off = places - np.rint(places[0])
    off = (off - off[0] + 0.5) % 1 - 0.5 + off[0]  # the same distance off, whichever slice is nearest
    rounding = f"Up to {SLICE_TOLERANCE * edge:.2f} mm is taken for rounding."
    if float(np.ptp(off)) <= SLICE_TOLERANCE:
        return (
            f"All are off by the same {abs(float(off.mean())) * edge:.2f} mm: image and contours were moved against "
            f"each other. {rounding}"
        )
    steps = [high - low for low, high in pairwise(np.sort(places)) if high - low > SLICE_TOLERANCE]
    return f"The contours are {min(steps) * edge:.2f} mm apart: they were drawn on other slices. {rounding}"


def place_of(contour: Points, axis: int) -> int:
    """The slice that a contour lies in.

    >>> place_of(np.array([[1.0, 2.0, 6.98], [3.0, 2.0, 7.02]]), 2)
    7
    """
    return round(float(contour[:, axis].mean()))


def reaches_out(contour: Points, like: Volume) -> bool:
    """Whether a contour leaves the voxels of the image (half a voxel around the outer centres).

    >>> like = Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4))
    >>> reaches_out(np.array([[1.0, 1.0, 1.0], [5.0, 1.0, 1.0]]), like)
    True
    """
    return bool((contour < -0.5 - NOTED).any() or (contour > np.array(like.shape) - 0.5 + NOTED).any())


def is_outside(contour: Points, like: Volume) -> bool:
    """Whether nothing of a contour's bounding box is within the image.

    >>> like = Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4))
    >>> is_outside(np.array([[1.0, 1.0, 1.0], [5.0, 1.0, 1.0]]), like)
    False
    """
    return bool((contour.max(axis=0) < -0.5).any() or (contour.min(axis=0) > np.array(like.shape) - 0.5).any())
