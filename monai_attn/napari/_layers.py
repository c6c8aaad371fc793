"""Volumes to napari layers and back: axes, places and names. Pure functions without a window.

World axes of every layer are S, P, L in millimetres, that is DICOM's LPS+ in reversed order: with positive scale napari
then draws the patient's right on the left and anterior up. An array is shown with its axes in the closest of these
directions, flipped and transposed but never resampled; the true affine stays in `Origin.grid`.

An oblique grid is drawn upright. It is turned about the origin of the patient's coordinates, so that all grids
of the same directions overlay correctly; `displayed_point` and `patient_point` go between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.dicomseg.masks import smallest_type
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array
from monai_attn.volume import GRID_TOLERANCE, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.colormaps import DirectLabelColormap

__all__ = [
    "META",
    "PLACE",
    "LayerTuple",
    "Origin",
    "camera_orientation",
    "compatible",
    "displayed_point",
    "go_to",
    "grid_of",
    "image_layer",
    "label_colormap",
    "label_features",
    "labels_layer",
    "oblique_degrees",
    "origin_of",
    "patient_point",
    "placement",
    "ras_of",
    "to_display",
    "to_native",
    "values_in",
    "volume_of",
    "world_of",
]

META = "monai_attn"
"""Key of our `Origin` in a layer's metadata."""

LayerTuple = tuple[NDArray[np.generic], dict[str, Any], str]
"""What a napari reader gives: data, keywords of the layer, "image" or "labels"."""

PLACE: dict[str, Any] = {"axis_labels": ("S", "P", "L"), "units": ("mm", "mm", "mm")}
"""World axes and units of every layer; one layer without units switches them off for all."""

RAS_TO_SPL = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Right, anterior, superior to superior, posterior, left. Its transpose is its inverse."""

UNNAMED_COLOUR = "#c8c8c8"
"""Of a label that the table does not name: painted by hand, and to be seen."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a layer comes from: the volume as read, its file, the names of its labels.

    `role` says what it shows: "image", "labels", "attention", "uncertainty", "error", "reference".
    A `display_only` layer was resampled for the eye; it is never saved or segmented. `series` and `volume` choose
    within `path`, as for `monai_attn.io.read`, where it holds several.
    """

    grid: Volume
    path: str | None = None
    table: LabelTable | None = None
    role: str = "image"
    display_only: bool = False
    series: str | None = None
    volume: int | None = None


def image_layer(
    volume: Volume,
    *,
    name: str,
    path: str | None = None,
    role: str = "image",
    display_only: bool = False,
    **extra: Any,
) -> LayerTuple:
    """An image layer that shows a volume without copying it; `extra` are further keywords of the layer."""
    scale, translate = placement(volume)
    origin = Origin(volume, path, None, role, display_only)
    keywords = {"name": name, "scale": scale, "translate": translate, "metadata": {META: origin}, **PLACE, **extra}
    return to_display(volume.array, volume), keywords, "image"


def labels_layer(
    volume: Volume,
    *,
    name: str,
    table: LabelTable | None = None,
    path: str | None = None,
    role: str = "labels",
    display_only: bool = False,
    **extra: Any,
) -> LayerTuple:
    """A labels layer with a copy of a label map, to be painted on, in the colours and names of its table.

    Without a table every value found is named "label N". Raises `LabelError` on fractions and negative values.
    """
    array = label_array(volume)
    small = array.astype(smallest_type(int(array.max())), copy=False)
    painted = np.array(to_display(small, volume), order="C", copy=True)
    known = table or LabelTable.of_names({value: f"label {value}" for value in values_in(painted)})
    scale, translate = placement(volume)
    origin = Origin(volume, path, known, role, display_only)
    keywords = {
        "name": name,
        "scale": scale,
        "translate": translate,
        "metadata": {META: origin},
        "colormap": label_colormap(known),
        "features": label_features(known),
        **PLACE,
        **extra,
    }
    return painted, keywords, "labels"


def label_colormap(table: LabelTable) -> DirectLabelColormap:
    """The colours of a table; background is clear, and labels without a name are grey."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, str] = {None: UNNAMED_COLOUR, 0: "transparent"}
    return DirectLabelColormap(color_dict=colours | {label.value: label.colour for label in table})


def label_features(table: LabelTable) -> dict[str, list[Any]]:
    """Names by label value, as napari's status bar shows them."""
    return {"index": [label.value for label in table], "name": [label.name for label in table]}


def values_in(array: NDArray[np.generic]) -> list[int]:
    """The labels that occur, without sorting the voxels."""
    present = np.zeros(int(array.max()) + 1, bool)
    for plane in array:
        present[plane] = True
    return [int(value) for value in np.flatnonzero(present) if value]


def origin_of(layer: Layer) -> Origin | None:
    """Where a layer of ours comes from; None for a layer made elsewhere."""
    origin = layer.metadata.get(META)
    return origin if isinstance(origin, Origin) else None


def grid_of(layer: Layer, layers: Iterable[Layer] = ()) -> Volume:
    """The native grid of a layer.

    A layer made in napari ("new labels") has that of the layer among `layers` of the same shape and place. Raises
    `GeometryError` when there is none, or when two such layers lie differently in the patient.
    """
    origin = origin_of(layer)
    if origin is not None:
        return origin.grid
    likely = [other for other in map(origin_of, layers) if other is not None]
    found = [other.grid for other in likely if not other.display_only and _lies_on(layer, other.grid)]
    if not found:
        raise GeometryError(
            f"The layer {layer.name!r} was not opened with monai-attn and lies on the grid of no image that was, so "
            'its place in the patient is not known. Select the image first, then make the layer with "new labels".'
        )
    if not all(compatible(found[0], other) for other in found[1:]):
        raise GeometryError(
            f"The layer {layer.name!r} fits several images that lie differently in the patient. "
            "Remove all but the one it was drawn on."
        )
    return found[0]


def volume_of(layer: Layer, layers: Iterable[Layer] = ()) -> Volume:
    """What a layer shows now, labels as painted, on its native grid: a view, which later painting changes.

    Labels have no modality and no unit. Raises as `grid_of` does.
    """
    grid = grid_of(layer, layers)
    volume = replace(grid, array=to_native(np.asarray(layer.data), grid))
    return replace(volume, modality="", unit="", notes=()) if _is_labels(layer) else volume


def to_display(array: NDArray[np.generic], grid: Volume) -> NDArray[np.generic]:
    """The array (I, J, K) with its axes along S, P, L: a view, flipped and transposed."""
    axes, backwards = _axes(grid)
    return array.transpose(axes)[_flips(backwards)]


def to_native(array: NDArray[np.generic], grid: Volume) -> NDArray[np.generic]:
    """The inverse of `to_display`. Raises `GeometryError` when the array does not have the shape of the grid."""
    axes, backwards = _axes(grid)
    shape = tuple(grid.shape[axis] for axis in axes)
    if array.shape != shape:
        raise GeometryError(f"A layer of shape {array.shape} does not fit its grid, shown as {shape}.")
    return array[_flips(backwards)].transpose(np.argsort(axes))


def placement(grid: Volume) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Scale and translate, in mm, with which napari shows the displayed array; the scale is positive."""
    axes, backwards = _axes(grid)
    first = [grid.shape[axis] - 1 if back else 0 for axis, back in zip(axes, backwards, strict=True)]
    index = np.zeros(3)
    index[list(axes)] = first
    s, p, left = (grid.spacing_mm[axis] for axis in axes)
    return (s, p, left), displayed_point(grid, grid.to_world(index))


def world_of(point_ras_mm: ArrayLike) -> tuple[float, float, float]:
    """A point of the patient, (R, A, S) in mm, in napari's world: (S, P, L)."""
    s, p, left = (float(x) for x in RAS_TO_SPL @ np.asarray(point_ras_mm, float))
    return s, p, left


def ras_of(world: ArrayLike) -> tuple[float, float, float]:
    """The inverse of `world_of`: what stands under the cursor on a grid that is not oblique."""
    r, a, s = (float(x) for x in RAS_TO_SPL.T @ np.asarray(world, float))
    return r, a, s


def displayed_point(grid: Volume, point_ras_mm: ArrayLike) -> tuple[float, float, float]:
    """Where in napari's world a grid shows a point of the patient; `world_of` it unless the grid is oblique."""
    s, p, left = (float(x) for x in np.linalg.solve(_directions(grid), world_of(point_ras_mm)))
    return s, p, left


def patient_point(grid: Volume, world: ArrayLike) -> tuple[float, float, float]:
    """The point of the patient, (R, A, S) in mm, that a grid shows at a place of napari's world."""
    return ras_of(_directions(grid) @ np.asarray(world, float))


def oblique_degrees(grid: Volume) -> float:
    """Angle between what is shown upright and the patient's axes."""
    return grid.oblique_deg


def compatible(one: Volume, other: Volume) -> bool:
    """Whether two grids overlay correctly: no corner of either is shown half a voxel apart in the other's place."""
    corners = [*_corner_points(one), *_corner_points(other)]
    apart = [np.subtract(displayed_point(one, corner), displayed_point(other, corner)) for corner in corners]
    limit = min(*one.spacing_mm, *other.spacing_mm) / 2
    return bool(np.linalg.norm(apart, axis=1).max() <= limit)


def camera_orientation(displayed: Sequence[int], *, radiological: bool = True) -> tuple[str, str, str]:
    """How a camera looks at the world axes it shows, from `dims.displayed`: superior up, anterior up or left.

    Radiological: the patient's right on the left of the screen. In 3-D nothing is ever mirrored.
    """
    if len(displayed) == 3:
        even = sum(displayed[i] > displayed[j] for i in range(3) for j in range(i + 1, 3)) % 2 == 0
        up = displayed[1] == 0
        return ("away" if even != up else "towards", "up" if up else "down", "right")
    vertical, horizontal = displayed[-2:]
    mirrored = horizontal == 2 and not radiological
    return "away", "up" if vertical == 0 else "down", "left" if mirrored else "right"


def go_to(viewer: ViewerModel, point_world: Sequence[float]) -> None:
    """Show a place of napari's world, (S, P, L) in mm: move all sliders to it and the camera over it."""
    ndim = viewer.dims.ndim
    axes = range(ndim - 3, ndim)
    viewer.dims.set_point(list(axes), list(point_world))
    centre = [float(point_world[axis - axes[0]]) if axis in axes else 0.0 for axis in viewer.dims.displayed]
    viewer.scene.camera.center = (0.0, *centre)[-3:]


def _axes(grid: Volume) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """For S, P and L: which voxel axis follows it, and whether backwards."""
    letters = grid.orientation
    places = [(letters.find(ahead), letters.find(back)) for ahead, back in ("SI", "PA", "LR")]
    s, p, left = (max(pair) for pair in places)
    down, front, right = (pair[1] >= 0 for pair in places)
    return (s, p, left), (down, front, right)


def _flips(backwards: tuple[bool, bool, bool]) -> tuple[slice, ...]:
    return tuple(slice(None, None, -1 if back else 1) for back in backwards)


def _directions(grid: Volume) -> NDArray[np.float64]:
    """Unit vectors (columns), in S, P, L, of the displayed axes; the identity unless the grid is oblique."""
    axes, backwards = _axes(grid)
    directions: NDArray[np.float64] = RAS_TO_SPL @ grid.directions[:, list(axes)] * np.where(backwards, -1.0, 1.0)
    return directions


def _corner_points(grid: Volume) -> NDArray[np.float64]:
    ends = [(0.0, size - 1.0) for size in grid.shape]
    return grid.to_world(np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3))


def _lies_on(layer: Layer, grid: Volume) -> bool:
    """Whether a layer has the shape, scale and place with which a grid is shown, and is not turned."""
    axes, _ = _axes(grid)
    if layer.ndim != 3 or tuple(layer.data.shape) != tuple(grid.shape[axis] for axis in axes):
        return False
    shown = layer._data_to_world.affine_matrix  # scale, translate, rotate, shear and affine together
    scale, translate = placement(grid)
    apart = np.abs(shown - np.vstack([np.column_stack([np.diag(scale), translate]), [0, 0, 0, 1]]))
    reach = [*layer.data.shape, 1]
    return bool((apart[:3] * reach).max() <= GRID_TOLERANCE * min(scale))


def _is_labels(layer: Layer) -> bool:
    return bool(layer._type_string == "labels")
