"""The panel "Save all": mask, measurements and report of a layer, into one folder with one button.

For the end of a reading: the mask is right, and everything that belongs to the case is written together. napari makes
the panel (command `monai_attn.save_all`). What is written, and how, stands in `saving`; this file only collects the
choices, runs the work in a thread and shows how the work went.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget

from monai_attn.errors import AttnError, InputError
from monai_attn.napari.correct.brush import gate_images
from monai_attn.napari.correct.editing import Seal
from monai_attn.napari.correct.scribbling import is_scribbles
from monai_attn.napari.keep.keeper import saved
from monai_attn.napari.keep.window import watch
from monai_attn.napari.layers.made_from import made_from
from monai_attn.napari.layers.provenance import warning_text
from monai_attn.napari.qt.choices import offer_images
from monai_attn.napari.qt.controls import button, check_box, releasing, row
from monai_attn.napari.qt.fields import combo_box, words
from monai_attn.napari.qt.jobs import named, safely
from monai_attn.napari.qt.page import Advanced, lay_out_page, narrow_form
from monai_attn.napari.save.asking import ask_mask_file
from monai_attn.napari.save.lesion_list import LesionList
from monai_attn.napari.save.saving import MASK_FORMATS, REPLACE, Saving, free_of_identity, save_all
from monai_attn.napari.save.writer import save_mask
from monai_attn.napari.settings import settings

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

__all__ = ["SaveAllWidget"]


class SaveAllWidget(QWidget):
    """Saves the active labels layer with its measurements and report; nothing is replaced unless it is allowed.

    `layer` is the mask to save: the active labels layer of three axes. When another kind of layer is clicked, the mask
    stays chosen as long as it is open. `done` holds the files of the last saving by their kind, such as "mask" and
    "report"; it is empty before, and when another image is chosen.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        watch(viewer)
        self.layer: Labels | None = None
        self.worker: Any = None
        self._image: Image | None = None
        self._by_hand = False
        self._task: tuple[Labels, Image | None, Seal]
        self.done: dict[str, Path] = {}
        self._build()
        self._links = [
            (viewer.layers.selection.events.active, self._follow),
            (viewer.layers.events.inserted, self._follow),
            (viewer.layers.events.removed, self._follow),
        ]
        for emitter, callback in self._links:
            emitter.connect(callback)
        self.destroyed.connect(releasing(self._links))
        self._follow()

    def _build(self) -> None:
        """Make the fields and buttons and put them in the order in which they are filled in."""
        self.target, self.said, self.warned = words(), words(), words()
        self.image, self.form = combo_box(()), combo_box(list(MASK_FORMATS))
        self.form.setToolTip("The kind of file of the mask; NIfTI is read by nearly every program.")
        self.image.setToolTip("The image on the mask's grid: for intensities, and for the pictures of the report.")
        self.image.currentIndexChanged.connect(self._image_chosen)
        self.image.activated.connect(self._choose_image)
        self.case, self.folder = QLineEdit(), QLineEdit()
        self.case.setToolTip("What the files are called. No patient's name: it would stand in file names and report.")
        self.folder.setPlaceholderText("folder")
        self.folder.setToolTip("Where the files go.")
        self.lesions = LesionList()
        self.replace = check_box(REPLACE, "Otherwise nothing is written when one of the files exists.")
        self.browse = button("choose", "Choose the folder.", self._choose)
        self.save = button("save all", "Write mask, table, measurements and report into the folder.", self._start)
        self.save_mask = button("save mask ...", "Save the mask alone, as NIfTI or another kind.", self._save_mask)
        self.stop = button("cancel", "Stop; nothing is written.", self._cancel)
        self.show_report = button("show report", "Open the report in the browser.", self._show)
        form, more = narrow_form(), narrow_form()
        form.addRow("image", self.image)
        form.addRow("case", self.case)
        form.addRow("folder", row(self.folder, self.browse))
        more.addRow("mask as", self.form)
        more.addRow("lesions", self.lesions)
        more.addRow(self.replace)
        self.main, self.stopping = self.save_mask, self.stop
        below = (self.warned, row(self.save_mask), row(self.save, self.stop), self.said, self.show_report)
        lay_out_page(self, (self.target, form, Advanced((more,))), below)

    def _follow(self, event: Any = None) -> None:  # noqa: ARG002
        """Take over the active mask, and offer the images on its grid; chosen is the one that it was made from."""
        active = self.viewer.layers.selection.active
        mask = active if isinstance(active, Labels) and active.ndim == 3 and not is_scribbles(active) else None
        if mask is None and self.layer in self.viewer.layers:
            mask = self.layer  # another kind of layer was clicked: stay
        self._by_hand = self._by_hand and mask is self.layer
        self.layer = mask
        images = gate_images(self.viewer, mask) if mask is not None else []
        offer_images(self.image, images)
        source = made_from(mask, images) if mask is not None and not self._by_hand else None
        if source is not None:
            self.image.setCurrentIndex(images.index(source))
        self._image_chosen()
        self.lesions.show_labels_of(mask)

    def _choose_image(self, row: int) -> None:  # noqa: ARG002
        """The user chose an image: it stays chosen while the mask does."""
        self._by_hand = True

    def _image_chosen(self) -> None:
        """Another image: forget what was typed, said and saved for the one before, and suggest a name of the case."""
        image = self.image.currentData()
        if image is not self._image:
            if self._image is not None:
                self.case.setText("")
                self.said.clear()
                self.done = {}
            self._image = image
            if image is not None and not self.case.isModified():
                try:
                    self.case.setText(free_of_identity(image))
                except AttnError:  # the file is gone meanwhile
                    self.case.setText("case")
        self._enable()

    def _enable(self) -> None:
        """Which buttons can be used now, and what is missing before the mask can be saved."""
        busy = self.worker is not None
        self.save.setEnabled(self.layer is not None and self.image.currentData() is not None and not busy)
        self.save_mask.setEnabled(self.layer is not None and not busy)
        self.stop.setEnabled(busy)
        self.warned.setText(warning_text(self.layer))
        self.warned.setVisible(bool(self.warned.text()))
        self.show_report.setVisible("report" in self.done)
        if self.layer is None:
            self.target.setText("Select the labels layer to save.")
        elif self.image.currentData() is None:
            self.target.setText(f"Open the image that {self.layer.name} belongs to.")
        else:
            self.target.setText(f"Saves {self.layer.name}")

    def _choose(self, name: str) -> None:  # noqa: ARG002
        """Ask for the folder of the results; turning back keeps the folder."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results", self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _save_mask(self, name: str) -> None:  # noqa: ARG002
        """Ask for a file and write the mask; the ending decides the kind, NIfTI without one."""
        if self.layer is None:
            return
        start = Path(self.folder.text().strip() or Path.home()) / f"{self.case.text() or 'case'}_seg.nii.gz"
        chosen = ask_mask_file(self, start)
        if chosen is not None:
            self.write_mask(chosen)

    def write_mask(self, path: str | Path) -> None:
        """Write the mask to a file, which is replaced; say what was written, or show why nothing was."""
        if self.layer is None:
            return
        self.said.clear()
        try:
            files = save_mask(path, self.layer)
        except AttnError as error:
            show_error(str(error))
            return
        self.said.setText("Saved: " + ", ".join(file.name for file in files))
        self._enable()

    def saving(self) -> Saving:
        """What the panel says, with a copy of the mask as it is now.

        An empty folder field means the folder for results of the preferences. Raises `InputError` without a mask, an
        image or a folder, and as `Saving.of` does when the layer cannot be saved.
        """
        layer, image = self.layer, self.image.currentData()
        folder = Path(self.folder.text()) if self.folder.text().strip() else settings().results
        if layer is None or image is None:
            raise InputError("Select the labels layer to save, and open the image that it belongs to.")
        if folder is None:
            raise InputError("Choose a folder for the results.")
        return Saving.of(
            layer,
            image,
            folder,
            self.case.text(),
            layers=self.viewer.layers,
            form=self.form.currentText(),
            lesions=self.lesions.ticked(),
            overwrite=self.replace.isChecked(),
        )

    def _start(self, name: str) -> None:  # noqa: ARG002
        """Save in a thread, as chosen now; a seal on the layer notices what is painted meanwhile."""
        layer = self.layer
        self.said.clear()
        try:
            saving = self.saving()
        except AttnError as error:
            show_error(str(error))
            return
        assert layer is not None
        self._task = layer, self._image, Seal(layer)
        self.worker = create_worker(named("saving", safely, save_all, saving), _start_thread=False)
        self.worker.yielded.connect(self._say)  # methods of a widget: Qt does not call them when it is gone
        self.worker.returned.connect(self._finish)
        self.worker.finished.connect(self._end)
        self._enable()
        self.worker.start()

    def _say(self, step: str) -> None:
        """Show what is done now, one of the steps of `save_all`."""
        self.said.setText(f"{step} ...")

    def _finish(self, outcome: tuple[dict[str, Path] | None, str]) -> None:
        """Name the files, or show why there are none; only a mask that was not painted on meanwhile is saved."""
        files, refusal = outcome
        layer, image, seal = self._task
        if files is None:
            self.said.setText("Nothing was written.")
            show_error(refusal)
            return
        self.done = files if image is self._image else {}
        if seal.whole:
            saved(layer.data)
        self.said.setText("Saved: " + ", ".join(path.name for path in files.values()))
        show_info(f"Saved {len(files)} files into {files['mask'].parent.name}.")

    def _end(self) -> None:
        """The thread has ended, however it did: the buttons can be used again."""
        self.worker = None
        if self.said.text().endswith("..."):
            self.said.setText("Nothing was written.")
        self._enable()

    def _cancel(self, name: str) -> None:  # noqa: ARG002
        """Ask the thread to end at the next step; a cancelled saving leaves no file behind."""
        if self.worker is not None:
            self.worker.quit()

    def _show(self, name: str) -> None:  # noqa: ARG002
        """Open the saved report in the user's browser."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.done["report"])))
