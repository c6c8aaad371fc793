"""The Compare panel: a mask against a reference, with scores, a map of the errors, and a list to fly along."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QModelIndex
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from monai_attn.errors import AttnError
from monai_attn.measure import rows
from monai_attn.napari.compare.columns import MISTAKES, SCORE_FIELDS
from monai_attn.napari.compare.comparing import (
    Errors,
    LayerComparison,
    compare_steps,
    error_steps,
    lesion_text,
    snapshot,
)
from monai_attn.napari.compare.error_layer import ErrorLayer, masks_on_other_grids, on_one_grid
from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.strokes import step_counts
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.layers.volumes import displayed_point, go_to
from monai_attn.napari.qt.choices import LayerBox, is_mask
from monai_attn.napari.qt.controls import row, spin
from monai_attn.napari.qt.fields import combo_box, words
from monai_attn.napari.qt.jobs import named, safely
from monai_attn.napari.qt.page import Advanced, CheckColumn, lay_out_page, narrow_form
from monai_attn.napari.qt.strokes import after_stroke
from monai_attn.napari.qt.table_model import TableModel, table_view
from monai_attn.napari.structures.exports import ask_and_save, case_of, save_rows
from monai_attn.notice import RESEARCH_USE
from monai_attn.wording import counted

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Layer

__all__ = ["CompareWidget"]

CHANGED = "A mask was changed, so its scores and the layer of errors are old. Compare again."


class CompareWidget(QWidget):
    """Compares two labels layers of one grid, in a thread; a click on an error shows its thickest spot.

    `compared` is the result, None before a comparison and when other layers are chosen. `errors` are those listed now,
    of all structures or of one; `error_layer` shows them. As a
    reference only masks on the grid of the mask are offered.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.compared: LayerComparison | None = None
        self.errors: Errors | None = None
        self.error_layer = ErrorLayer(viewer)
        self.worker: Any = None
        self._active = False
        self._painted = Links()
        self.predictions = LayerBox(viewer, is_mask)
        self.references = LayerBox(viewer, self._is_comparable)
        self.scores, self.mistakes = TableModel(SCORE_FIELDS, self), TableModel(MISTAKES, self)
        self.tolerance_mm = spin(1.0, (0.0, 50.0), " mm", "Surfaces no farther apart count as equal.")
        self.of = combo_box(())
        self.of.setToolTip("The structure whose errors are shown and listed.")
        self.message = words()
        self.message.setText(RESEARCH_USE)
        self._lay_out()
        self.destroyed.connect(partial(_release, weakref.ref(self)))
        self.resume()

    def resume(self) -> None:
        """Follow the viewer."""
        if not self._active:
            self._active = True
            self.predictions.follow()
            self.references.follow()
            self._chosen()

    def pause(self) -> None:
        """Let go of the viewer, and of the thread."""
        if self._active:
            self._active = False
            self.predictions.release()
            self.references.release()
            self._painted.close()
            self._stop()

    def event(self, event: QEvent) -> bool:
        """Pause while the panel is in no window: a closed one may live on, hidden."""
        if event.type() == QEvent.Type.ParentChange and hasattr(self, "_active"):
            (self.pause if self.parentWidget() is None else self.resume)()
        return bool(super().event(event))

    def compare(self) -> None:
        """Compare the chosen layers as they are painted now; nothing happens while one is missing.

        A layer without a place in the patient is refused with a message, and so are two layers of different grids.
        """
        prediction, reference = self.predictions.layer, self.references.layer
        if prediction is None or reference is None:
            return
        self.predictions.choose(prediction)  # so that a layer added later leaves the choice and its scores alone
        self.references.choose(reference)
        try:
            one, other = (snapshot(layer, self.viewer.layers) for layer in (prediction, reference))
        except AttnError as error:
            self._refuse(str(error))
            return
        self._painted.close()
        for layer in (prediction, reference):
            self._painted.follow_layer(self._outdated, layer, ("paint",))
            self._painted.follow_layer(partial(self._undone, layer, step_counts(layer)), layer, ("set_data",))
        tables = (layer_table(prediction), layer_table(reference))
        steps = partial(compare_steps, one, other, tables, tolerance_mm=self.tolerance_mm.value())
        self._start(steps, self._show)

    def fly_to(self, index: QModelIndex) -> None:
        """Show the thickest spot of an error in all planes."""
        if self.compared is not None:
            place_mm = self.mistakes.things[index.row()].place_mm
            go_to(self.viewer, displayed_point(self.compared.prediction, place_mm))

    def _start(self, steps: Any, done: Any) -> None:
        self._stop()
        self.worker = create_worker(named("comparing", safely, steps), _start_thread=False)
        self.worker.yielded.connect(partial(self._say, self.worker))
        self.worker.returned.connect(partial(self._finished_soon, self.worker, done))
        self._enable()
        self.worker.start()

    def _stop(self) -> None:
        if self.worker is not None:
            self.worker.quit()
            self.worker = None

    def _say(self, worker: Any, text: str) -> None:
        if worker is self.worker:
            self.message.setText(text)

    def _finished_soon(self, worker: Any, done: Any, outcome: tuple[Any, str] | None) -> None:
        """Show what a worker has found once no stroke of the mouse is under way."""
        after_stroke(self, self.viewer.layers, partial(self._finished, worker, done, outcome))

    def _finished(self, worker: Any, done: Any, outcome: tuple[Any, str] | None) -> None:
        if worker is not self.worker or outcome is None:  # it was stopped
            return
        self.worker = None
        result, refusal = outcome
        if refusal:
            self._refuse(refusal)
        else:
            done(result)
        self._enable()

    def _refuse(self, text: str) -> None:
        self._clear()
        self.message.setText(text)
        show_error(text)

    def _show(self, compared: LayerComparison) -> None:
        self.compared = compared
        self.scores.show(compared.scores)
        self.of.blockSignals(True)
        self.of.clear()
        self.of.addItem("all structures", None)
        for label in compared.table:
            self.of.addItem(label.name, label.value)
        self.of.blockSignals(False)
        self._show_errors(compared.errors)

    def _show_errors(self, errors: Errors) -> None:
        self.errors = errors
        self.mistakes.show(self.error_layer.show(errors))
        listed = f", the {len(errors.largest)} largest listed" if len(errors.largest) < errors.count else ""
        notes = self.compared.notes if self.compared is not None else ()
        lesions = lesion_text(self.compared) if self.compared is not None else ""
        parts = (f"{counted(errors.count, 'error')}{listed}.", lesions, *notes, RESEARCH_USE)
        self.message.setText(" ".join(part for part in parts if part))

    def _errors_of(self, _row: int) -> None:
        compared, value = self.compared, self.of.currentData()
        if compared is not None:
            steps = partial(error_steps, compared.prediction, compared.reference, compared.table, value)
            self._start(steps, self._show_errors)

    def _chosen(self) -> None:
        with self.references.quiet():
            self.references.refresh()
        self._stop()
        self._clear()
        others = masks_on_other_grids(self.predictions.layer, self.viewer.layers)
        missing = "" if self.references.layer is not None else "Open two masks of one grid to compare."
        self.message.setText(" ".join(part for part in (missing, others, RESEARCH_USE) if part))

    def _is_comparable(self, layer: Layer) -> bool:
        mask = self.predictions.layer
        return is_mask(layer) and mask not in (None, layer) and on_one_grid(mask, layer, self.viewer.layers)

    def _undone(self, layer: Labels, before: tuple[int, int], event: Any = None) -> None:  # noqa: ARG002
        """The voxels of a compared mask are shown anew: another plane, or a step was undone or redone."""
        if step_counts(layer) != before:
            self._outdated()

    def _outdated(self, event: Any = None) -> None:  # noqa: ARG002
        """A compared mask was changed: its scores are no longer true."""
        self._stop()
        self._clear()
        self.message.setText(f"{CHANGED} {RESEARCH_USE}")

    def _clear(self) -> None:
        self._painted.close()
        self.compared = self.errors = None
        self.scores.show(())
        self.mistakes.show(())
        self._enable()

    def _enable(self) -> None:
        self.start.setEnabled(self.references.layer is not None and self.worker is None)
        self.cancel.setEnabled(self.worker is not None)
        for part in (self.csv, self.of):
            part.setEnabled(self.compared is not None and self.worker is None)

    def _cancel(self) -> None:
        self._stop()
        self.message.setText("Stopped.")
        self._enable()

    def _save_csv(self) -> None:
        if self.compared is not None and self.predictions.layer is not None:
            found = rows([*self.compared.scores, *self.compared.detections], case=case_of(self.predictions.layer))
            ask_and_save(self, "Export scores", "scores.csv", partial(save_rows, found))

    def _lay_out(self) -> None:
        self.start, self.cancel, self.csv = (QPushButton(text) for text in ("Compare", "Stop", "CSV …"))
        self.predictions.setToolTip("The mask that is judged.")
        self.references.setToolTip("The mask that is taken as right.")
        self.start.setToolTip("Compute the scores and the map of errors (Ctrl+Return).")
        self.cancel.setToolTip("Stop the comparison.")
        self.csv.setToolTip("Save the scores as a table.")
        score_view, self.mistake_view = table_view(self.scores), table_view(self.mistakes)
        form = narrow_form()
        choice = narrow_form()
        choice.addRow("Mask", self.predictions)
        choice.addRow("Reference", self.references)
        form.addRow("Tolerance", self.tolerance_mm)
        for view in (score_view, self.mistake_view):
            view.setMinimumHeight(70)
        self.main, self.stopping = self.start, self.cancel
        errors_of = row(QLabel("Errors of"), self.of)
        above = (choice, score_view, errors_of, self.mistake_view, Advanced((form,)))
        lay_out_page(self, above, (row(self.start, self.cancel, self.csv), CheckColumn(self.message)), grows=3)
        self.predictions.chosen.connect(self._chosen)
        self.references.chosen.connect(self._chosen)
        self.of.currentIndexChanged.connect(self._errors_of)
        self.mistake_view.clicked.connect(self.fly_to)
        for push, action in ((self.start, self.compare), (self.cancel, self._cancel), (self.csv, self._save_csv)):
            push.clicked.connect(lambda _checked=False, act=action: act())


def _release(panel: weakref.ref[CompareWidget]) -> None:
    """Let go of the viewer when Qt's half of the panel is gone."""
    widget = panel()
    if widget is not None:
        widget.pause()
