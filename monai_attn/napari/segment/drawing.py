"""The region that is to be segmented, as the user drew or chose it in the window.

The panel "Segment" calls this file. How points of napari's world become a box of the patient stands in `region`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes

from monai_attn.errors import InputError
from monai_attn.napari.layers.volumes import grid_of
from monai_attn.napari.segment.region import REGION, region_layer, region_of_shape, region_of_view
from monai_attn.volume import Box

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["chosen_region", "draw_region", "keep_last"]


def draw_region(viewer: napari.viewer.Viewer, changed: Callable[[Any], None]) -> None:
    """Make or choose the layer of regions, ready to draw a rectangle; `changed` is called after each change of it.

    There is one layer of regions in a viewer, named "region". When it is there already, it is only made active.
    """
    if not any(isinstance(layer, Shapes) and layer.name == REGION for layer in viewer.layers):
        data, keywords, _ = region_layer()
        layer = viewer.add_shapes(data or None, **keywords)
        layer.events.data.connect(changed)
    layer = viewer.layers[REGION]
    viewer.layers.selection.active = layer
    layer.mode = "add_rectangle"


def keep_last(viewer: napari.viewer.Viewer) -> None:
    """Remove all shapes of the layer of regions but the last one: a new rectangle replaces the one before.

    Nothing happens while a shape is being drawn.
    """
    layer = next((one for one in viewer.layers if isinstance(one, Shapes) and one.name == REGION), None)
    if layer is not None and len(layer.data) > 1 and not layer._is_creating:
        layer.selected_data = set(range(len(layer.data) - 1))
        layer.remove_selected()


def chosen_region(viewer: napari.viewer.Viewer, kind: str, image: Image, thickness_mm: float | None) -> Box:
    """The region in patient millimetres: with kind "view" what is on the screen of the image, else the drawn shape.

    The box lies along the axes of the patient, in RAS+ mm. `thickness_mm` is the extent across the shown plane; None:
    through the whole image. Raises `InputError` when nothing was drawn. Raises `GeometryError` when the image is not on
    the screen, or the chosen layer of shapes holds no shape.
    """
    if kind == "view":
        return region_of_view(viewer, image, grid_of(image), thickness_mm=thickness_mm)
    return region_of_shape(_shapes(viewer), grid_of(image), thickness_mm=thickness_mm)


def _shapes(viewer: napari.viewer.Viewer) -> Shapes:
    """The layer of shapes that is active, else that of regions, else the last one."""
    active = viewer.layers.selection.active
    shapes = [layer for layer in viewer.layers if isinstance(layer, Shapes)]
    if isinstance(active, Shapes):
        return active
    if not shapes:
        raise InputError("There is no region yet. Click on Draw and drag a rectangle around the structure.")
    return next((layer for layer in shapes if layer.name == REGION), shapes[-1])
