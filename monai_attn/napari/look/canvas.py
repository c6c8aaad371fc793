"""Text on the canvas of a viewer: letters at the edges, plane, window, legend, what is under the cursor, a scale bar.

`canvas_notes(viewer)` puts them there once; they follow the viewer until it is closed. They are an overlay of the
canvas, so that they stand in screenshots too; works on a `ViewerModel` without a window.

What each text says is decided by `look.readout`, `look.planes` and `look.seen`; how it is painted by `look.notes`. Here
only the events of the viewer are followed, and a text is drawn anew when it has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from monai_attn.errors import InputError
from monai_attn.labels import Label
from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.strokes import Unpainted
from monai_attn.napari.look import readout
from monai_attn.napari.look.maps import OneMap, map_text
from monai_attn.napari.look.notes import INK, Note, legend_note
from monai_attn.napari.look.notes_overlay import notes_surface
from monai_attn.napari.look.planes import Edges, canvas_directions, edge_letters, orient
from monai_attn.napari.look.seen import labels_seen
from monai_attn.napari.settings import Settings, settings

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["CanvasNotes", "canvas_notes"]

NOTE_PLACES = {
    "place": "top_left",
    "honesty": "top_left",
    "warning": "top_left",
    "window": "top_right",
    "map": "top_right",
    "cursor": "bottom_left",
    "left": "middle_left",
    "right": "middle_right",
    "top": "top_center",
    "bottom": "bottom_center",
}
"""Our texts and where on the canvas they stand; those of one corner are stacked, the legend last."""

LEGEND = "legend"

EDGES = ("left", "right", "top", "bottom")
COLOURS = {"honesty": "#ff9f1c", "warning": "#ff5c5c", **dict.fromkeys(EDGES, "#ffa600")}
SIZES = {"cursor": 10.0, **dict.fromkeys(EDGES, 14.0)}

SHOWN_EVENTS = (
    *("visible", "contrast_limits", "projection_mode", "name"),
    *("scale", "translate", "rotate", "shear", "affine"),
)
"""Changes of a layer that change what stands on the canvas; a layer without one of them does not have it."""

LABEL_EVENTS = ("visible", "colormap", "features", "labels_update", "paint", "data")
"""Changes of a labels layer that change the legend."""


class CanvasNotes:
    """The text on the canvas of one viewer, and the convention in which the viewer shows the patient.

    Kept by the viewer's own events; holds the viewer weakly, so that a closed one is freed.

    `radiological` and `legend` are what the preferences say at first. `convention_changed` is emitted when left and
    right are exchanged, so that other panes turn too. The scale bar of napari is switched on.
    """

    convention_changed = Signal()

    def __init__(self, viewer: ViewerModel, *, radiological: bool = True, legend: bool = True) -> None:
        self._viewer = ref(viewer)
        self._radiological = radiological
        self._texts = dict.fromkeys(NOTE_PLACES, "")
        self._labels: list[Label] = []
        self._shows_legend = legend
        self._surface = notes_surface(viewer)
        self._read_at: tuple[float, ...] = ()
        self._links, self._maps = Links(), OneMap(viewer.layers)
        follow = self._links.follow
        dims, camera, layers = viewer.dims.events, viewer.scene.camera.events, viewer.layers.events
        follow(self._turn, dims.order, dims.ndisplay, dims.ndim, layers.inserted)
        follow(self._edges, camera.orientation, camera.angles)
        follow(self._moved, dims.point)
        follow(self._place, dims.margin_left, dims.margin_right)
        follow(self._layers, layers.removed, layers.reordered, viewer.layers.selection.events.active)
        follow(self._under_cursor, viewer.cursor.events.position)
        follow(self._watch, layers.inserted)
        for layer in viewer.layers:
            self._watch_layer(layer)
        viewer.canvas.overlays.scale_bar.visible = True
        self._turn()

    @property
    def radiological(self) -> bool:
        """Whether the patient's right is shown on the left; setting it turns the view.

        In 3-D nothing is mirrored, whatever the convention.
        """
        return self._radiological

    @radiological.setter
    def radiological(self, value: bool) -> None:
        self._radiological = value
        self._turn()
        self.convention_changed.emit()

    @property
    def legend(self) -> bool:
        """Whether the structures that are seen stand on the canvas with their colours; setting it acts at once."""
        return self._shows_legend

    @legend.setter
    def legend(self, value: bool) -> None:
        self._shows_legend = value
        self._structures()

    def close(self) -> None:
        """Take the text off the canvas and let the viewer go.

        A later call of `canvas_notes` makes new ones.
        """
        self._links.close()
        self._maps.close()
        self._surface.close()
        for viewer in self._alive():
            _NOTES.pop(viewer, None)

    def text(self, name: str) -> str:
        """What one of `NOTE_PLACES`, or the "legend", says now; "" when it is not there.

        The lines of one text are parted by line breaks.
        """
        return "\n".join(label.name for label in self._labels) if name == LEGEND else self._texts[name]

    def _turn(self, _event: Any = None) -> None:
        """Orient the camera again, after the axes on the canvas or the convention changed."""
        for viewer in self._alive():
            if len(viewer.layers):
                orient(viewer, radiological=self._radiological)
        self._edges()
        self._layers()

    def _edges(self, _event: Any = None) -> None:
        """The letters R, L, A, P, S, I at the edges."""
        for viewer in self._alive():
            grid = readout.shown_grid(viewer.layers)
            edges = edge_letters(*canvas_directions(viewer, grid)) if len(viewer.layers) else Edges("", "", "", "")
            for name in EDGES:
                self._say(name, getattr(edges, name))

    def _layers(self, _event: Any = None) -> None:
        """What depends on the layers and their looks: window, warnings, place, legend."""
        for viewer in self._alive():
            self._say("honesty", readout.honesty_text(viewer.layers))
            self._say("map", map_text(viewer.layers))
            self._say("warning", readout.warning_banner(viewer.layers))
            self._say("window", readout.window_text(readout.shown_image(viewer.layers)))
        self._place()
        if self._in_3d():
            self._structures()

    def _moved(self, _event: Any = None) -> None:
        """The point of the viewer moved. napari moves its cursor along first, which was heard already."""
        self._place(read=any(viewer.cursor.position != self._read_at for viewer in self._alive()))

    def _place(self, _event: Any = None, *, read: bool = True) -> None:
        """What depends on the point and the slab of the viewer; with `read`, also what is under the cursor."""
        for viewer in self._alive():
            self._say("place", readout.place_text(viewer) if len(viewer.layers) else "")
        if read:
            self._under_cursor()
        if not self._in_3d():  # where the structures seen do not depend on the place
            self._structures()

    def _under_cursor(self, _event: Any = None) -> None:
        """Coordinates and values where the mouse is."""
        for viewer in self._alive():
            self._read_at = viewer.cursor.position
            self._say("cursor", readout.cursor_text(viewer, self._read_at))

    def _structures(self, _event: Any = None) -> None:
        """The legend, drawn anew only when other structures are seen."""
        for viewer in self._alive():
            labels = labels_seen(viewer) if self._shows_legend else []
            if labels != self._labels:
                self._labels = labels
                self._show()

    def _watch(self, event: Any) -> None:
        self._watch_layer(event.value)

    def _watch_layer(self, layer: Layer) -> None:
        self._links.follow_layer(self._layers, layer, SHOWN_EVENTS)
        self._maps.watch(layer)
        if layer._type_string == "labels":
            self._links.follow_layer(self._structures, layer, LABEL_EVENTS)
            self._links.follow(Unpainted(layer, self._structures).look, layer.events.set_data)

    def _say(self, name: str, text: str) -> None:
        """Change one text; nothing is drawn when it says the same as before."""
        if self._texts[name] != text:
            self._texts[name] = text
            self._show()

    def _show(self) -> None:
        notes = {name: _note(name, text) for name, text in self._texts.items() if text}
        legend = {LEGEND: legend_note(self._labels, NOTE_PLACES["window"])} if self._labels else {}
        self._surface.show({**notes, **legend})

    def _in_3d(self) -> bool:
        return any(viewer.dims.ndisplay == 3 for viewer in self._alive())

    def _alive(self) -> Iterator[ViewerModel]:
        """The viewer, once, or nothing when it is gone."""
        viewer = self._viewer()
        if viewer is not None:
            yield viewer


_NOTES: WeakKeyDictionary[ViewerModel, CanvasNotes] = WeakKeyDictionary()


def canvas_notes(viewer: ViewerModel) -> CanvasNotes:
    """The text on a viewer's canvas, put there if it is not yet, as the preferences say.

    The same notes are given on every call for one viewer. A wrong setting is shown as a warning, and the defaults hold.
    """
    if viewer not in _NOTES:
        given = _preferences()
        _NOTES[viewer] = CanvasNotes(viewer, radiological=given.radiological, legend=given.legend)
    return _NOTES[viewer]


def _preferences() -> Settings:
    """The settings; the defaults, with a warning, where a setting is wrong."""
    try:
        return settings()
    except InputError as error:  # of another setting; said, and no reason to show nothing
        from napari.utils.notifications import show_warning

        show_warning(str(error))
        return Settings()


def _note(name: str, text: str) -> Note:
    return Note(text, NOTE_PLACES[name], COLOURS.get(name, INK), SIZES.get(name, 11.0))
