"""The panel "Correct": a brush in millimetres, margins, holes, pieces and slices in between, each one undo step."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QGridLayout, QGroupBox, QLabel, QWidget

from monai_attn.edit import Change
from monai_attn.errors import AttnError
from monai_attn.napari.correct.brush import HandBrush, gate_images, shown_axis
from monai_attn.napari.correct.editing import (
    MODE_TIPS,
    TIPS,
    Choices,
    Correction,
    Seal,
    apply_change,
    correction_sentence,
    structure_title,
)
from monai_attn.napari.correct.range_box import RangeBox
from monai_attn.napari.correct.scribble_box import ScribbleBox
from monai_attn.napari.correct.scribbling import is_scribbles
from monai_attn.napari.keep.window import UnsavedBar, watch
from monai_attn.napari.layers.strokes import step_counts
from monai_attn.napari.qt.controls import button, check_box, releasing, row, spin
from monai_attn.napari.qt.fields import words
from monai_attn.napari.qt.jobs import named, safely
from monai_attn.napari.qt.page import Advanced, lay_out_page, narrow_form
from monai_attn.napari.settings import PLUGIN

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["CorrectWidget"]

DOCK = "monai-attn"
"""The dock of all panels as napari names it."""

LEARN_TIP = "Train a bundle (model) for some minutes on this corrected mask, beginning with the one that made the mask."


class CorrectWidget(QWidget):
    """Corrects the selected label of the active labels layer.

    The brush works in napari's paint and erase modes instead of napari's own, until the panel is closed. Labels that
    are locked in the Structures table are never changed (`layers.styles.locked_values`).
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.brush = HandBrush(viewer)
        self.brush.resized = self._brush_resized
        self.layer: Labels | None = None
        self._mask: Labels | None = None
        self.worker: Any = None
        self._task: tuple[Labels, Correction, Seal]
        self._steps_seen = (0, 0)
        self._build()
        self._links = [
            (viewer.layers.selection.events.active, self._follow),
            (viewer.layers.events.inserted, self._list_images),
            (viewer.layers.events.inserted, self.unsaved.refresh),
            (viewer.layers.events.removed, self.unsaved.refresh),
            (viewer.layers.events.removed, self._list_images),
        ]
        for emitter, callback in self._links:
            emitter.connect(callback)
        self.brush.attach()
        self.destroyed.connect(releasing(self._links))
        self.destroyed.connect(self.brush.detach)
        self._follow()

    def event(self, event: QEvent) -> bool:
        """Give painting back to napari's brush while the panel is in no window: a closed panel lives on, hidden."""
        brush = getattr(self, "brush", None)  # Qt may ask before there is one
        if brush is not None and event.type() == QEvent.Type.ParentChange:
            (brush.detach if self.parentWidget() is None else brush.attach)()
        return bool(super().event(event))

    def _build(self) -> None:
        self.target, self.said, self.unsaved = words(), words(), UnsavedBar(watch(self.viewer))
        self.range = RangeBox()
        self.range.changed.connect(self._set_brush)
        self.scribble = ScribbleBox(self.viewer, lambda: self.layer, self.range.image.currentData, self.said.setText)
        groups = (self._brush_group(), self.scribble, self._shape_group())
        self.learn = button("learn from this ...", LEARN_TIP, self._learn)
        above = (self.unsaved, *groups, Advanced((self.range,)), self.learn)
        self.main, self.stopping = self.modes["paint"], None
        lay_out_page(self, above, (self.target, row(*self.modes.values(), *self.steps.values()), self.said))

    def _brush_group(self) -> QGroupBox:
        self.diameter = spin(2 * self.brush.radius_mm, (0.5, 200.0), " mm", "Diameter of the brush in the patient.")
        self.ball = check_box("ball", "Paint through the slices too: a ball in the patient, however thick the slices.")
        self.modes = {mode: button(mode, MODE_TIPS[mode], self._set_mode) for mode in MODE_TIPS}
        self.diameter.valueChanged.connect(self._set_brush)
        self.ball.toggled.connect(self._set_brush)
        group = QGroupBox("Brush")
        form = narrow_form(group)
        form.addRow("diameter", row(self.diameter, self.ball))
        return group

    def _shape_group(self) -> QGroupBox:
        self.margin = spin(3.0, (0.1, 100.0), " mm", "How far to grow or shrink, in the patient.")
        self.by_slice = check_box("in each slice", "Fill holes in the shown plane, slice by slice: tunnels too.")
        self.replace = check_box("may replace other labels", "Locked labels are never replaced.")
        self.actions = {name: button(name, tip, self._start) for name, tip in TIPS.items()}
        self.steps = {
            name: button(name, tip, self._step)
            for name, tip in {
                "undo": "Take the last step back (Ctrl+Z).",
                "redo": "Do it again (Ctrl+Shift+Z).",
            }.items()
        }
        self.shapes = QGroupBox("Selected label")
        grid = QGridLayout(self.shapes)
        rows: list[tuple[QWidget, ...]] = [
            (QLabel("margin"), self.margin),
            (self.actions["grow"], self.actions["shrink"]),
            (self.actions["fill holes"], self.by_slice),
            (self.actions["keep largest"], self.actions["interpolate"]),
            (self.replace,),
        ]
        for number, line in enumerate(rows):
            for column, part in enumerate(line):
                grid.addWidget(part, number, column, 1, 3 - len(line))
        return self.shapes

    def _follow(self, event: Any = None) -> None:  # noqa: ARG002
        if self.layer is not None:
            self.layer.events.selected_label.disconnect(self._show_target)
            self.layer.events.set_data.disconnect(self._stepped)
        active = self.viewer.layers.selection.active
        if is_scribbles(active):  # their layer becomes active before `scribbles` knows it
            scribbles = self.scribble.scribbles
            active = scribbles.mask if active is scribbles.layer else self._mask
        self.layer = active if isinstance(active, Labels) and active.ndim == 3 else None
        if self._mask not in self.viewer.layers or self.layer not in (None, self._mask):
            self._mask = self.layer
            self.said.clear()  # it was said of another mask
        if self.layer is not None:
            self.layer.events.selected_label.connect(self._show_target)
            self.layer.events.set_data.connect(self._stepped)
        self._list_images()
        self._show_target()

    def _list_images(self, event: Any = None) -> None:  # noqa: ARG002
        """Offer the images of the mask, also while another kind of layer is selected: the choice stays."""
        mask = self._mask if self._mask in self.viewer.layers else None
        self.range.offer(gate_images(self.viewer, mask) if mask is not None else [])

    def _show_target(self, event: Any = None) -> None:  # noqa: ARG002
        layer = self.layer
        for part in (self.shapes, self.scribble, self.learn, *self.modes.values()):
            part.setEnabled(layer is not None and self.worker is None)
        if layer is None:
            self.target.setText("Select a labels layer, and in it the label to correct.")
        else:
            self.target.setText(f"Label: {structure_title(layer, int(layer.selected_label))}, in {layer.name}")

    def _set_brush(self) -> None:
        brush = self.brush
        brush.radius_mm, brush.ball = self.diameter.value() / 2, self.ball.isChecked()
        brush.gate, brush.gate_image = self.range.range, self.range.image.currentData()
        brush.show_size()

    def _brush_resized(self) -> None:
        self.diameter.setValue(2 * self.brush.radius_mm)

    def _set_mode(self, mode: str) -> None:
        if self.layer is not None:
            self.layer.mode = mode

    def _step(self, name: str) -> None:
        if self.layer is not None:
            getattr(self.layer, name)()

    def _learn(self, name: str) -> None:  # noqa: ARG002
        """Go to the tab "Learn", made ready for this mask."""
        if self.layer is not None:
            _, dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
            dock.show_tab("Learn").learn_from(self.layer)

    def _stepped(self, event: Any = None) -> None:  # noqa: ARG002
        """Take the message away after an undo or redo, by button or key: what the message said is no longer so."""
        steps = step_counts(self.layer) if self.layer is not None else (0, 0)
        if steps[1] != self._steps_seen[1]:
            self.said.clear()
        self._steps_seen = steps

    def choices(self) -> Choices:
        """What is set on the panel, for the plane that is shown. Raises `GeometryError` for a layer without a place."""
        assert self.layer is not None
        axis = shown_axis(self.viewer, self.layer)
        return Choices(self.margin.value(), axis, self.by_slice.isChecked(), self.replace.isChecked())

    def _start(self, name: str) -> None:
        layer = self.layer
        if layer is None or self.worker is not None:
            return
        try:
            correction = Correction.of(name, layer, self.choices(), self.viewer.layers)
        except AttnError as error:
            show_error(str(error))
            return
        self._task = layer, correction, Seal(layer)
        self.worker = create_worker(named("correcting", safely, _compute, correction), _start_thread=False)
        self.worker.returned.connect(self._finish)  # methods of a widget: Qt does not call them when it is gone
        self.worker.finished.connect(self._done)
        self.said.setText(f"{name} ...")
        self._show_target()
        self.worker.start()

    def _finish(self, outcome: tuple[Change | None, str]) -> None:
        """Put the change into its mask, unless the mask was painted on meanwhile; show why there is none."""
        change, refusal = outcome
        layer, correction, seal = self._task
        if change is None:
            show_error(refusal)
            return
        if not seal.whole:
            show_warning(f"{layer.name} was painted on meanwhile, so nothing was changed. Do it again.")
            return
        try:
            apply_change(layer, change, correction.labels)
        except AttnError as error:
            show_error(str(error))
            return
        structure = structure_title(layer, correction.value)
        if layer is self._mask:  # else another case was opened meanwhile
            self.said.setText(correction_sentence(correction.name, change, correction.labels, structure))

    def _done(self) -> None:
        self.worker = None
        if self.said.text().endswith("..."):
            self.said.clear()
        self._show_target()


def _compute(correction: Correction) -> Generator[None, None, Change]:
    yield  # here a window that is being closed stops it
    return correction.compute()
