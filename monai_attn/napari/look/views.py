"""Linked views: axial, coronal and sagittal panes beside the canvas, with a crosshair in millimetres.

The panes are plain Qt pictures of the layers' slices (`pane`, `slices`), not further napari canvases. Such canvases
would need private API that leaves in napari 0.10 (napari#9433), and an OpenGL draw each. A pane cuts the layers again
only when its own slice changed, so that scrolling in one plane costs one slice. The panes are for orientation.
Painting is done on the canvas, which shows what it showed before, 3-D included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QSplitter, QWidget

from monai_attn.napari.layers.links import Links, closing
from monai_attn.napari.layers.strokes import Unpainted
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.crosshair import Crosshair
from monai_attn.napari.look.pane import PlanePane
from monai_attn.napari.look.planes import WORLD_ORDER

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LinkedViews"]

DRAWN_EVENTS = (
    "blending",
    "colormap",
    "contour",
    "contrast_limits",
    "data",
    "gamma",
    "labels_update",
    "opacity",
    "paint",
    "projection_mode",
    "scale",
    "selected_label",
    "show_selected_label",
    "translate",
    "visible",
)
"""What of a layer, where it has it, changes the panes."""


class LinkedViews(QSplitter):
    """The three planes through the viewer's point, and the crosshair on the canvas.

    They follow the viewer until they are taken out of their dock, and then say that they are `closed`.

    `panes` are by plane. `links` and `crosshair` end with `close_links`. Images and labels added later are followed
    too.
    """

    closed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.panes = {plane: PlanePane(viewer, plane) for plane in WORLD_ORDER}
        for pane in self.panes.values():
            self.addWidget(pane)
        self.links, self.crosshair = Links(), Crosshair(viewer)
        dims, layers = viewer.dims.events, viewer.layers.events
        self.links.follow(self._moved, dims.point)
        self.links.follow(self._changed, dims.margin_left, dims.margin_right, layers.removed, layers.reordered)
        self.links.follow(self._inserted, layers.inserted)
        self.links.follow(self._changed, canvas_notes(viewer).convention_changed)
        for layer in viewer.layers:
            self._watch(layer)
        self.destroyed.connect(closing(self.links, self.crosshair))

    def event(self, event: QEvent) -> bool:
        """Notice that the dock was closed: napari takes the widget out of it and keeps it.

        Qt calls it for every event; only the loss of the parent matters here.
        """
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_links()
            self.closed.emit()
            self.deleteLater()
        return bool(super().event(event))

    def close_links(self) -> None:
        """Stop following the viewer and take the crosshair off its canvas; doing it again does no harm.

        The panes stay as they were last drawn.
        """
        self.links.close()
        self.crosshair.close()

    def _moved(self, _event: Any = None) -> None:
        """The point of the viewer moved."""
        for pane in self.panes.values():
            pane.moved()

    def _changed(self, _event: Any = None) -> None:
        """Layers or their looks changed."""
        for pane in self.panes.values():
            pane.changed()

    def _inserted(self, event: Any) -> None:
        """A layer was added: follow it and draw it."""
        self._watch(event.value)
        self._changed()

    def _watch(self, layer: Layer) -> None:
        """Follow what changes the picture of an image or of labels."""
        if layer._type_string in ("image", "labels"):
            self.links.follow_layer(self._changed, layer, DRAWN_EVENTS)
        if layer._type_string == "labels":
            self.links.follow(Unpainted(layer, self._changed).look, layer.events.set_data)
