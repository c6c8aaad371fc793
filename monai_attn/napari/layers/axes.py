"""Where a grid is shown in napari's world, and which point of the patient lies there. No napari in it.

The world axes of every layer are S, P, L in millimetres: DICOM's LPS+ in reversed order. With positive scale napari
then draws the patient's right on the left and anterior up. An array is shown with its axes in the closest of these
directions, flipped and transposed but never resampled.

An oblique grid is drawn upright. It is turned about the origin of the patient's coordinates, so that all grids
of the same directions overlay correctly; `displayed_point` and `patient_point` go between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.errors import GeometryError
from monai_attn.volume import Volume

__all__ = [
    "camera_orientation",
    "compatible",
    "displayed_point",
    "displayed_shape",
    "oblique_degrees",
    "patient_point",
    "placement",
    "ras_of",
    "to_display",
    "to_native",
    "world_of",
]

RAS_TO_SPL = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Right, anterior, superior to superior, posterior, left. Its transpose is its inverse."""


def to_display(array: NDArray[np.generic], grid: Volume) -> NDArray[np.generic]:
    """The array (I, J, K) with its axes along S, P, L: a view, flipped and transposed.

    Row 0 is then the most inferior slice, column 0 the most anterior, and the last axis begins at the patient's right.
    Painting on the view changes the array that was given.
    """
    axes, backwards = _axes(grid)
    return array.transpose(axes)[_flips(backwards)]


def to_native(array: NDArray[np.generic], grid: Volume) -> NDArray[np.generic]:
    """The inverse of `to_display`. Raises `GeometryError` when the array does not have the shape of the grid."""
    axes, backwards = _axes(grid)
    shape = displayed_shape(grid)
    if array.shape != shape:
        raise GeometryError(f"A layer of shape {array.shape} does not fit its grid, shown as {shape}.")
    return array[_flips(backwards)].transpose(np.argsort(axes))


def displayed_shape(grid: Volume) -> tuple[int, int, int]:
    """The shape of the displayed array: voxels along S, P and L."""
    s, p, left = (grid.shape[axis] for axis in _axes(grid)[0])
    return s, p, left


def placement(grid: Volume) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Scale and translate, in mm, with which napari shows the displayed array; the scale is positive.

    `translate` is the centre of the first displayed voxel, as napari has it. For an oblique grid the point is the one
    that `displayed_point` gives.
    """
    axes, backwards = _axes(grid)
    first = [grid.shape[axis] - 1 if back else 0 for axis, back in zip(axes, backwards, strict=True)]
    index = np.zeros(3)
    index[list(axes)] = first
    s, p, left = (grid.spacing_mm[axis] for axis in axes)
    return (s, p, left), displayed_point(grid, grid.to_world(index))


def world_of(point_ras_mm: ArrayLike) -> tuple[float, float, float]:
    """A point of the patient, (R, A, S) in mm, in napari's world: (S, P, L).

    Exact: the numbers are only reordered, and R and A change their sign.

        >>> world_of((10.0, 20.0, 30.0))
        (30.0, -20.0, -10.0)
    """
    s, p, left = (float(x) for x in RAS_TO_SPL @ np.asarray(point_ras_mm, float))
    return s, p, left


def ras_of(world: ArrayLike) -> tuple[float, float, float]:
    """The inverse of `world_of`: what stands under the cursor on a grid that is not oblique.

    >>> ras_of((30.0, -20.0, -10.0))
    (10.0, 20.0, 30.0)
    """
    r, a, s = (float(x) for x in RAS_TO_SPL.T @ np.asarray(world, float))
    return r, a, s


def displayed_point(grid: Volume, point_ras_mm: ArrayLike) -> tuple[float, float, float]:
    """Where in napari's world a grid shows a point of the patient; `world_of` it unless the grid is oblique."""
    s, p, left = (float(x) for x in np.linalg.solve(_directions(grid), world_of(point_ras_mm)))
    return s, p, left


def patient_point(grid: Volume, world: ArrayLike) -> tuple[float, float, float]:
    """The point of the patient, (R, A, S) in mm, that a grid shows at a place of napari's world.

    The inverse of `displayed_point` for the same grid: what a click on a layer of this grid points at in the patient.
    """
    return ras_of(_directions(grid) @ np.asarray(world, float))


def oblique_degrees(grid: Volume) -> float:
    """Angle between what is shown upright and the patient's axes.

    The largest such angle in degrees, `Volume.oblique_deg`; 0 for a grid along the patient's axes.
    """
    return grid.oblique_deg


def compatible(one: Volume, other: Volume) -> bool:
    """Whether two grids overlay correctly: no corner of either is shown half a voxel apart in the other's place.

    The half voxel is half of the smallest spacing of both grids. Two grids with the same directions always fit, however
    their spacings differ; two grids at different angles do not, where the angle moves a corner that far.
    """
    if one is other:
        return True
    corners = RAS_TO_SPL @ np.concatenate([_corner_points(one), _corner_points(other)]).T  # (3, 16)
    apart = np.linalg.solve(_directions(one), corners) - np.linalg.solve(_directions(other), corners)
    limit = min(*one.spacing_mm, *other.spacing_mm) / 2
    return bool(np.linalg.norm(apart, axis=0).max() <= limit)


def camera_orientation(displayed: Sequence[int], *, radiological: bool = True) -> tuple[str, str, str]:
    """How a camera looks at the world axes it shows, from `dims.displayed`: superior up, anterior up or left.

    Radiological: the patient's right on the left of the screen. In 3-D nothing is ever mirrored.

    The three words are napari's, for depth, vertical and horizontal axis. `displayed` holds 2 or 3 world axes: 0 for S,
    1 for P, 2 for L.

        >>> camera_orientation((1, 2))
        ('away', 'down', 'right')
        >>> camera_orientation((1, 2), radiological=False)
        ('away', 'down', 'left')
    """
    if len(displayed) == 3:
        even = sum(displayed[i] > displayed[j] for i in range(3) for j in range(i + 1, 3)) % 2 == 0
        up = displayed[1] == 0
        return ("away" if even != up else "towards", "up" if up else "down", "right")
    vertical, horizontal = displayed[-2:]
    mirrored = horizontal == 2 and not radiological
    return "away", "up" if vertical == 0 else "down", "left" if mirrored else "right"


def _axes(grid: Volume) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """For S, P and L: which voxel axis follows it, and whether backwards."""
    letters = grid.orientation
    places = [(letters.find(ahead), letters.find(back)) for ahead, back in ("SI", "PA", "LR")]
    s, p, left = (max(pair) for pair in places)
    down, front, right = (pair[1] >= 0 for pair in places)
    return (s, p, left), (down, front, right)


def _flips(backwards: tuple[bool, bool, bool]) -> tuple[slice, ...]:
    """Slices that reverse the displayed axes along which the voxel index runs backwards."""
    return tuple(slice(None, None, -1 if back else 1) for back in backwards)


def _directions(grid: Volume) -> NDArray[np.float64]:
    """Unit vectors (columns), in S, P, L, of the displayed axes; the identity unless the grid is oblique."""
    if grid not in _KNOWN:  # asked for several times at each slice that is shown
        axes, backwards = _axes(grid)
        _KNOWN[grid] = RAS_TO_SPL @ grid.directions[:, list(axes)] * np.where(backwards, -1.0, 1.0)
    return _KNOWN[grid]


_KNOWN: WeakKeyDictionary[Volume, NDArray[np.float64]] = WeakKeyDictionary()
"""The directions of the grids that are open."""


def _corner_points(grid: Volume) -> NDArray[np.float64]:
    """The centres of the eight corner voxels, `(8, 3)`, in RAS+ mm."""
    ends = [(0.0, size - 1.0) for size in grid.shape]
    return grid.to_world(np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3))
