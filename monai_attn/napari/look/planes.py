"""The planes of a viewer: which world axes it shows, which way round, and what lies at the edges of the canvas.

Works on a `ViewerModel`, without a window. World axes are S, P, L in mm (`layers.volumes`); leading axes, such as time,
are left where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.napari.layers.volumes import camera_orientation, patient_point, ras_of, world_of
from monai_attn.report.planes import LETTERS
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = [
    "WORLD_ORDER",
    "Edges",
    "canvas_directions",
    "edge_letters",
    "letters_of",
    "orient",
    "plane_directions",
    "show_3d",
    "show_plane",
    "shown_plane",
]

Directions = tuple[NDArray[np.float64], NDArray[np.float64]]

WORLD_ORDER = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
"""Order of the world axes S, P, L: the one that the slider moves along, the one drawn upwards, the one drawn across."""

FROM_THE_FRONT = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""View and up in S, P, L: towards the back of the patient, head up."""

MINOR = 0.25
"""Cosine above which a direction is named by a second letter too: it then leans by 15 degrees from its main axis."""


@dataclass(frozen=True)
class Edges:
    """The letters at the edges of the canvas; "" where an axis is not one of the patient's.

    Letters as of `letters_of`: "R", or "RA" for an oblique axis.
    """

    left: str
    right: str
    bottom: str
    top: str


def show_plane(viewer: ViewerModel, plane: str, *, radiological: bool = True) -> None:
    """Show "axial", "coronal" or "sagittal" slices through the present point, superior or anterior up.

    `plane` is a key of `WORLD_ORDER`. The patient's right is on the left of the canvas where `radiological`, the view
    from the feet (axial) or from the front (coronal). The picture is fitted to the canvas.
    """
    _show(viewer, 2, WORLD_ORDER[plane], radiological)


def show_3d(viewer: ViewerModel, *, radiological: bool = True) -> None:
    """Show the scene in 3-D from the patient's front, head up, never mirrored.

    `radiological` changes nothing here.
    """
    _show(viewer, 3, WORLD_ORDER["axial"], radiological)
    viewer.scene.camera.set_view_direction(*FROM_THE_FRONT)
    viewer.fit_to_view()


def orient(viewer: ViewerModel, *, radiological: bool = True) -> None:
    """Turn the camera the way the axes it shows are looked at; leaves axes that are not the patient's alone.

    To be called when the axes on the canvas changed. Nothing is moved or scaled.
    """
    axes = shown_axes(viewer)
    if min(axes) >= 0:
        viewer.scene.camera.orientation = camera_orientation(axes, radiological=radiological)


def shown_axes(viewer: ViewerModel) -> tuple[int, ...]:
    """The world axes on the canvas as 0 (S), 1 (P), 2 (L), from depth to across; negative ones are not spatial.

    (1, 2) is an axial slice. A time axis before the three of space gives a negative number.
    """
    extra = viewer.dims.ndim - 3
    return tuple(axis - extra for axis in viewer.dims.displayed)


def shown_plane(viewer: ViewerModel) -> str:
    """The plane shown, transposed or not; "3-D"; "" when it is none of the patient's planes."""
    axes = shown_axes(viewer)
    if len(axes) == 3:
        return "3-D"
    return next((name for name, order in WORLD_ORDER.items() if set(axes) == set(order[1:])), "")


def canvas_directions(viewer: ViewerModel, grid: Volume | None = None) -> Directions:
    """Where the canvas's right and top point in the patient: two unit vectors in RAS+, or zeros for other axes.

    With a grid, where they point in an oblique image, which is drawn upright.

    In 3-D they follow the camera as the user turns it. In 2-D they lie along the patient's axes, unless the grid is
    oblique.
    """
    axes, camera = shown_axes(viewer), viewer.scene.camera
    away, up, right = _pointing(axes, [str(word) for word in camera.orientation])
    if len(axes) == 3:
        mirrored = np.dot(np.cross(ras_of(away), ras_of(up)), ras_of(right)) < 0
        base = _unit_vectors(axes)
        away, up = (np.asarray(direction) @ base for direction in (camera.view_direction, camera.up_direction))
        across = np.cross(ras_of(away), ras_of(up))
        right = np.array(world_of(-across if mirrored else across))
    return _in_patient(right, grid), _in_patient(up, grid)


def plane_directions(plane: str, grid: Volume | None = None, *, radiological: bool = True) -> Directions:
    """What `canvas_directions` gives for a viewer that shows "axial", "coronal" or "sagittal" slices.

    The pair is (right, up), in RAS+, of the pane and not of the canvas.

        >>> right, up = plane_directions("axial")
        >>> letters_of(right), letters_of(up)
        ('L', 'A')
    """
    axes = WORLD_ORDER[plane][1:]
    _, up, right = _pointing(axes, camera_orientation(axes, radiological=radiological))
    return _in_patient(right, grid), _in_patient(up, grid)


def letters_of(direction_ras: ArrayLike) -> str:
    """A direction as letters, the main one first: "A", "AS" when it leans by more than 15 degrees, "" for none.

    `direction_ras` is a unit vector (R, A, S). At most three letters.

        >>> letters_of((0.0, 0.94, 0.34)), letters_of((0, 0, 0))
        ('AS', '')
    """
    direction = np.asarray(direction_ras, float)
    named = sorted((-abs(part), pair[int(part > 0)]) for pair, part in zip(LETTERS, direction, strict=True))
    return "".join(letter for size, letter in named if -size > MINOR)


def edge_letters(right_ras: ArrayLike, up_ras: ArrayLike) -> Edges:
    """The letters at the edges of a canvas whose right and top point there.

    Opposite edges get opposite letters.

        >>> edge_letters((-1, 0, 0), (0, 1, 0))
        Edges(left='R', right='L', bottom='P', top='A')
    """
    right, up = np.asarray(right_ras, float), np.asarray(up_ras, float)
    return Edges(letters_of(-right), letters_of(right), letters_of(-up), letters_of(up))


def _show(viewer: ViewerModel, ndisplay: int, order: tuple[int, int, int], radiological: bool) -> None:
    """Show axes in an order, and keep the point of the viewer."""
    point, extra = viewer.dims.point, viewer.dims.ndim - 3
    viewer.dims.ndisplay = ndisplay
    if extra >= 0:
        viewer.dims.order = (*range(extra), *(axis + extra for axis in order))
    orient(viewer, radiological=radiological)
    viewer.dims.point = point  # leaving 3-D, napari moves the slice to the centre of the camera
    viewer.fit_to_view()


def _pointing(axes: tuple[int, ...], orientation: Sequence[str]) -> NDArray[np.float64]:
    """Away, up and right on the canvas as rows in S, P, L; zeros where the axis there is none of them."""
    signs = [1.0 if word in ("away", "up", "right") else -1.0 for word in orientation]
    return np.array(signs)[:, None] * _unit_vectors(axes)


def _in_patient(direction: ArrayLike, grid: Volume | None) -> NDArray[np.float64]:
    """A direction of the world (S, P, L) in RAS+, as an oblique grid shows it."""
    return np.array(ras_of(direction) if grid is None else patient_point(grid, direction))


def _unit_vectors(axes: tuple[int, ...]) -> NDArray[np.float64]:
    """For depth, vertical and horizontal: the world axis there, in S, P, L; zeros where there is none of them."""
    vectors = np.zeros((3, 3))
    for row, axis in zip((-1, -2, -3), reversed(axes), strict=False):
        if axis >= 0:
            vectors[row, axis] = 1.0
    return vectors
