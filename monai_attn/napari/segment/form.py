"""The fields and buttons of the panel "Segment": what can be chosen and how it is shown, no logic.

The panel reads the choices here and hands back what is to be shown. Nothing in this file opens a bundle or an image.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QGroupBox,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from monai_attn.backends.execution import DEVICES, Execution, backend_choices, precision_choices
from monai_attn.bundle.describe import BundleDescription
from monai_attn.napari.qt.controls import check_box, row, spin, switch
from monai_attn.napari.qt.fields import combo_box, words
from monai_attn.napari.qt.page import Advanced, CheckColumn, HiddenWhenLow, lay_out_page, narrow_form
from monai_attn.napari.segment.findings import finding_lines, marked_line
from monai_attn.napari.segment.image_fields import ImageFields
from monai_attn.napari.segment.overlays import LEGENDS
from monai_attn.napari.segment.region import box_text
from monai_attn.napari.segment.work import WorkProgress
from monai_attn.notice import RESEARCH_USE
from monai_attn.preflight.outlook import Outlook
from monai_attn.volume import Box

__all__ = ["SegmentForm"]

REGIONS = {
    "whole": "whole image",
    "boxes": "boxes placed by a click",
    "shape": "drawn rectangle",
    "view": "what is on the screen",
}
"""What can be segmented, and the words for it."""

MAP_BOXES = {
    "attention": "attention",
    "entropy": "entropy",
    "flip_variance": "difference of mirror images",
    "probabilities": "probabilities",
}
SETTINGS_TIP = "Change settings of the bundle (model) by their names, as --set of the command line does."


class SegmentForm(QWidget):
    """Emits `changed` when a choice changes that the check before a run depends on.

    `images` are the fields of the images that the bundle asks for. `maps` holds a box for each map of attention or
    uncertainty, by the name that a `Segmenter` knows.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bundles, self.folder = combo_box(()), QPushButton("Folder…")
        self.folder.setToolTip("A MONAI bundle (model) of your own; you are asked before any of its code runs.")
        self.task = words()
        self.images = ImageFields(self)
        self.device, self.backend = combo_box(("auto", *DEVICES)), combo_box(backend_choices())
        self.precision = combo_box(precision_choices())
        self.precision.setToolTip("Other precisions than f32 are compared with f32 before they are used.")
        self.region = combo_box(())
        for key, text in REGIONS.items():
            self.region.addItem(text, key)
        self.click = switch("Click on it", "Click on the structure in the image: a box appears around the click.")
        self.find, self.clear = QPushButton("Find it"), QPushButton("Clear")
        self.find.setToolTip("Look for the structure in the whole image, on both sides; the boxes can be corrected.")
        self.clear.setToolTip("Take all boxes away.")
        self.guide = words()
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Drag a rectangle around the structure, in any plane; it replaces the one before.")
        self.all_slices = check_box(
            "through all slices", "The rectangle goes through all slices, instead of as thick as said around its own."
        )
        self.thickness = spin(40.0, (1.0, 2000.0), " mm", "Thickness of the region across the plane.")
        self.overrides = QLineEdit()
        self.overrides.setPlaceholderText("name=value; …")
        self.overrides.setToolTip(SETTINGS_TIP)
        self.maps: dict[str, QCheckBox] = {}
        for key, text in MAP_BOXES.items():
            legend = LEGENDS["probability" if key == "probabilities" else key]
            self.maps[key] = check_box(text, legend)
        self.legend = words()
        self.jump = QPushButton("Jump to the most uncertain")
        self.findings, self.estimate, self.box = words(), words(), words()
        self.run, self.cancel = QPushButton("Segment"), QPushButton("Cancel")
        self.run.setToolTip("Start the network on these images (Ctrl+Return).")
        self.cancel.setToolTip("Stop the run; nothing is changed (Ctrl+Backspace).")
        self.jump.setToolTip("Fly to the piece of the mask of which the network was least sure.")
        self.bundles.setToolTip("The bundle (model): a trained network with all that it needs to run.")
        self.device.setToolTip("What computes: auto takes a graphics card where there is one.")
        self.backend.setToolTip("The program that runs the network: auto takes the fastest one for the device.")
        self.region.setToolTip("Which part of the image is segmented.")
        self.bar, self.status = QProgressBar(), words()
        self.main, self.stopping = self.run, self.cancel
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        """Put the fields into boxes, which scroll, above the buttons and the notice, which stay in view."""
        self.model = QGroupBox("Bundle (model) and images")
        rows = QVBoxLayout(self.model)
        rows.addWidget(row(self.bundles, self.folder))
        rows.addWidget(self.task)
        rows.addLayout(self.images.layout)
        where = QGroupBox("Region")
        fields = narrow_form(where)
        fields.addRow(row(self.click, self.find, self.clear))
        fields.addRow(self.guide)
        fields.addRow(self.box)
        other = narrow_form()
        other.addRow("region", row(self.region, self.draw))
        other.addRow("thickness", self.thickness)
        other.addRow(self.all_slices)
        how = narrow_form()
        for text, part in (("device", self.device), ("back-end", self.backend), ("precision", self.precision)):
            how.addRow(text, part)
        how.addRow("settings", self.overrides)
        why = Advanced((*self.maps.values(), self.legend, self.jump), "Why, and how sure")
        for button in (self.folder, self.draw):
            button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        notice = words()
        notice.setText(f"<i>{RESEARCH_USE}</i>")
        self.check = CheckColumn(self.findings, self.estimate)
        below = (self.check, row(self.run, self.cancel), self.bar, self.status, notice)
        lay_out_page(self, (self.model, where, why, Advanced((other, how))), below)
        HiddenWhenLow(self, self.task)
        self.legend.setVisible(False)
        self.bar.setRange(0, 1)
        self.set_running(False, ready=False)

    def _connect(self) -> None:
        """Let every choice that matters to the check emit `changed`."""
        self.images.changed.connect(self._tell)
        for combo in (self.device, self.backend, self.precision, self.region):
            combo.currentIndexChanged.connect(self._tell)
        self.all_slices.toggled.connect(self._tell)
        self.thickness.valueChanged.connect(self._tell)
        self.overrides.textChanged.connect(self._tell)
        for box in self.maps.values():
            box.toggled.connect(self._tell)

    def _tell(self) -> None:
        """Show the legends of the ticked maps, and say that something changed."""
        self.thickness.setEnabled(not self.all_slices.isChecked())
        chosen = [box for box in self.maps.values() if box.isChecked()]
        self.legend.setText("<br>".join(f"<b>{box.text()}</b> {html.escape(box.toolTip())}" for box in chosen))
        self.legend.setVisible(bool(chosen))
        self.changed.emit()

    def prefer_device(self, name: str) -> None:
        """Choose a device, which need not be in the list ("cuda:1")."""
        if self.device.findText(name) < 0:
            self.device.addItem(name)
        self.device.setCurrentText(name)

    def execution(self, threads: int | None) -> Execution:
        """The chosen device, back-end and precision, with a number of threads (None: all cores).

        Raises `InputError` where they do not go together.
        """
        return Execution(self.device.currentText(), self.backend.currentText(), self.precision.currentText(), threads)

    def thickness_mm(self) -> float | None:
        """The thickness of a region; None through all slices."""
        return None if self.all_slices.isChecked() else self.thickness.value()

    def chosen_maps(self) -> tuple[str, ...]:
        """The maps that are wanted, by the names that a `Segmenter` knows; empty for none."""
        return tuple(key for key, box in self.maps.items() if box.isChecked())

    def show_bundle(self, bundle: BundleDescription) -> None:
        """What the bundle does and finds."""
        names = html.escape(", ".join(label.name for label in bundle.labels))
        self.task.setText(html.escape(bundle.task) + (f"<br>Finds: {names}." if names else ""))
        self.model.setToolTip(self.task.text())
        example = f" For example {bundle.overlap_id}=0.25, for less overlap of patches." if bundle.overlap_id else ""
        self.overrides.setToolTip(SETTINGS_TIP + example)

    def show_check(self, result: Outlook, regions: Mapping[str, Box]) -> None:
        """The findings, worst first, and the estimate; without a finding a sentence says that image and bundle fit."""
        self.findings.setText(finding_lines(result.findings) or "The image suits the bundle (model).")
        self.estimate.setText(str(result.estimate or ""))
        lines = [f"{name} {box_text(box)}".strip() for name, box in regions.items()]
        self.box.setText("<br>".join(html.escape(line) for line in lines))
        self.box.setVisible(bool(regions))

    def show_problem(self, text: str, severity: str = "warning") -> None:
        """Why there is nothing to check yet; as a "note" it only says what to do next."""
        self.findings.setText(marked_line(severity, text))
        self.estimate.setText("")
        self.box.setVisible(False)

    def set_running(self, running: bool, *, ready: bool) -> None:
        """Which buttons can be used."""
        self.run.setEnabled(ready and not running)
        self.cancel.setEnabled(running)
        self.bar.setVisible(running)
        if running:
            self.bar.setRange(0, 0)  # busy, until the first patches are done

    def show_progress(self, progress: WorkProgress, total: int | None, left: str) -> None:
        """A bar of patches where their number is known, and the time left.

        `total` is the number of patches, None where it is not known. `left` is the time left in words, "" before there
        is a pace; then the seconds since the start are shown.
        """
        if total and progress.windows:
            self.bar.setRange(0, total)
            self.bar.setValue(min(progress.windows, total))
        count = f" {progress.windows} of {total} patches" if total and progress.windows else ""
        rest = f", {left} left" if left else f", {progress.seconds:.0f} s"
        self.status.setText(f"{progress.stage}{count}{rest}")

    def show_done(self, text: str) -> None:
        """How the run ended."""
        self.bar.setRange(0, 1)
        self.status.setText(text)
