"""Masks to outlines and back, in one slice; coordinates are pixel indices, whole numbers the centres of pixels.

`fill` reads contours and `outlines` writes them. What `outlines` draws, `fill` turns back into the same pixels, so a
label map survives RTSTRUCT without a changed voxel. Both know nothing of DICOM or of millimetres.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill", "outlines"]

ROUNDING = 2.0**-30
"""Points are rounded to this part of a pixel before filling. The conversion of millimetres to indices leaves errors of
that size, which must not move a contour that runs exactly through the centres of pixels."""

Mask = NDArray[np.bool_]
Corner = tuple[int, int]


def fill(points: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    """The pixels `shape` whose centres lie inside a closed polygon `(n, 2)`, by the even-odd rule.

    A centre exactly on an edge is inside on the low side of the polygon and outside on the high side. So two polygons
    with a common edge share no pixel and leave none out. What lies outside the image is cut off. Computed in double
    precision.

    `shape` is the number of pixels along the first and the second coordinate of the points. A polygon without area, or
    wholly outside, gives an empty mask.

    >>> rectangle = np.array([[-0.5, -0.5], [1.5, -0.5], [1.5, 0.5], [-0.5, 0.5]])
    >>> fill(rectangle, (3, 2)).astype(int).tolist()
    [[1, 0], [1, 0], [0, 0]]
    """
    first = np.rint(points / ROUNDING) * ROUNDING
    second = np.roll(first, -1, axis=0)
    x1, y1 = np.where(first[:, 1:] <= second[:, 1:], first, second).T  # the end with the lower j
    x2, y2 = np.where(first[:, 1:] <= second[:, 1:], second, first).T
    width, height = shape
    # The lines of pixels j with y1 <= j < y2: a vertex between two edges counts once.
    lowest = np.clip(np.ceil(y1), 0, height).astype(int)
    count = np.maximum(np.clip(np.ceil(y2), 0, height).astype(int) - lowest, 0)
    edge = np.repeat(np.arange(len(first)), count)
    j = lowest[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    crossing = x1[edge] + (j - y1[edge]) * (x2[edge] - x1[edge]) / (y2[edge] - y1[edge])
    i = np.clip(np.ceil(crossing), 0, width).astype(int)
    whole = np.zeros(shape, np.bool_)
    if len(edge) == 0:
        return whole
    # Each crossing turns inside and outside about for all pixels from i on.
    left, low, right, high = i.min(), j.min(), i.max(), j.max() + 1
    turned = np.zeros((right - left + 1, high - low), np.int64)
    np.add.at(turned, (i - left, j - low), 1)
    whole[left:right, low:high] = np.cumsum(turned, axis=0)[:-1] % 2 == 1
    return whole


def outlines(mask: Mask) -> list[NDArray[np.float64]]:
    """Closed polygons `(n, 2)` along the borders of pixels that `fill` turns back into the mask.

    One for each 4-connected piece: its area is that of its pixels. A hole is joined to the outline around it by a
    line walked to and fro (the keyhole of PS3.3 C.8.8.6.3). No point lies nearer than half a pixel to a centre.

    An empty mask gives an empty list.

    >>> mask = np.zeros((3, 2), np.bool_)
    >>> mask[:2, 0] = True
    >>> [border] = outlines(mask)
    >>> len(border), bool((fill(border, mask.shape) == mask).all())
    (4, True)
    """
    loops = _loops(mask)
    # Twice the area, positive when walked around counterclockwise with the mask on the left.
    outer = [loop for loop in loops if _doubled_area(loop) > 0]
    holes = sorted((loop for loop in loops if _doubled_area(loop) < 0), key=min)
    owner = {corner: loop for loop in outer for corner in loop}
    for hole in holes:
        _join(hole, owner)
    return [_without_straight(loop) for loop in outer]


def _loops(mask: Mask) -> list[list[Corner]]:
    """Every border as the list of pixel corners it passes; corner (a, b) lies at index (a - 0.5, b - 0.5)."""
    ways = _ways(mask)
    left = {(corner, way): None for corner, leaving in ways.items() for way in leaving}  # a set that keeps its order
    loops = []
    while left:
        start = step = next(iter(left))
        loop = []
        while True:
            del left[step]
            corner, way = step
            loop.append(corner)
            corner = (corner[0] + way[0], corner[1] + way[1])
            leaving = ways[corner]
            # Where two pixels touch at a corner, turn left: stay with the same pixel, so the pieces are 4-connected.
            step = (corner, leaving[0] if len(leaving) == 1 else (-way[1], way[0]))
            if step == start:
                break
        loops.append(loop)
    return loops


def _ways(mask: Mask) -> dict[Corner, list[Corner]]:
    """The directions in which borders leave each corner, the mask on their left."""
    inside = np.pad(mask, 1)
    here = inside[1:-1, 1:-1]
    sides = (
        (inside[1:-1, :-2], (0, 0), (1, 0)),  # the side towards lower j is walked from the pixel's corner along i
        (inside[2:, 1:-1], (1, 0), (0, 1)),
        (inside[1:-1, 2:], (1, 1), (-1, 0)),
        (inside[:-2, 1:-1], (0, 1), (0, -1)),
    )
    ways: dict[Corner, list[Corner]] = {}
    for neighbour, begin, way in sides:
        for a, b in (np.argwhere(here & ~neighbour) + begin).tolist():
            ways.setdefault((a, b), []).append(way)
    return ways


def _join(hole: list[Corner], owner: dict[Corner, list[Corner]]) -> None:
    """Put a hole into the outline to its left, with a line to it and back; `owner` has the outline of each corner."""
    corner = min(hole)  # nothing but mask lies to the left of the leftmost corner, until a border comes
    line = []
    while corner not in owner:
        line.append(corner)
        corner = (corner[0] - 1, corner[1])
    outline, first = owner[corner], hole.index(min(hole))
    there = outline.index(corner)
    outline[there + 1 : there + 1] = [*line[:0:-1], *hole[first:], *hole[:first], *line, corner]
    owner.update(dict.fromkeys(hole, outline))


def _doubled_area(loop: list[Corner]) -> int:
    """Twice the signed area of a loop of corners: positive around pixels of the mask, negative around a hole."""
    a, b = np.array(loop).T
    return int(a @ np.roll(b, -1) - b @ np.roll(a, -1))


def _without_straight(loop: list[Corner]) -> NDArray[np.float64]:
    """The corners where the outline turns, as pixel indices."""
    corners = np.array(loop)
    ahead = np.roll(corners, -1, axis=0) - corners
    turns = (ahead != np.roll(ahead, 1, axis=0)).any(axis=1)
    return np.asarray(corners[turns] - 0.5, dtype=np.float64)
