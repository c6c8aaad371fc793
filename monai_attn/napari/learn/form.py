"""The fields and buttons of the panel "Learn": what can be chosen and how it is shown, no logic."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from monai_attn.napari.learn.curve import CurveView
from monai_attn.napari.learn.training import LearnState
from monai_attn.napari.qt.controls import row, spin
from monai_attn.napari.qt.fields import combo_box, words
from monai_attn.napari.qt.page import Advanced, CheckColumn, lay_out_page, narrow_form
from monai_attn.notice import RESEARCH_USE

__all__ = ["NEW_NETWORK", "LearnForm"]

NEW_NETWORK = "a new network"


class LearnForm(QWidget):
    """Emits `changed` when a choice changes that decides whether a training can start."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder, self.table, self.layers = QPushButton("Folder…"), QPushButton("Table…"), QPushButton("Open masks")
        self.folder.setToolTip("A folder of images with masks, in any layout that docs/training_data.md names.")
        self.table.setToolTip("A table (CSV) with a row for each case: its images and its mask.")
        self.layers.setToolTip("Learn from the masks that are seen in the viewer, each with the image on its grid.")
        self.data = words()
        self.minutes = spin(20.0, (0.1, 10_000.0), " min", "Time for everything: reading, training, scores.")
        self.initial = combo_box((NEW_NETWORK,))
        self.initial.setToolTip("Begin with the weights of a bundle (model): a few cases and minutes are then enough.")
        self.output, self.choose = QLineEdit(), QPushButton("Choose…")
        self.output.setToolTip("The new folder of the bundle (model). Its last part is the name.")
        self.choose.setToolTip("Choose the folder in which the folder of the bundle (model) is made.")
        self.overrides = QLineEdit()
        self.overrides.setPlaceholderText("name=value; …")
        self.overrides.setToolTip("Change values of the training as --set of monai-attn learn does: batch_size=1.")
        self.curve = CurveView()
        self.findings, self.status = words(), words()
        self.run, self.cancel = QPushButton("Learn"), QPushButton("Cancel")
        self.run.setToolTip("Plan, train and score a new bundle (model) in the minutes above (Ctrl+Return).")
        self.cancel.setToolTip("End the training after its step; its best weights are kept (Ctrl+Backspace).")
        self.bar = QProgressBar()
        self._lay_out()
        self.output.textChanged.connect(self.changed)
        self.overrides.textChanged.connect(self.changed)

    def _lay_out(self) -> None:
        """Put the fields into boxes, which scroll, above the buttons and the notice, which stay in view."""
        data, training = QGroupBox("Labelled cases"), QGroupBox("Training")
        rows = QVBoxLayout(data)
        rows.addWidget(row(self.folder, self.table, self.layers))
        rows.addWidget(self.data)
        fields, more = narrow_form(training), narrow_form()
        fields.addRow("minutes", self.minutes)
        fields.addRow("begin with", self.initial)
        fields.addRow("bundle (model)", row(self.output, self.choose))
        more.addRow("settings", self.overrides)
        notice = words()
        notice.setText(f"<i>{RESEARCH_USE}</i>")
        self.check = CheckColumn(self.findings)
        below = (self.check, row(self.run, self.cancel), self.bar, self.status, notice)
        lay_out_page(self, (data, training, Advanced((more,)), self.curve), below, grows=3)
        self.set_running(False, ready=False)

    def set_running(self, running: bool, *, ready: bool) -> None:
        """Which buttons can be used."""
        self.run.setEnabled(ready and not running)
        self.cancel.setEnabled(running)
        self.bar.setVisible(running)
        for part in (self.folder, self.table, self.layers, self.minutes, self.initial, self.output, self.choose):
            part.setEnabled(not running)

    def show_state(self, state: LearnState, left: str) -> None:
        """Stage, share and curve; `left` is the time left in words, "" where it is not known."""
        share = state.share
        self.bar.setRange(0, 100 if share is not None else 0)
        self.bar.setValue(round(100 * (share or 0.0)))
        self.status.setText(f"{state.stage}{f', {left} left' if left else ' …'}")
        self.findings.setText(state.findings)
        self.curve.show_points(state.curve)
