"""Volumes to napari layers and back: what a layer is, where it comes from, which grid it lies on. No window needed.

The true affine stays in `Origin.grid`; how a grid is laid out in napari's world is `layers.axes`, given on here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.dicomseg.masks import smallest_type
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array, label_values
from monai_attn.napari.layers.axes import (
    camera_orientation,
    compatible,
    displayed_point,
    displayed_shape,
    oblique_degrees,
    patient_point,
    placement,
    ras_of,
    to_display,
    to_native,
    world_of,
)
from monai_attn.napari.layers.colours import ready_to_draw
from monai_attn.volume import GRID_TOLERANCE, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.colormaps import DirectLabelColormap

__all__ = [
    "GROWING",
    "META",
    "WORLD_AXES",
    "LayerTuple",
    "Origin",
    "camera_orientation",
    "compatible",
    "displayed_point",
    "go_to",
    "grid_of",
    "image_layer",
    "is_moved",
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

WORLD_AXES: dict[str, Any] = {"axis_labels": ("S", "P", "L"), "units": ("mm", "mm", "mm")}
"""World axes and units of every layer; one layer without units switches them off for all."""

GROWING = "growing"
"""Role of the labels that a run has finished so far: they are for looking, and `display_only`."""

UNNAMED_COLOUR = "#c8c8c8"
"""Of a label that the table does not name: painted by hand, and to be seen."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a layer comes from: the volume as read, its file, the names of its labels.

    `role` says what it shows: "image", "labels", "attention", "uncertainty", "error", "reference", `GROWING`.
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
    """An image layer that shows a volume without copying it; `extra` are further keywords of the layer.

    The array is shown as a view, along S, P, L. `scale` and `translate` are in mm of napari's world.
    """
    scale, translate = placement(volume)
    keywords = {
        "name": name,
        "scale": scale,
        "translate": translate,
        "metadata": {META: Origin(volume, path, None, role, display_only)},
        "rgb": False,  # napari takes three or four voxels from right to left for colours
        **WORLD_AXES,
        **extra,
    }
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

    The copy has the smallest unsigned integer type that holds its largest label, in the order S, P, L.
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
        "colormap": ready_to_draw(label_colormap(known), painted.dtype),
        "features": label_features(known),
        **WORLD_AXES,
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
    """The labels that occur, without sorting the voxels.

    Ascending, without background (0); [] for an array of background alone.
    """
    return label_values(array)


def origin_of(layer: Layer) -> Origin | None:
    """Where a layer of ours comes from; None for a layer made elsewhere."""
    origin = layer.metadata.get(META)
    return origin if isinstance(origin, Origin) else None


def grid_of(layer: Layer, layers: Iterable[Layer] = ()) -> Volume:
    """The native grid of a layer.

    A layer made in napari ("new labels") has that of the layer among `layers` of the same shape and place. Raises
    `GeometryError` when there is none, when two such layers lie differently in the patient, and for a layer that the
    user has moved.
    """
    origin = origin_of(layer)
    if origin is not None:
        if is_moved(layer):
            raise GeometryError(
                f"The layer {layer.name!r} was moved in napari, so it is not shown where it lies in the patient. "
                'Undo that: click on its button "transform" with the Alt key held.'
            )
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


def is_moved(layer: Layer) -> bool:
    """Whether a layer of ours is shown elsewhere than its grid is, as after a drag in napari's mode "transform"."""
    origin = origin_of(layer)
    return origin is not None and layer.ndim == 3 and not _is_placed(layer, origin.grid)


def volume_of(layer: Layer, layers: Iterable[Layer] = ()) -> Volume:
    """What a layer shows now, labels as painted, on its native grid: a view, which later painting changes.

    Labels have no modality and no unit. Raises as `grid_of` does.
    """
    grid = grid_of(layer, layers)
    volume = replace(grid, array=to_native(np.asarray(layer.data), grid))
    return replace(volume, modality="", unit="", notes=()) if _is_labels(layer) else volume


def go_to(viewer: ViewerModel, point_world: Sequence[float]) -> None:
    """Show a place of napari's world, (S, P, L) in mm: move all sliders to it and the camera over it.

    Leading axes, such as time, keep their place.
    """
    ndim = viewer.dims.ndim
    axes = range(ndim - 3, ndim)
    viewer.dims.set_point(list(axes), list(point_world))
    centre = [float(point_world[axis - axes[0]]) if axis in axes else 0.0 for axis in viewer.dims.displayed]
    viewer.scene.camera.center = (0.0, *centre)[-3:]


def _lies_on(layer: Layer, grid: Volume) -> bool:
    """Whether a layer has the shape, scale and place with which a grid is shown, and is not turned."""
    return layer.ndim == 3 and tuple(layer.data.shape) == displayed_shape(grid) and _is_placed(layer, grid)


def _is_placed(layer: Layer, grid: Volume) -> bool:
    """Whether a layer in three axes has the scale and place with which a grid is shown, and is not turned."""
    shown = layer._data_to_world.affine_matrix  # scale, translate, rotate, shear and affine together
    scale, translate = placement(grid)
    apart = np.abs(shown - np.vstack([np.column_stack([np.diag(scale), translate]), [0, 0, 0, 1]]))
    reach = [*displayed_shape(grid), 1]
    return bool((apart[:3] * reach).max() <= GRID_TOLERANCE * min(scale))


def _is_labels(layer: Layer) -> bool:
    return bool(layer._type_string == "labels")
