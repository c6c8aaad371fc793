"""The Structures panel: a table of structures and lesions to look at, fly to, colour, lock, measure and export."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, QModelIndex, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QWidget

from monai_attn.errors import AttnError
from monai_attn.napari.layers.made_from import made_from
from monai_attn.napari.layers.provenance import warning_text, warnings_of
from monai_attn.napari.layers.volumes import displayed_point, go_to
from monai_attn.napari.qt.choices import LayerBox, is_mask, on_its_grid
from monai_attn.napari.qt.keys import bind_free_keys, release_keys
from monai_attn.napari.structures.exports import ask_and_save, ask_folder, case_of, save_png, save_rows
from monai_attn.napari.structures.form import NEXT_KEY, PREVIOUS_KEY, StructuresForm
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.keyimages import key_image_names, take_key_images
from monai_attn.napari.structures.lesions import neighbour
from monai_attn.napari.structures.measuring import Measuring
from monai_attn.napari.structures.pictures import canvas_picture, picture_with_legend
from monai_attn.napari.structures.tree import StructureModel
from monai_attn.napari.structures.tree_columns import COLOUR_COLUMN, LESIONS_COLUMN, TREE_COLUMNS
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

__all__ = ["StructuresWidget"]


class StructuresWidget(StructuresForm):
    """The table of one labels layer, measured on an image of its grid.

    `place` is the lesion shown last, as (label, number), from which `step` goes on; None before. `measuring` keeps the
    numbers up to date, and is None without a mask that can be measured.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        masks = LayerBox(viewer, is_mask)
        images = LayerBox(viewer, self._is_image, none="no image on its grid", images=True)
        super().__init__(StructureModel(), masks, images, parent)
        self.viewer = viewer
        self.measuring: Measuring | None = None
        self.place: tuple[int, int] | None = None
        self._keys: dict[str, Callable[..., None]] = {}
        self._active = False
        self._connect()
        self.destroyed.connect(partial(_release, weakref.ref(self)))
        self.resume()

    def resume(self) -> None:
        """Follow the viewer."""
        if self._active:
            return
        self._active = True
        self.masks.follow()
        self.images.follow()
        self._keys = bind_free_keys(
            self.viewer, {NEXT_KEY: lambda _viewer: self.step(1), PREVIOUS_KEY: lambda _viewer: self.step(-1)}
        )
        self._take_mask()

    def pause(self) -> None:
        """Let go of the viewer: a closed panel may live on, hidden."""
        if not self._active:
            return
        self._active = False
        release_keys(self.viewer, self._keys)
        self.masks.release()
        self.images.release()
        if self.measuring is not None:
            self.measuring.release()

    def event(self, event: QEvent) -> bool:
        """Pause while the panel is in no window."""
        if event.type() == QEvent.Type.ParentChange and hasattr(self, "_active"):
            (self.pause if self.parentWidget() is None else self.resume)()
        return bool(super().event(event))

    def fly_to(self, value: int, number: int = 0) -> None:
        """Show a lesion, or with number 0 a whole structure, in the middle of all planes; choose its label.

        The place is the centroid. Nothing happens for a structure without a voxel or one not measured yet.
        """
        inspection = self.inspection
        finding = inspection.findings.get(value) if inspection is not None else None
        if inspection is None or finding is None or finding.structure.block is None:
            return
        self.place = (value, number) if number else None
        found = finding.lesions[number - 1] if number else finding.structure
        go_to(self.viewer, displayed_point(inspection.grid, found.centroid_mm))
        inspection.layer.selected_label = value
        index = self.model.index_of(value, number)
        self.table.setCurrentIndex(index)
        self.table.scrollTo(index)

    def step(self, by: int) -> None:
        """Fly to the next (1) or previous (-1) lesion."""
        place = neighbour(self.inspection.findings, self.place, by) if self.inspection is not None else None
        if place is None:
            show_info("There is no lesion to go to. Tick Lesions for a structure whose pieces are lesions.")
        else:
            self.fly_to(*place)

    @property
    def inspection(self) -> Inspection | None:
        """What is shown; None without a mask that has a place in the patient."""
        return self.measuring.inspection if self.measuring is not None else None

    def _is_image(self, layer: Layer) -> bool:
        mask = self.masks.layer
        return layer._type_string == "image" and mask is not None and on_its_grid(mask, layer, self.viewer.layers)

    def _take_mask(self) -> None:
        """Inspect the mask that is chosen now, on the image that it was made from where this one is open."""
        mask = self.masks.layer
        with self.images.quiet():
            self.images.refresh()
            source = made_from(mask, filter(self._is_image, self.viewer.layers)) if mask is not None else None
            if source is not None:
                self.images.choose(source)
        self._begin()

    def _begin(self) -> None:
        """Inspect the layers that are chosen now."""
        if self.measuring is not None:
            self.measuring.release()
            self.measuring.deleteLater()
        self.measuring, self.place = None, None
        with self.images.quiet():
            self.images.refresh()
        mask = self.masks.layer
        text = RESEARCH_USE if mask is not None else f"Open a mask, or make one with “new labels”. {RESEARCH_USE}"
        if mask is not None:
            try:
                inspection = Inspection(mask, self.viewer.layers, self.images.layer)
            except AttnError as error:
                text = str(error)
            else:
                inspection.set_lesions(inspection.lesions, min_ml=self.min_ml.value())
                self.contour.setValue(mask.contour)
                self.measuring = Measuring(inspection, self)
                self.measuring.measured.connect(self._on_measured)
                self.measuring.started.connect(partial(self._say, "Measuring …"))
                self.measuring.settled.connect(self._on_settled)
        self.model.show(self.inspection)
        self._say(text)
        self._measure()

    def _measure(self) -> None:
        if self.measuring is not None:
            self.measuring.measure()

    def _measure_again(self) -> None:
        if self.inspection is None:
            self._begin()
        else:
            self.inspection.note_everything()
            self._measure()

    def _on_measured(self, value: int) -> None:
        self.model.update_finding(value)
        self.table.expand(self.model.index_of(value))

    def _on_settled(self) -> None:
        inspection = self.inspection
        count = len(key_image_names(inspection)) if inspection is not None else 0
        lesions = f"{count} lesion{'s' * (count != 1)}. " if inspection is not None and inspection.lesions else ""
        self._say(" ".join(text for text in (warning_text(self.masks.layer), f"{lesions}{RESEARCH_USE}") if text))

    def _say(self, text: str) -> None:
        self.message.setText(text)
        ready = self.measuring is not None and self.measuring.inspection.up_to_date
        for part in (self.csv, self.key_images):
            part.setEnabled(ready)
        for part in (self.table, self.contour, self.min_ml, self.previous, self.next, self.picture):
            part.setEnabled(self.measuring is not None)

    def _on_clicked(self, index: QModelIndex) -> None:
        if not TREE_COLUMNS[index.column()].style and index.column() != LESIONS_COLUMN:
            self.fly_to(*self.model.place_of(index))

    def _on_double_clicked(self, index: QModelIndex) -> None:
        if index.column() == COLOUR_COLUMN and not index.internalId():
            old = QColor(self.model.data(index, Qt.ItemDataRole.EditRole))
            colour = QColorDialog.getColor(old, self, "Colour of the structure")
            if colour.isValid():
                self.model.setData(index, colour.name())

    def _set_contour(self, width_px: int) -> None:
        if self.masks.layer is not None:
            self.masks.layer.contour = width_px

    def _set_min_ml(self, min_ml: float) -> None:
        if self.inspection is not None:
            self.inspection.set_lesions(self.inspection.lesions, min_ml=min_ml)
            self._measure()

    def _save_csv(self) -> None:
        if self.inspection is not None:
            said = {"warnings": " ".join(warnings_of(self.inspection.layer))}
            rows = [{**one, **said} for one in self.inspection.rows(case=case_of(self.inspection.layer))]
            ask_and_save(self, "Export measurements", "measurements.csv", partial(save_rows, rows))

    def _save_view(self) -> None:
        ask_and_save(
            self, "Save picture", "picture.png", partial(save_png, picture_with_legend(self.viewer, self.inspection))
        )

    def _save_key_images(self) -> None:
        inspection = self.inspection
        if inspection is None:
            return
        try:
            answer = ask_folder(self, "Folder for the key images", list(key_image_names(inspection).values()))
            if answer is not None:
                folder, replace = answer
                taken = list(
                    take_key_images(
                        self.viewer, inspection, folder, partial(canvas_picture, self.viewer), overwrite=replace
                    )
                )
                show_info(f"{len(taken)} key images were saved in {folder.name}.")
        except AttnError as error:
            show_error(str(error))

    def _connect(self) -> None:
        self.model.refused.connect(show_error)
        self.model.lesions_changed.connect(self._measure)
        self.masks.chosen.connect(self._take_mask)
        self.images.chosen.connect(self._begin)
        self.contour.valueChanged.connect(self._set_contour)
        self.min_ml.valueChanged.connect(self._set_min_ml)
        self.table.clicked.connect(self._on_clicked)
        self.table.doubleClicked.connect(self._on_double_clicked)
        actions = {
            self.previous: lambda: self.step(-1),
            self.next: lambda: self.step(1),
            self.again: self._measure_again,
            self.csv: self._save_csv,
            self.picture: self._save_view,
            self.key_images: self._save_key_images,
        }
        for push, action in actions.items():
            push.clicked.connect(lambda _checked=False, act=action: act())
        self.table.stepped.connect(self.step)


def _release(panel: weakref.ref[StructuresWidget]) -> None:
    """Let go of the viewer when Qt's half of the panel is gone."""
    widget = panel()
    if widget is not None:
        widget.pause()
