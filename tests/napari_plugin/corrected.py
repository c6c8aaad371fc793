"""A viewer with a CT and a mask on an awkward grid, and the mouse, without a window."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from bodies import draw, grid, sphere
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import displayed_point, image_layer, labels_layer
from monai_attn.volume import Volume

TABLE = LabelTable.of_names({1: "liver", 2: "tumour", 3: "vein"})


def phantom(*, turn_deg: tuple[float, float, float] = (0, 0, 0), flip: tuple[int, int, int] = (-1, 1, 1)) -> Volume:
    """A liver of 10 mm radius, and within it a tumour of 3 mm."""
    on = grid((0.8, 1.1, 2.5), turn_deg=turn_deg, reach_mm=17, flip=flip)
    return draw(sphere(3, (2, 1, 0)), draw(sphere(10), on), 2)


def opened(mask: Volume, *, path: str | None = "case_1.nii.gz") -> tuple[ViewerModel, Image, Labels]:
    """A viewer with a CT of the mask, 100 HU within and 0 outside, and the mask as the active layer."""
    viewer = ViewerModel()
    hounsfield = mask.with_array(np.where(mask.array > 0, 100, 0).astype(np.int16))
    image = viewer._add_layer_from_data(*image_layer(hounsfield, name="ct", path=path))[0]
    labels = viewer._add_layer_from_data(*labels_layer(mask, name="mask", table=TABLE))[0]
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    viewer.layers.selection.active = labels
    return viewer, image, labels


def show_middle(viewer: ViewerModel, mask: Volume, index: tuple[float, ...] | None = None) -> tuple[float, ...]:
    """Move the sliders to a voxel, the middle one if none is given; its place in the world."""
    middle = np.array(mask.shape) // 2 if index is None else index
    place = displayed_point(mask, mask.to_world(middle))
    viewer.dims.set_point((0, 1, 2), place)
    return place


def event(viewer: ViewerModel, place: tuple[float, ...], kind: str, button: int = 1) -> Any:
    plain = SimpleNamespace(
        position=place,
        type=kind,
        button=button,
        dims_displayed=list(viewer.dims.displayed),
        view_direction=None,
        modifiers=(),
        pos=(0, 0),
        handled=False,
        is_dragging=kind == "mouse_move",
    )
    return ReadOnlyWrapper(plain, exceptions=("handled",))


def drag(viewer: ViewerModel, layer: Labels, *places: tuple[float, ...], button: int = 1) -> None:
    """Press the mouse at the first place, move over the others, release at the last."""
    mouse_press_callbacks(layer, event(viewer, places[0], "mouse_press", button))
    for place in places[1:]:
        mouse_move_callbacks(layer, event(viewer, place, "mouse_move", button))
    mouse_release_callbacks(layer, event(viewer, places[-1], "mouse_release", button))
