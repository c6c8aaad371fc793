"""The panel "Open": what a file or folder holds, and which of it to open.

The work itself is done by functions of `open.opening`, without Qt. The panel shows tables, buttons and sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import (
    QFileDialog,
    QWidget,
)

from monai_attn.cases.offers import Offer
from monai_attn.errors import AttnError
from monai_attn.napari.keep.leaving import may_leave
from monai_attn.napari.layers.volumes import LayerTuple
from monai_attn.napari.open.opening import (
    add_layers,
    next_beside,
    read_steps,
    scan_steps,
    use_from_now_on,
)
from monai_attn.napari.open.reading import open_images
from monai_attn.napari.open.table import OfferTable
from monai_attn.napari.qt.controls import button, check_box, row
from monai_attn.napari.qt.fields import words
from monai_attn.napari.qt.jobs import named
from monai_attn.napari.qt.page import Advanced, lay_out_page
from monai_attn.napari.qt.strokes import after_stroke
from monai_attn.napari.settings import PLUGIN, settings

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["OpenWidget", "show_chooser"]

DOCK, TITLE = "monai-attn", "Open"
"""The dock of all panels as napari names it, and the tab of this panel."""

SAMPLES = {"sample brain": "mni152", "sample CT": "phantom"}
SAMPLE_TIPS = {
    "sample brain": "A T1-weighted MR image of the head, the mean of 152 adults (MNI152).",
    "sample CT": "An artificial CT with organs and lesions of known volume, and their mask.",
}


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
        self.samples = row(*(button(name, tip, self._open_sample) for name, tip in SAMPLE_TIPS.items()))
        self.said = words()
        self.said.setText("Choose a folder or file, or drop one on the window. To try: a sample.")
        self.table = OfferTable()
        self.table.itemChanged.connect(self._show_state)
        self.reslice = check_box(
            "Reslice oblique series",
            "Interpolates oblique images along the patient's axes, so that they lie over others. "
            "A resliced layer cannot be saved or segmented.",
        )
        self.open = button("open ticked", "Read the ticked rows and add them to the viewer (Ctrl+Return).", self._read)
        self.cancel = button("cancel", "Stop after what is being read now.", self._cancel)
        self.always = button(
            "use monai-attn for these files from now on",
            "Files with this ending, or folders, open with monai-attn without a question. Undo it in Preferences.",
            self._always,
        )
        self.always.setText("Always use monai-attn here")
        self.next = button("next case", "List the next folder or file beside this one (Alt+PgDown).", self._next)
        self.main, self.stopping = self.open, self.cancel
        more = Advanced((self.reslice, self.always))
        above = (self.choose, self.samples, self.said, self.table, more)
        lay_out_page(self, above, (row(self.open, self.cancel, self.next),), grows=3)

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
        self.table.show_offers(offers)
        self.said.setText(f"{path.name}: {len(offers)} to choose from.")
        self._show_state()

    def ticked(self) -> list[Offer]:
        """The offers whose box is ticked.

        In the order of the table; [] when none is.
        """
        return [self.offers[place] for place in self.table.ticked()]

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

    def next_case(self) -> None:
        """List the folder or file beside the one that is listed, and take the images of this one away.

        Asks first where a mask is not saved. Says so where there is no next one.
        """
        if self.worker is not None or self.path is None:
            return
        path = next_beside(self.path)
        if path is None:
            show_info(f"{self.path.name} is the last one in its folder.")
        elif may_leave(self.viewer, self):
            self.viewer.layers.clear()
            self.show_path(path)

    def _next(self, _: str) -> None:
        self.next_case()

    def _open_sample(self, name: str) -> None:
        """Open one of the samples that File > Open Sample has too."""
        try:
            self.viewer.open_sample(PLUGIN, SAMPLES[name])
        except AttnError as error:
            show_error(str(error))
        else:
            self.said.setText("Opened. Next: the tab Segment (Alt+3).")

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
            self._start(self._add_soon, read_steps, chosen, images, reslice=self.reslice.isChecked())

    def _add_soon(self, result: tuple[list[LayerTuple], list[str]]) -> None:
        """Add what was read once no stroke of the mouse is under way."""
        after_stroke(self, self.viewer.layers, partial(self._add, result))

    def _add(self, result: tuple[list[LayerTuple], list[str]]) -> None:
        """Add the layers that were read, and say what a user should know about them."""
        layers, failed = result
        for text in add_layers(self.viewer, layers):
            show_warning(text)
        for text in failed:
            show_error(text)
        done = f"Opened {len(layers)}, {len(failed)} failed." if failed else f"Opened {len(layers)}."
        self.said.setText(f"{done} Next: the tab Segment (Alt+3)." if layers else done)

    def _always(self, _: str) -> None:
        if self.path is not None:
            patterns = ", ".join(use_from_now_on(self.path))
            show_info(f"{patterns} open with monai-attn from now on. Change it in Preferences > Plugins.")

    def _start(self, then: Any, steps: Any, *given: Any, **choices: Any) -> None:
        """Run a generator in a worker; `then` is called with what the generator returns."""
        self.worker = create_worker(named("reading images", steps, *given), _start_thread=False, **choices)
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
        self.next.setEnabled(self.path is not None and not busy)
        self.samples.setEnabled(not busy)


def show_chooser(viewer: napari.viewer.Viewer, path: Path, offers: Sequence[Offer]) -> OpenWidget:
    """The Open panel of a viewer, docked if it was not, with what was found at a path.

    The reader calls it when a path dropped on the window holds more than one series, so that the user chooses.
    """
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    dock.show()
    dock.raise_()
    panel: OpenWidget = widget.show_tab(TITLE)
    panel.show_offers(path, offers)
    return panel
