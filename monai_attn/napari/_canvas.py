"""Text on the canvas of a viewer: letters at the edges, plane, window, warnings, what is under the cursor, a scale bar.

`canvas_notes(viewer)` puts them there once; they follow the viewer until it is closed. They are napari's own text
overlays, so that they stand in screenshots too; works on a `ViewerModel` without a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from monai_attn.errors import InputError
from monai_attn.napari import _readout
from monai_attn.napari._links import Links
from monai_attn.napari._planes import Edges, canvas_directions, edge_letters, orient
from monai_attn.napari._settings import Settings, settings

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.components.overlays import TextOverlay
    from napari.layers import Layer

__all__ = ["CanvasNotes", "canvas_notes"]

PLACES = {
    "place": "top_left",
    "honesty": "top_left",
    "window": "top_right",
    "cursor": "bottom_left",
    "left": "middle_left",
    "right": "middle_right",
    "top": "top_center",
    "bottom": "bottom_center",
}
"""Our overlays and where on the canvas they stand; those of one corner are stacked."""

EDGES = ("left", "right", "top", "bottom")
COLOURS = {"honesty": "#ff9f1c", **dict.fromkeys(EDGES, "#ffa600")}
SIZES = {"cursor": 10.0, **dict.fromkeys(EDGES, 14.0)}
KEY = "monai_attn_{}"

LAYER_EVENTS = ("visible", "contrast_limits", "projection_mode", "name")
"""Changes of a layer that change what stands on the canvas; a layer without one of them does not have it."""


class CanvasNotes:
    """The text on the canvas of one viewer, and the convention in which the viewer shows the patient.

    Kept by the viewer's own events; holds the viewer weakly, so that a closed one is freed.
    """

    convention_changed = Signal()

    def __init__(self, viewer: ViewerModel, *, radiological: bool = True) -> None:
        self._viewer = ref(viewer)
        self._radiological = radiological
        self._overlays = {name: _text_overlay(viewer, name) for name in PLACES}
        self._links = Links()
        follow = self._links.follow
        dims, camera, layers = viewer.dims.events, viewer.scene.camera.events, viewer.layers.events
        follow(self._turn, dims.order, dims.ndisplay, dims.ndim, layers.inserted)
        follow(self._edges, camera.orientation, camera.angles)
        follow(self._place, dims.point, dims.margin_left, dims.margin_right)
        follow(self._layers, layers.removed, layers.reordered, viewer.layers.selection.events.active)
        follow(self._under_cursor, viewer.cursor.events.position)
        follow(self._watch, layers.inserted)
        for layer in viewer.layers:
            self._watch_layer(layer)
        viewer.canvas.overlays.scale_bar.visible = True
        self._turn()

    @property
    def radiological(self) -> bool:
        """Whether the patient's right is shown on the left; setting it turns the view."""
        return self._radiological

    @radiological.setter
    def radiological(self, value: bool) -> None:
        self._radiological = value
        self._turn()
        self.convention_changed.emit()

    def close(self) -> None:
        """Take the text off the canvas and let the viewer go."""
        self._links.close()
        for viewer in self._alive():
            for name in PLACES:
                viewer.canvas.overlays.pop(KEY.format(name), None)
            _NOTES.pop(viewer, None)

    def text(self, name: str) -> str:
        """What one of `PLACES` says now; "" when it is hidden."""
        overlay = self._overlays[name]
        return str(overlay.text) if overlay.visible else ""

    def _turn(self, _event: Any = None) -> None:
        for viewer in self._alive():
            if len(viewer.layers):
                orient(viewer, radiological=self._radiological)
        self._edges()
        self._layers()

    def _edges(self, _event: Any = None) -> None:
        for viewer in self._alive():
            grid = _readout.shown_grid(viewer.layers)
            edges = edge_letters(*canvas_directions(viewer, grid)) if len(viewer.layers) else Edges("", "", "", "")
            for name in EDGES:
                self._say(name, getattr(edges, name))

    def _layers(self, _event: Any = None) -> None:
        for viewer in self._alive():
            self._say("honesty", _readout.honesty_text(viewer.layers))
            self._say("window", _readout.window_text(_readout.shown_image(viewer.layers)))
        self._place()

    def _place(self, _event: Any = None) -> None:
        for viewer in self._alive():
            self._say("place", _readout.place_text(viewer) if len(viewer.layers) else "")
        self._under_cursor()

    def _under_cursor(self, _event: Any = None) -> None:
        for viewer in self._alive():
            self._say("cursor", _readout.cursor_text(viewer, viewer.cursor.position))

    def _watch(self, event: Any) -> None:
        self._watch_layer(event.value)

    def _watch_layer(self, layer: Layer) -> None:
        self._links.follow_layer(self._layers, layer, LAYER_EVENTS)

    def _say(self, name: str, text: str) -> None:
        overlay = self._overlays[name]
        if overlay.text != text:
            overlay.text = text
        if overlay.visible != bool(text):
            overlay.visible = bool(text)

    def _alive(self) -> Iterator[ViewerModel]:
        viewer = self._viewer()
        if viewer is not None:
            yield viewer


_NOTES: WeakKeyDictionary[ViewerModel, CanvasNotes] = WeakKeyDictionary()


def canvas_notes(viewer: ViewerModel) -> CanvasNotes:
    """The text on a viewer's canvas, put there if it is not yet, in the convention of the preferences."""
    if viewer not in _NOTES:
        _NOTES[viewer] = CanvasNotes(viewer, radiological=_convention())
    return _NOTES[viewer]


def _convention() -> bool:
    try:
        return settings().radiological
    except InputError as error:  # of another setting; said, and no reason to show nothing
        from napari.utils.notifications import show_warning

        show_warning(str(error))
        return Settings().radiological


def _text_overlay(viewer: ViewerModel, name: str) -> TextOverlay:
    from napari.components.overlays import TextOverlay

    overlay = TextOverlay(
        position=PLACES[name], color=COLOURS.get(name), font_size=SIZES.get(name, 11.0), visible=False
    )
    viewer.canvas.overlays[KEY.format(name)] = overlay
    return overlay
