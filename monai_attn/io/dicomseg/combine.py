"""The contours of one structure in one slice, joined: holes, islands, contours that are there twice.

RTSTRUCT has no hole of its own: a hole is one more contour within another contour. Files leave open how their contours
combine, so the decisions are counted here and become notes in `rt_planes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.io.dicomseg.contours import Mask, fill

__all__ = ["Joined", "joined"]

Polygon = NDArray[np.float64]
"""The corners `(n, 2)` of a closed contour in pixel indices."""

SAME = 0.05
"""Two outlines that nowhere lie further apart, in pixels, are one: copies differ in rounding and in
where they begin."""

AT_ONCE = 256
"""How many points are compared with all edges at once."""


@dataclass(frozen=True, eq=False)
class Joined:
    """The pixels of a structure in a slice, and how many of its contours needed a decision.

    `twice` counts contours that are in the file twice; `across` counts contours that overlap another one in part.
    `lost` counts contours that hold the same pixels as the contour around them.

    `mask` is boolean, in the shape that `joined` was given.
    """

    mask: Mask
    twice: int = 0
    across: int = 0
    lost: int = 0


def joined(polygons: list[Polygon], shape: tuple[int, int], *, exclusive: bool) -> Joined:
    """All contours of a structure in one slice.

    A contour within another contour is a hole, and a contour within a hole is an island, whatever their order. A
    contour that is there twice counts once. Where two contours overlap in part, what either contour holds is inside.
    With `exclusive` (CLOSEDPLANAR_XOR) a pixel is inside when an odd number of contours hold it (PS3.3 C.8.8.6.3).

    `shape` is the size of the slice in pixels, along the two axes of the polygons. No contours give an empty mask.

    >>> whole = np.array([[-0.5, -0.5], [4.5, -0.5], [4.5, 4.5], [-0.5, 4.5]])
    >>> hole = np.array([[0.5, 0.5], [3.5, 0.5], [3.5, 3.5], [0.5, 3.5]])
    >>> int(joined([hole, whole], (5, 5), exclusive=False).mask.sum())
    16
    """
    single = _once(polygons)
    twice = len(polygons) - len(single)
    if exclusive:
        mask = np.zeros(shape, np.bool_)
        for polygon in polygons:
            mask ^= fill(polygon, shape)
        return Joined(mask, twice)
    if len(single) == 1:
        return Joined(fill(single[0], shape), twice)
    return _nested(single, shape, twice)


def _nested(polygons: list[Polygon], shape: tuple[int, int], twice: int) -> Joined:
    """Contours from the largest to the smallest, each a hole in the smallest contour that holds it whole, or an area of
    its own.

    Contours that hold no centre of a pixel are left out. Each mask is compared only within the box of the smaller
    contour, so that large slices stay fast.
    """
    ordered = sorted(polygons, key=_area, reverse=True)
    held = [(polygon, mask) for polygon in ordered if (mask := fill(polygon, shape)).any()]
    masks = [mask for _, mask in held]
    sizes = [int(np.count_nonzero(mask)) for mask in masks]
    whole = [mask.copy() for mask in masks]
    found = np.zeros(shape, np.bool_)
    across = lost = 0
    # From the smallest on: when a contour is taken out of the one around it, its own holes are out of it already.
    for inner in range(len(masks) - 1, -1, -1):
        box = _box(masks[inner])
        common = [int(np.count_nonzero(masks[inner][box] & masks[outer][box])) for outer in range(inner)]
        across += any(0 < common[outer] < min(sizes[inner], sizes[outer]) for outer in range(inner))
        nearest = max((outer for outer in range(inner) if common[outer] == sizes[inner]), default=None)
        if nearest is not None and sizes[nearest] == sizes[inner] and _leaves(held[inner][0], held[nearest][0]):
            across += 1  # the outlines cross: a copy that was moved a little, no hole; its own holes are kept
            whole[nearest] &= whole[inner]
        elif nearest is None:
            found[box] |= whole[inner][box]
        else:
            lost += sizes[nearest] == sizes[inner]
            whole[nearest][box] &= ~whole[inner][box]
    return Joined(found, twice, across, lost)


def _box(mask: Mask) -> tuple[slice, slice]:
    """The smallest rectangle around the pixels of a mask that is not empty, as two slices."""
    one, other = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(one[0], one[-1] + 1), slice(other[0], other[-1] + 1)


def _once(polygons: list[Polygon]) -> list[Polygon]:
    """The polygons without those that are there twice, the first of each kept, in their order.

    Outlines are compared only where their bounding boxes agree within `SAME`, since the full comparison takes long.
    """
    kept: list[Polygon] = []
    boxes = np.array([[polygon.min(axis=0), polygon.max(axis=0)] for polygon in polygons]).reshape(-1, 4)
    alike: list[int] = []
    for number, polygon in enumerate(polygons):
        near = np.flatnonzero((np.abs(boxes[alike] - boxes[number]) <= SAME).all(axis=1))
        if not any(same_outline(polygon, kept[one]) for one in near):
            kept.append(polygon)
            alike.append(number)
    return kept


def same_outline(one: Polygon, other: Polygon) -> bool:
    """Whether two closed polygons run along one line, wherever they begin and whichever way they go (see `SAME`).

    >>> square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    >>> same_outline(square, np.roll(square[::-1], 1, axis=0)), same_outline(square, square + 0.5)
    (True, False)
    """
    length = float(np.linalg.norm(one - np.roll(one, -1, axis=0), axis=1).sum())
    return abs(_area(one) - _area(other)) <= SAME * length and _along(one, other) and _along(other, one)


def _along(points: Polygon, polygon: Polygon) -> bool:
    """Whether every point lies on the line of a closed polygon."""
    ends = np.roll(polygon, -1, axis=0)
    edges = ends - polygon
    squared = np.maximum((edges**2).sum(axis=1), 1e-30)
    for first in range(0, len(points), AT_ONCE):
        offset = points[first : first + AT_ONCE, None] - polygon  # (points, edges, 2)
        share = np.clip((offset * edges).sum(axis=2) / squared, 0, 1)
        apart = np.linalg.norm(offset - share[..., None] * edges, axis=2).min(axis=1)
        if apart.max() > SAME:
            return False
    return True


def _leaves(one: Polygon, other: Polygon) -> bool:
    """Whether a corner of one closed polygon lies outside another one, by more than `SAME`."""
    ends = np.roll(other, -1, axis=0)
    outside = []
    for x, y in one:
        edges = np.flatnonzero((other[:, 1] > y) != (ends[:, 1] > y))
        share = (y - other[edges, 1]) / (ends[edges, 1] - other[edges, 1])
        right = other[edges, 0] + share * (ends[edges, 0] - other[edges, 0]) > x
        outside.append(np.count_nonzero(right) % 2 == 0)
    return any(outside) and not _along(one[outside], other)


def _area(polygon: Polygon) -> float:
    """The area of a closed polygon in pixels, never negative (shoelace formula)."""
    x, y = (polygon - polygon[0]).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
