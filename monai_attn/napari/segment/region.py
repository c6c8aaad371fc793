"""A region in patient millimetres from what is drawn or seen: rectangles in napari's world to a `Box`.

napari's world has the axes (S, P, L) in mm, a `Box` lies along the patient's axes in RAS+ mm. Only a window needs this
file: on the command line the region is written as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.errors import GeometryError
from monai_attn.napari.layers.volumes import WORLD_AXES, patient_point, placement, to_display
from monai_attn.volume import Box, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Shapes

__all__ = ["REGION", "box_text", "region_layer", "region_of_points", "region_of_shape", "region_of_view"]

REGION = "region"
"""Name of the shapes layer that regions are drawn on."""

FLAT_MM = 1e-3
"""What is thinner than this was drawn in a plane."""


def region_of_points(points_world: ArrayLike, grid: Volume, *, thickness_mm: float | None = None) -> Box:
    """The box of the patient around points `(N, 3)` in napari's world (S, P, L) in mm, as they lie on a grid.

    Along an axis on which all points agree the box is `thickness_mm` thick around them, without it as long as the grid.
    On an oblique grid, which is shown upright, it is the smallest box around the tilted one.

    >>> grid = Volume(np.zeros((40, 50, 60)), np.diag([2.0, 2.0, 2.0, 1.0]))
    >>> box = region_of_points([[10, -40, -30], [10, -20, -10]], grid, thickness_mm=8)
    >>> box.lower_mm, box.upper_mm
    ((10.0, 20.0, 6.0), (30.0, 40.0, 14.0))
    """
    points = np.asarray(points_world, dtype=float)
    lower, upper = points.min(axis=0), points.max(axis=0)
    first, last = _extent(grid)
    for axis in np.flatnonzero(upper - lower < FLAT_MM):
        if thickness_mm is None:
            lower[axis], upper[axis] = first[axis], last[axis]
        else:
            lower[axis], upper[axis] = lower[axis] - thickness_mm / 2, upper[axis] + thickness_mm / 2
    corners = [
        patient_point(grid, (s, p, left))
        for s in (lower[0], upper[0])
        for p in (lower[1], upper[1])
        for left in (lower[2], upper[2])
    ]
    (r0, a0, s0), (r1, a1, s1) = np.min(corners, axis=0), np.max(corners, axis=0)
    return Box((float(r0), float(a0), float(s0)), (float(r1), float(a1), float(s1)))


def region_of_shape(layer: Shapes, grid: Volume, *, thickness_mm: float | None = None) -> Box:
    """The box of the selected shape, else of the last one drawn, in RAS+ mm.

    A shape with two axes, drawn while no volume was open, goes through all slices whatever the thickness. Raises
    `GeometryError` when the layer has no shape.
    """
    if not layer.data:
        raise GeometryError(f"The layer {layer.name!r} has no shape. Draw a rectangle around the structure first.")
    number = max(layer.selected_data, default=len(layer.data) - 1)
    vertices = np.asarray(layer.data[number], dtype=float)
    points = np.array([layer.data_to_world(vertex) for vertex in vertices])
    if points.shape[1] == 2:  # drawn while nothing of three axes was there: on all slices
        points = np.hstack([np.repeat(_extent(grid)[0][:1], len(points))[:, None], points])
        thickness_mm = None
    return region_of_points(points, grid, thickness_mm=thickness_mm)


def region_of_view(viewer: ViewerModel, layer: Image, grid: Volume, *, thickness_mm: float | None = None) -> Box:
    """The box of what is on the screen of an image; through all slices, or `thickness_mm` around the shown one.

    Raises `GeometryError` when the image is not on the screen.
    """
    displayed = list(viewer.dims.displayed)[-3:]
    corners = np.array(layer.corner_pixels, dtype=float)
    corners = np.array([layer.data_to_world(corner) for corner in corners])[:, -3:]
    offset = viewer.dims.ndim - 3
    point = np.asarray(viewer.dims.point[-3:], dtype=float)
    hidden = [axis for axis in range(3) if axis + offset not in displayed]
    corners[:, hidden] = point[hidden]
    first, last = _extent(grid)
    shown = [axis for axis in range(3) if axis not in hidden]
    corners = np.clip(corners, np.minimum(first, last), np.maximum(first, last))
    if (np.ptp(corners[:, shown], axis=0) < FLAT_MM).any():
        raise GeometryError(f"The image {layer.name!r} is not on the screen. Bring it into view, or draw a rectangle.")
    return region_of_points(corners, grid, thickness_mm=thickness_mm)


def region_layer(name: str = REGION) -> tuple[list[Any], dict[str, Any], str]:
    """An empty shapes layer in world millimetres to draw regions on: data, keywords and kind of a layer."""
    look = {"edge_color": "#ffd166", "face_color": "transparent", "edge_width": 1.0}
    return [], {"name": name, "ndim": 3, **look, **WORLD_AXES}, "shapes"


def box_text(box: Box) -> str:
    """A box and its size for a person, in mm from the origin of the coordinates: "L" is to the patient's left.

    >>> box_text(Box((-45, -47, -32), (-9, 5, 8)))
    'L 9.0..45.0 A -47.0..5.0 S -32.0..8.0 mm (36 x 52 x 40 mm)'
    """
    size = np.subtract(box.upper_mm, box.lower_mm)
    sides = []
    for letters, lower, upper in zip(("RL", "AP", "SI"), box.lower_mm, box.upper_mm, strict=True):
        near, far, letter = (-upper, -lower, letters[1]) if upper <= 0 else (lower, upper, letters[0])
        sides.append(f"{letter} {near:.1f}..{far:.1f}")
    return f"{' '.join(sides)} mm ({' x '.join(f'{edge:.0f}' for edge in size)} mm)"


def _extent(grid: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first and the last voxel centre of a grid, in napari's world."""
    scale, translate = placement(grid)
    shape: Sequence[int] = to_display(grid.array, grid).shape
    return np.array(translate), np.array(translate) + (np.array(shape) - 1) * scale
