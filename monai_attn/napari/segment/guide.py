"""Boxes of the patient as they are placed by a click and dragged by their faces; pure functions, no window.

A box lies along the patient's axes, `Box` in RAS+ mm. napari's world has the axes (S, P, L) in mm. On an oblique grid,
which is shown upright, a box is shown with its true centre and edge lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.bundle.describe import BundleDescription
from monai_attn.napari.layers.volumes import displayed_point, patient_point
from monai_attn.preflight.figures import size_mm
from monai_attn.preflight.images import LARGE
from monai_attn.preflight.made_for import MadeFor
from monai_attn.volume import Box, Volume

__all__ = [
    "DEFAULT_SIZE_MM",
    "Grip",
    "bounds_of",
    "box_of_bounds",
    "dragged",
    "grip_at",
    "named_boxes",
    "needs_box",
    "overlap",
    "trained_size_mm",
]

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The lower and the upper corner of a box, `(3,)` each, in napari's world (S, P, L) in mm."""

DEFAULT_SIZE_MM = (60.0, 60.0, 60.0)
"""The box of a bundle that does not say on what sizes it was trained."""

SMALLEST_MM = 4.0
"""A face cannot be dragged closer to the opposite one."""

SHARE = 0.75
"""Where the box lies between the smallest and the largest training image: rather large, as a click is never exact."""


def trained_size_mm(bundle: BundleDescription) -> tuple[float, float, float]:
    """The edges in mm, along R, A and S, of the box that a click makes.

    Three quarters of the way from the smallest training image to the largest; 60 mm where the bundle does not say.
    """
    made_for = MadeFor.from_json(bundle.made_for)
    ranges = list(made_for.images.values()) if made_for is not None else []
    if not ranges:
        return DEFAULT_SIZE_MM
    least, most = (np.array(corner) for corner in ranges[0].size_mm)
    r, a, s = (float(edge) for edge in np.round(least + SHARE * (most - least)))
    return r, a, s


def bounds_of(box: Box, grid: Volume) -> Bounds:
    """Where a box is drawn in napari's world, on the grid of an image.

    >>> lower, upper = bounds_of(Box((0, 0, 0), (10, 20, 30)), Volume(np.zeros((4, 4, 4))))
    >>> lower.tolist(), upper.tolist()
    ([0.0, -20.0, -10.0], [30.0, 0.0, 0.0])
    """
    low, high = np.array(box.lower_mm), np.array(box.upper_mm)
    centre = np.asarray(displayed_point(grid, tuple((low + high) / 2)), dtype=float)
    half = (high - low)[::-1] / 2  # R, A, S to S, P, L
    return centre - half, centre + half


def box_of_bounds(bounds: Bounds, grid: Volume) -> Box:
    """The inverse of `bounds_of`."""
    lower, upper = bounds
    return Box.around(patient_point(grid, tuple((lower + upper) / 2)), tuple((upper - lower)[::-1]))


def needs_box(bundle: BundleDescription, grid: Volume) -> bool:
    """Whether an image is larger than any that the bundle was trained on, so that a part has to be chosen."""
    made_for = MadeFor.from_json(bundle.made_for)
    ranges = list(made_for.images.values()) if made_for is not None else []
    return bool(ranges) and bool((np.array(size_mm(grid)) > LARGE * np.array(ranges[0].size_mm[1])).any())


@dataclass(frozen=True)
class Grip:
    """What the mouse holds of a box: the number of the box, and the face; `axis` is None for the whole box.

    `axis` is 0 to 2 for S, P, L; `side` is 0 for the lower face and 1 for the upper one.
    """

    number: int
    axis: int | None = None
    side: int = 0


def grip_at(
    boxes: Sequence[Bounds], point: Sequence[float], shown: Sequence[int], reach_mm: float, slack_mm: float = 0.0
) -> Grip | None:
    """What of the boxes lies under a point of the world, in a plane that shows two axes; the last box first.

    A face is met within `reach_mm`. A box counts in the slices that it crosses, and within `slack_mm` of them, so that
    rounding to a slice loses no box. None where there is nothing.
    """
    place = np.asarray(point, dtype=float)
    hidden = [axis for axis in range(3) if axis not in shown]
    for number in reversed(range(len(boxes))):
        lower, upper = boxes[number]
        if any(not lower[axis] - slack_mm <= place[axis] <= upper[axis] + slack_mm for axis in hidden):
            continue
        if any(not lower[axis] - reach_mm <= place[axis] <= upper[axis] + reach_mm for axis in shown):
            continue
        near = [
            (abs(place[axis] - edge[axis]), axis, side) for axis in shown for side, edge in enumerate(boxes[number])
        ]
        apart, axis, side = min(near)
        return Grip(number, axis, side) if apart <= reach_mm else Grip(number)
    return None


def dragged(bounds: Bounds, grip: Grip, by: Sequence[float]) -> Bounds:
    """A box after the mouse moved by so many mm of the world: moved whole, or with one face moved.

    A face stops `SMALLEST_MM` before the opposite one.
    """
    lower, upper = bounds[0].copy(), bounds[1].copy()
    step = np.asarray(by, dtype=float)
    if grip.axis is None:
        return lower + step, upper + step
    if grip.side == 0:
        lower[grip.axis] = min(lower[grip.axis] + step[grip.axis], upper[grip.axis] - SMALLEST_MM)
    else:
        upper[grip.axis] = max(upper[grip.axis] + step[grip.axis], lower[grip.axis] + SMALLEST_MM)
    return lower, upper


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a part of the patient; touching is no overlap."""
    lower = np.maximum(one.lower_mm, other.lower_mm)
    return bool((lower < np.minimum(one.upper_mm, other.upper_mm)).all())


def named_boxes(boxes: Sequence[Box], grid: Volume) -> dict[str, Box]:
    """Boxes by name: "left" and "right" for two on either side of the image's middle, else "region 1", "region 2", ...

    >>> grid = Volume(np.zeros((9, 9, 9)))
    >>> sides = [Box.around((2, 4, 4), (1, 1, 1)), Box.around((6, 4, 4), (1, 1, 1))]
    >>> list(named_boxes(sides, grid))
    ['left', 'right']
    """
    middle = float(grid.to_world((np.array(grid.shape) - 1) / 2)[0])
    right = [(box.lower_mm[0] + box.upper_mm[0]) / 2 > middle for box in boxes]
    if len(boxes) == 2 and right[0] != right[1]:
        return {"right" if on_right else "left": box for box, on_right in zip(boxes, right, strict=True)}
    return {f"region {number}": box for number, box in enumerate(boxes, 1)}
