"""What the Look panel does to a viewer: window, slab and mouse. Works without a Qt window.

The panel holds the boxes and buttons. What a window or a slab does to the layers is here, so that it is tested alone.
No voxel value is changed: measuring does not depend on how an image is drawn.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.errors import AttnError, GeometryError
from monai_attn.napari.layers.volumes import origin_of
from monai_attn.napari.layers.windows import centre_width, dragged, kind_of, written_window
from monai_attn.napari.look.readout import shown_image
from monai_attn.napari.settings import remember_window, settings
from monai_attn.report.window import GreyWindow
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

__all__ = [
    "SLABS",
    "drag_window",
    "image_volume",
    "looks_like_ct",
    "opening_window",
    "set_slab",
    "set_window",
    "slab_of",
]

SLABS = {"single slice": "none", "maximum (MIP)": "max", "mean": "mean", "minimum": "min"}
"""How a thick slab is drawn, and napari's name for it."""


def image_volume(layer: Layer) -> Volume | None:
    """The volume an image layer shows; None where it is not one 3-D image in numbers (a pyramid, colours, a film).

    A layer from elsewhere has no unit.

    For a layer of ours it is the volume as read, with its unit: percentiles are taken of it, not of what is drawn.
    """
    origin = origin_of(layer)
    if origin is not None:
        return origin.grid
    if layer.multiscale or layer.rgb or layer.ndim != 3 or not isinstance(layer.data, np.ndarray):
        return None
    try:
        return Volume(layer.data)
    except AttnError:
        return None


def set_window(layer: Image, text: str) -> None:
    """Draw an image in a window such as "40/400" or "1-99 %", and remember it for images of its kind.

    Raises `InputError` for a text that is no window, `GeometryError` for a layer that is no 3-D image.

    Centre and width are in the unit of the image: HU for CT, SUV (g/ml) for PET. For images without a fixed scale only
    percentiles are remembered, since the grey values of one MR say nothing about the next.
    """
    volume = image_volume(layer)
    if volume is None:
        raise GeometryError(f"The layer {layer.name!r} is not one 3-D image. Use napari's own contrast limits for it.")
    window = written_window(volume, text)
    layer.contrast_limits = (window.lower, window.upper)
    _remember(kind_of(volume), text)


def opening_window(image: Volume) -> GreyWindow:
    """The window an image opens with: the last one chosen for its kind, which stands in the preferences.

    Raises `InputError` when someone wrote there what is no window.

    Lower and upper grey value are in the unit of the image.
    """
    return written_window(image, settings().window_of("CT" if looks_like_ct(image) else kind_of(image)))


def looks_like_ct(image: Volume) -> bool:
    """Whether an image without modality and unit, as most NIfTI files are, has values such as a CT in HU.

    Some voxels are below -500, as air is, and none is below -3100 or above 40000, beyond what scanners write. Every
    sixteenth slice is looked at.
    """
    if image.modality or image.unit:
        return False
    some = np.asarray(image.array[:: max(1, image.shape[0] // 16)])
    lowest, highest = float(some.min()), float(some.max())
    return -3100 <= lowest < -500 and 100 <= highest < 40_000


def set_slab(viewer: ViewerModel, mode: str, thickness_mm: float) -> None:
    """Draw images as the maximum, mean or minimum of a slab so thick around the slice; labels stay single slices.

    `mode` is one of the values of `SLABS`. The thickness is along the axis that is cut, whichever is.

    Half of `thickness_mm` lies on each side of the slice. Nothing is resampled. Leading axes, such as time, get no
    thickness.
    """
    thick = thickness_mm if mode != "none" else 0.0
    extra = viewer.dims.ndim - 3
    for layer in viewer.layers:
        if layer._type_string == "image":
            layer.projection_mode = mode
    viewer.dims.thickness = tuple(thick if axis >= extra else 0.0 for axis in range(viewer.dims.ndim))


def slab_of(viewer: ViewerModel) -> tuple[str, float]:
    """The mode and thickness in mm of the slab shown; ("none", 0) without one.

    The mode is napari's word, one of the values of `SLABS`.
    """
    layer = shown_image(viewer.layers)
    if layer is None or viewer.dims.ndim < 3:
        return "none", 0.0
    return str(layer.projection_mode), float(viewer.dims.thickness[-3])


def drag_window(viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
    """A mouse callback of napari: drag to the right for a wider window, upwards for a brighter picture.

    Acts with the left button while the active layer is not painted on or edited.

    The panel adds it to `viewer.mouse_drag_callbacks`. How far a drag changes the window is `windows.dragged`. The
    camera stays while one drags. The new window holds for this image alone: only a preset or typed numbers are
    remembered.
    """
    layer, active = shown_image(viewer.layers), viewer.layers.selection.active
    editing = active is not None and str(active.mode) != "pan_zoom"
    if layer is None or event.button != 1 or event.modifiers or editing:
        return
    start, pressed = centre_width(*layer.contrast_limits), np.array(event.pos, float)
    yield
    while event.type == "mouse_move":
        event.handled = True  # the camera stays where it is
        right_px, down_px = np.array(event.pos, float) - pressed
        centre, width = dragged(start, right_px, down_px)
        layer.contrast_limits = (centre - width / 2, centre + width / 2)
        yield


def _remember(kind: str, text: str) -> None:
    """Keep a window for the next image of its kind, where its numbers mean something there."""
    if kind or text.rstrip().endswith("%"):  # MR has no scale: the numbers of one say nothing about the next
        remember_window(kind, text)
