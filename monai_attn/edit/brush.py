"""A round brush of a true radius in millimetres, in a slice or in space, held to a range of intensities if asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.edit.change import Block, Change, Mask
from monai_attn.errors import InputError
from monai_attn.volume import Volume

__all__ = ["Brush", "paint", "stroke"]

ROUNDING = 1e-5
"""By this share a voxel may lie beyond the radius: headers store float32, and a round brush should look round."""


@dataclass(frozen=True)
class Brush:
    """A round brush: `radius_mm` in patient space, and where it paints.

    `axis` is the voxel axis across which the brush is a disc in one slice; None makes it a ball. With
    `intensity_range`, only voxels from the lowest to the highest intensity are painted, in the unit of the image.
    Raises `InputError` for a radius that is not above 0, another axis, or a range from high to low.
    """

    radius_mm: float
    axis: int | None = None
    intensity_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.radius_mm) and self.radius_mm > 0):
            raise InputError(f"The radius of a brush is a number of mm above 0; this one is {self.radius_mm}.")
        if self.axis not in (None, 0, 1, 2):
            raise InputError(f"A brush paints across axis 0, 1 or 2, or None for a ball; this one is {self.axis}.")
        if self.intensity_range is not None and not self.intensity_range[0] <= self.intensity_range[1]:
            low, high = self.intensity_range
            raise InputError(f"The brush paints intensities from low to high; {low} to {high} is no range.")


def paint(
    labels: Volume,
    value: int,
    path: tuple[Sequence[float], Sequence[float]],
    brush: Brush,
    *,
    image: NDArray[np.generic] | None = None,
    protected: Collection[int] = (),
) -> Change:
    """The voxels that a brush changes to `value` between two voxel indices of a stroke; the value 0 erases.

    `image` holds the intensities on the same grid, and is needed for a brush with a range. Voxels of NaN are never
    painted. Protected labels stay. A stroke outside the image: a change without voxels. Raises `InputError` when a
    range has no image, or an image of another shape.

    >>> labels = Volume(np.zeros((9, 9, 9), np.uint8))
    >>> paint(labels, 1, ((4, 4, 4), (4, 4, 4)), Brush(1.0)).voxels  # the voxel and its six neighbours
    7
    """
    block, mask = stroke(labels, path, brush)
    array = labels.array[block]
    mask &= array != value
    if protected:
        mask &= ~np.isin(array, list(protected))
    if brush.intensity_range is not None:
        if image is None or image.shape != labels.shape:
            shape = None if image is None else image.shape
            raise InputError(
                f"A brush with a range of intensities needs an image of the mask's shape {labels.shape}, not {shape}."
            )
        low, high = brush.intensity_range
        intensity = np.asarray(image[block])
        mask &= (intensity >= low) & (intensity <= high)
    return Change(block, mask, value)


def stroke(grid: Volume, path: tuple[Sequence[float], Sequence[float]], brush: Brush) -> tuple[Block, Mask]:
    """The block and the mask of all voxels whose centres lie within the radius of a line between two voxel indices.

    Distances are exact on any grid. The voxel at the second index always belongs to the stroke. With an axis, only the
    slice of the second index is painted. Voxels outside the image are left out, even when the line lies outside.
    """
    start, end = (np.asarray(index, dtype=np.float64) for index in path)
    to_mm = grid.affine[:3, :3]
    radius_mm = brush.radius_mm * (1 + ROUNDING)
    reach = radius_mm * np.linalg.norm(np.linalg.inv(to_mm), axis=1)  # of a ball, in voxels
    lower, upper = np.minimum(start, end) - reach, np.maximum(start, end) + reach
    if brush.axis is not None:
        start, end = (np.where(np.arange(3) == brush.axis, np.rint(end), index) for index in (start, end))
        lower[brush.axis] = upper[brush.axis] = end[brush.axis]
    lower = np.clip(np.rint(np.minimum(np.ceil(lower), end)), 0, grid.shape).astype(int)
    upper = np.clip(np.rint(np.maximum(np.floor(upper), end)) + 1, lower, grid.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(lower, upper, strict=True))
    index = np.ogrid[i, j, k]
    away_mm = [sum(row[axis] * (index[axis] - start[axis]) for axis in range(3)) for row in to_mm]  # along R, A, S
    mask = _distance_mm(away_mm, to_mm @ (end - start)) <= radius_mm
    here = np.rint(end).astype(int) - lower
    if (here >= 0).all() and (here < mask.shape).all():
        mask[tuple(here)] = True
    return (i, j, k), mask


def _distance_mm(away_mm: list[NDArray[np.float64]], way_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each point, whose three coordinates are `away_mm`, to the line from the origin along `way_mm`."""
    length = float(way_mm @ way_mm)
    share: Any = 0.0
    if length:
        share = np.clip(sum(x * way for x, way in zip(away_mm, way_mm, strict=True)) / length, 0, 1)
    squares = [(x - share * way) ** 2 for x, way in zip(away_mm, way_mm, strict=True)]
    return np.asarray(np.sqrt(sum(squares)), dtype=np.float64)
