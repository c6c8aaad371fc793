"""The panel "Open": what a file or folder holds, and which of it to open.

The work itself is done by functions of `open.opening`, without Qt. The panel shows tables, buttons and sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from monai_attn.cases.offers import Offer
from monai_attn.errors import AttnError
from monai_attn.napari.layers.volumes import LayerTuple
from monai_attn.napari.open.opening import OFFER_COLUMNS, add_layers, read_steps, row_of, scan_steps, use_from_now_on
from monai_attn.napari.open.reading import open_images
from monai_attn.napari.qt.controls import button, check_box, row
from monai_attn.napari.settings import PLUGIN, settings

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["OpenWidget", "show_chooser"]

TITLE = "Open"

NAME_COLUMN = OFFER_COLUMNS.index("Name")


class OpenWidget(QWidget):
    """Lists the series, images and structures of a file or folder, and opens those that are ticked.

    Listing and reading run in a worker, so that the window stays alive; Cancel stops after the series being read.

    Rows with a problem cannot be ticked; the last column says why. What could not be read is shown as an error, while
    the other rows are opened.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.path: Path | None = None
        self.offers: list[Offer] = []
        self.worker: Any = None
        self._build()
        self._show_state()

    def _build(self) -> None:
        """Make the buttons, the table and their layout."""
        self.choose = row(
            button("folder ...", "Choose a folder: DICOM with its subfolders, or image files.", self._choose),
            button("file ...", "Choose one file; a DICOM slice stands for its series.", self._choose),
        )
        self.said = QLabel("Choose a folder or file, or drop one on the window.")
        self.said.setWordWrap(True)
        self.table = QTableWidget(0, len(OFFER_COLUMNS))
        self.table.setHorizontalHeaderLabels(OFFER_COLUMNS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.verticalHeader().setVisible(False)
        self.table.setWordWrap(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeToContents)
        header.setSectionResizeMode(NAME_COLUMN, QHeaderView.Interactive)
        header.resizeSection(NAME_COLUMN, 150)
        header.setStretchLastSection(True)
        self.table.setMinimumSize(460, 140)
        self.table.itemChanged.connect(self._show_state)
        self.reslice = check_box(
            "Reslice oblique series to patient axes (display only)",
            "Interpolates oblique images so that they lie over others. A resliced layer cannot be saved or segmented.",
        )
        self.open = button("open ticked", "Read the ticked rows and add them to the viewer.", self._read)
        self.cancel = button("cancel", "Stop after what is being read now.", self._cancel)
        self.always = button(
            "use monai-attn for these files from now on",
            "Files with this ending, or folders, open with monai-attn without a question. Undo it in Preferences.",
            self._always,
        )
        layout = QVBoxLayout(self)
        for part in (self.choose, self.said, self.table, self.reslice, row(self.open, self.cancel), self.always):
            layout.addWidget(part)

    def show_path(self, path: Path) -> None:
        """List what is at a path, in a worker.

        Does nothing while another path is listed or read. Errors appear in the panel and as a notification.
        """
        if self.worker is not None:
            return
        self.path = path
        self._start(self._listed, scan_steps, path)

    def show_offers(self, path: Path, offers: Sequence[Offer]) -> None:
        """Fill the table with what was found at a path.

        Ticked are those that `Offer.chosen` says. The table before is thrown away.
        """
        self.path, self.offers = path, list(offers)
        self.table.blockSignals(True)
        self.table.setRowCount(len(offers))
        for place, offer in enumerate(offers):
            for column, text in enumerate(row_of(offer)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                item.setFlags(Qt.ItemIsSelectable if offer.problem else Qt.ItemIsSelectable | Qt.ItemIsEnabled)
                self.table.setItem(place, column, item)
            if not offer.problem:
                first = self.table.item(place, 0)
                first.setFlags(first.flags() | Qt.ItemIsUserCheckable)
                first.setCheckState(Qt.Checked if offer.chosen else Qt.Unchecked)
        self.table.blockSignals(False)
        self.said.setText(f"{path.name}: {len(offers)} to choose from.")
        self._show_state()

    def ticked(self) -> list[Offer]:
        """The offers whose box is ticked.

        In the order of the table; [] when none is.
        """
        rows = range(self.table.rowCount())
        return [self.offers[place] for place in rows if self.table.item(place, 0).checkState() == Qt.Checked]

    def _choose(self, what: str) -> None:
        """Ask for a folder or file, beginning beside the last one or in the folder of the preferences."""
        try:
            start = str(self.path.parent if self.path else settings().images or Path.home())
        except AttnError as error:
            show_error(str(error))
            start = str(Path.home())
        if what.startswith("folder"):
            chosen = QFileDialog.getExistingDirectory(self, "Open a folder", start)
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, "Open a file", start)
        if chosen:
            self.show_path(Path(chosen))

    def _listed(self, result: tuple[list[Offer], str]) -> None:
        """Show what a worker found, or why nothing can be opened."""
        offers, reason = result
        assert self.path is not None
        self.show_offers(self.path, offers)
        if reason:
            self.said.setText(reason)
            show_error(reason)

    def _read(self, _: str) -> None:
        """Read the ticked rows in a worker."""
        chosen = self.ticked()
        if chosen and self.worker is None:
            images = open_images(self.viewer.layers)
            self._start(self._add, read_steps, chosen, images, reslice=self.reslice.isChecked())

    def _add(self, result: tuple[list[LayerTuple], list[str]]) -> None:
        """Add the layers that were read, and say what a user should know about them."""
        layers, failed = result
        for text in add_layers(self.viewer, layers):
            show_warning(text)
        for text in failed:
            show_error(text)
        self.said.setText(f"Opened {len(layers)}, {len(failed)} failed." if failed else f"Opened {len(layers)}.")

    def _always(self, _: str) -> None:
        if self.path is not None:
            patterns = ", ".join(use_from_now_on(self.path))
            show_info(f"{patterns} open with monai-attn from now on. Change it in Preferences > Plugins.")

    def _start(self, then: Any, steps: Any, *given: Any, **choices: Any) -> None:
        """Run a generator in a worker; `then` is called with what the generator returns."""
        self.worker = create_worker(steps, *given, _start_thread=False, **choices)
        self.worker.yielded.connect(self.said.setText)
        self.worker.returned.connect(then)
        self.worker.finished.connect(self._done)
        self._show_state()
        self.worker.start()

    def _cancel(self, _: str) -> None:
        if self.worker is not None:
            self.said.setText("Cancelled.")
            self.worker.quit()

    def _done(self) -> None:
        self.worker = None
        self._show_state()

    def _show_state(self, _: Any = None) -> None:
        """Enable the buttons that can be used now."""
        busy = self.worker is not None
        self.choose.setEnabled(not busy)
        self.open.setEnabled(not busy and bool(self.ticked()))
        self.cancel.setEnabled(busy)
        self.always.setEnabled(self.path is not None)


def show_chooser(viewer: napari.viewer.Viewer, path: Path, offers: Sequence[Offer]) -> OpenWidget:
    """The Open panel of a viewer, docked if it was not, with what was found at a path.

    The reader calls it when a path dropped on the window holds more than one series, so that the user chooses.
    """
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, TITLE)
    panel: OpenWidget = widget
    panel.show_offers(path, offers)
    return panel
