"""The panel "Look": windows, slabs, planes, left and right, linked views.

Boxes, buttons and their explanations. What they do to the viewer is in `look.looking`, `look.planes` and `look.views`.
Nothing here changes voxels or files; a window is remembered in the preferences for the next image of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QSignalBlocker
from qtpy.QtWidgets import QGridLayout, QGroupBox, QLabel, QVBoxLayout, QWidget

from monai_attn.errors import AttnError
from monai_attn.napari.layers.links import Links, closing
from monai_attn.napari.layers.volumes import origin_of
from monai_attn.napari.layers.windows import centre_width, presets_of
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.fusion import FusionBox
from monai_attn.napari.look.looking import SLABS, drag_window, image_volume, set_slab, set_window, slab_of
from monai_attn.napari.look.planes import WORLD_ORDER, show_3d, show_plane
from monai_attn.napari.look.readout import shown_image
from monai_attn.napari.look.views import LinkedViews
from monai_attn.napari.qt.controls import button, check_box, row, spin, switch
from monai_attn.napari.qt.fields import combo_box, words
from monai_attn.napari.qt.page import Advanced, lay_out_page, narrow_form

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

__all__ = ["LookWidget"]

CUSTOM = "own window"
CONVENTIONS = {"radiological: patient's right on the left": True, "neurological: patient's left on the left": False}
RANGE = (-1e7, 1e7)
VIEWS = "Linked views"


class LookWidget(QWidget):
    """How images are drawn: acts on the active image layer, else the topmost visible one, and follows the viewer.

    The group "Window" is for one image, "Slab" for all images, "View" for the canvas. Numbers are in the unit of the
    image. Without an image the window cannot be set. A panel that is closed leaves no callback behind.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.notes = viewer, canvas_notes(viewer)
        self.layer: Layer | None = None
        self.views: LinkedViews | None = None
        self.stopping = None
        self.linked = self.main = switch(VIEWS, "Axial, coronal and sagittal beside the canvas, with a crosshair.")
        self.linked.toggled.connect(self._link)
        more = Advanced((self._slab_group(), self._convention_group()))
        self.fusion = FusionBox(viewer)
        lay_out_page(self, (self._view_group(), self._window_group(), self.fusion, more), (self.linked,))
        self.links, self.layer_links = Links(), Links()
        self.destroyed.connect(closing(self.links, self.layer_links))
        self.resume()

    def resume(self) -> None:
        """Follow the viewer, and show how it draws now."""
        self.links.close()
        layers, dims, selection = self.viewer.layers.events, self.viewer.dims.events, self.viewer.layers.selection
        self.links.follow(self._follow, layers.inserted, layers.removed, layers.reordered, selection.events.active)
        self.links.follow(self._show_slab, dims.margin_left, dims.margin_right)
        self.fusion.follow()
        self._show_convention()
        self._follow()

    def event(self, event: QEvent) -> bool:
        """Stop when the panel is closed, and go on when it is opened again: the dock keeps it meanwhile.

        Dragging the window on the canvas ends with it. The linked views stay until their own dock is closed.
        """
        if event.type() == QEvent.Type.ParentChange and hasattr(self, "links"):
            if self.parent() is None:
                self.drag.setChecked(False)
                self.links.close()
                self.layer_links.close()
                self.fusion.release()
            else:
                self.resume()
        return bool(super().event(event))

    def _window_group(self) -> QGroupBox:
        """Preset, centre, width, and dragging on the canvas."""
        self.target, self.unit = words(), QLabel()
        self.preset = combo_box(())
        self.preset.setToolTip("Remembered for the next image of this kind (CT, PET, others).")
        self.preset.activated.connect(self._use_preset)
        self.centre = spin(40.0, RANGE, "", "The value drawn in the middle grey.")
        self.width_ = spin(400.0, (0.001, RANGE[1]), "", "From black to white.")
        for number in (self.centre, self.width_):
            number.setDecimals(3)
            number.setKeyboardTracking(False)
            number.valueChanged.connect(self._use_numbers)
        self.drag = check_box(
            "drag on the canvas", "Drag to the right for a wider window, upwards for a brighter picture."
        )
        self.drag.toggled.connect(self._set_drag)
        self.window_group = QGroupBox("Window")
        form = narrow_form(self.window_group)
        form.addRow(self.target)
        form.addRow("preset", self.preset)
        form.addRow("centre", row(self.centre, self.unit))
        form.addRow("width", self.width_)
        form.addRow(self.drag)
        return self.window_group

    def _slab_group(self) -> QGroupBox:
        """How thick a slab is drawn, and whether as maximum, mean or minimum."""
        self.slab, self.thickness = combo_box(()), spin(10.0, (0.1, 500.0), " mm", "Thickness around the slice.")
        self.slab.addItems(list(SLABS))
        self.slab.setToolTip("Draw images as the maximum, mean or minimum of a slab. Labels stay single slices.")
        self.slab.activated.connect(self._use_slab)
        self.thickness.valueChanged.connect(self._use_slab)
        group = QGroupBox("Slab")
        form = narrow_form(group)
        form.addRow("draw", self.slab)
        form.addRow("thickness", self.thickness)
        return group

    def _view_group(self) -> QGroupBox:
        """Planes and 3-D, and the legend."""
        self.planes = {
            name: button(name, f"Show {name} on the canvas.", self._show_plane) for name in (*WORLD_ORDER, "3-D")
        }
        self.planes["3-D"].setText("3-D")
        self.legend = check_box("Legend", "Name the structures that are seen on the canvas, with their colours.")
        self.legend.setChecked(self.notes.legend)
        self.legend.toggled.connect(self._use_legend)
        group = QGroupBox("View")
        grid = QGridLayout(group)
        for number, plane in enumerate(self.planes.values()):
            grid.addWidget(plane, number // 2, number % 2)
        grid.addWidget(self.legend, 2, 0, 1, 2)
        return group

    def _convention_group(self) -> QGroupBox:
        """On which side the patient's right is shown."""
        self.convention = combo_box(list(CONVENTIONS))
        self.convention.setToolTip("On which side of the screen the patient's right is shown.")
        self.convention.activated.connect(self._use_convention)
        group = QGroupBox("Left and right")
        QVBoxLayout(group).addWidget(self.convention)
        return group

    def _follow(self, _event: Any = None) -> None:
        """Take up the image that a window now applies to, with the presets of its kind."""
        self.layer_links.close()
        self.layer = layer = shown_image(self.viewer.layers)
        presets = presets_of(volume) if layer is not None and (volume := image_volume(layer)) is not None else {}
        with QSignalBlocker(self.preset):
            self.preset.clear()
            for name, text in [*presets.items(), (CUSTOM, "")]:
                self.preset.addItem(f"{name}   {text}" if text not in ("", name) else name, text)
        origin = None if layer is None else origin_of(layer)
        self.unit.setText("" if origin is None else origin.grid.unit)
        self.target.setText("No image is open." if layer is None else layer.name)
        self.window_group.setEnabled(layer is not None)
        if layer is not None:
            self.layer_links.follow(self._show_window, layer.events.contrast_limits)
            self.layer_links.follow(self._follow, layer.events.visible)
        self._show_window()
        self._show_slab()

    def _show_window(self, _event: Any = None) -> None:
        """Show the contrast limits of the layer as centre and width; the preset too, where they are one."""
        if self.layer is None:
            return
        centre, width = centre_width(*self.layer.contrast_limits)
        with QSignalBlocker(self.centre), QSignalBlocker(self.width_), QSignalBlocker(self.preset):
            self.centre.setValue(centre)
            self.width_.setValue(width)
            fitting = self.preset.findData(f"{centre:g}/{width:g}")
            self.preset.setCurrentIndex(fitting if fitting >= 0 else self.preset.count() - 1)

    def _use_preset(self, _index: int = 0) -> None:
        """Apply the preset that was chosen; "own window" applies nothing."""
        if text := self.preset.currentData():
            row = self.preset.currentIndex()
            self._set_window(str(text))
            with QSignalBlocker(self.preset):
                self.preset.setCurrentIndex(row)

    def _use_numbers(self, _value: float = 0) -> None:
        """Apply centre and width as they stand in the boxes."""
        self._set_window(f"{self.centre.value():.6g}/{self.width_.value():.6g}")

    def _set_window(self, text: str) -> None:
        """Apply a window to the image; what is wrong with it is shown as an error."""
        if self.layer is None:
            return
        try:
            set_window(self.layer, text)
        except AttnError as error:
            show_error(str(error))

    def _set_drag(self, on: bool) -> None:
        """Switch dragging on the canvas on or off."""
        callbacks = self.viewer.mouse_drag_callbacks
        if on and drag_window not in callbacks:
            callbacks.append(drag_window)
        elif not on and drag_window in callbacks:
            callbacks.remove(drag_window)

    def _use_slab(self, _value: float = 0) -> None:
        """Draw all images as the slab says."""
        set_slab(self.viewer, SLABS[self.slab.currentText()], self.thickness.value())

    def _show_slab(self, _event: Any = None) -> None:
        """Show how slabs are drawn now, which another panel or napari may have changed."""
        mode, thickness = slab_of(self.viewer)
        with QSignalBlocker(self.slab), QSignalBlocker(self.thickness):
            self.slab.setCurrentText(next((name for name, its in SLABS.items() if its == mode), "single slice"))
            if thickness > 0:
                self.thickness.setValue(thickness)

    def _show_plane(self, name: str) -> None:
        if name in WORLD_ORDER:
            show_plane(self.viewer, name, radiological=self.notes.radiological)
        else:
            show_3d(self.viewer, radiological=self.notes.radiological)

    def _use_convention(self, _index: int = 0) -> None:
        self.notes.radiological = CONVENTIONS[self.convention.currentText()]

    def _use_legend(self, on: bool) -> None:
        self.notes.legend = on

    def _show_convention(self) -> None:
        self.convention.setCurrentIndex(list(CONVENTIONS.values()).index(self.notes.radiological))

    def _link(self, on: bool) -> None:
        """Open the linked views below the canvas, or close them."""
        if on:
            self.views = LinkedViews(self.viewer)
            self.views.closed.connect(self._unlinked)
            self.viewer.window.add_dock_widget(self.views, name=VIEWS, area="bottom")
        elif self.views is not None:
            self.viewer.window.remove_dock_widget(self.views)

    def _unlinked(self) -> None:
        """The linked views were closed in their dock."""
        self.views = None
        with QSignalBlocker(self.linked):
            self.linked.setChecked(False)
