"""How the Structures panel looks: its boxes, table and buttons.

No logic: what a button does stands in `panel`, what the table shows in `tree`. Widths of outlines are in pixels,
volumes in ml.
"""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPushButton,
    QTreeView,
    QWidget,
)
from typing_extensions import override

from monai_attn.napari.qt.calm import CalmSpinBox
from monai_attn.napari.qt.choices import LayerBox
from monai_attn.napari.qt.controls import check_box, row, spin
from monai_attn.napari.qt.fields import words
from monai_attn.napari.qt.page import Advanced, lay_out_page, narrow_form
from monai_attn.napari.structures.tree import StructureModel
from monai_attn.napari.structures.tree_columns import TREE_COLUMNS

__all__ = [
    "NEXT_KEY",
    "PREVIOUS_KEY",
    "StructuresForm",
]

NEXT_KEY, PREVIOUS_KEY = ".", ","
"""Keys for the next and the previous lesion, in the viewer and in the table."""

WIDE_ONLY = ("Across", "Mean", "Lock", "Solo", "Opacity")
"""Titles of the columns that are hidden until "all columns" is ticked."""

BOXES = """
QTreeView::indicator { border: 1px solid #8c8c8c; border-radius: 2px; width: 10px; height: 10px; }
QTreeView::indicator:checked { background: #6f9cf0; }
"""
"""In napari's own style an empty box looks like the background."""


class StructuresForm(QWidget):
    """The parts of the panel; what they do stands in `StructuresWidget`.

    `masks` and `images` are the lists of layers to choose from, `table` shows the rows of `model`.
    """

    def __init__(self, model: StructureModel, masks: LayerBox, images: LayerBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        model.setParent(self)
        self.model, self.masks, self.images = model, masks, images
        self.contour, self.message = CalmSpinBox(), words()
        self.contour.setRange(0, 20)
        self.contour.setSpecialValueText("filled")
        self.contour.setSuffix(" px")
        self.contour.setToolTip("Draw outlines of this width in 2-D; 0 fills the structures.")
        self.min_ml = spin(0.0, (0.0, 1000.0), " ml", "Leave out lesions below this volume.")
        self.min_ml.setDecimals(2)
        self.previous = _push("◀ Lesion", f"The lesion before (key {PREVIOUS_KEY})")
        self.next = _push("Lesion ▶", f"The next lesion (key {NEXT_KEY})")
        self.again = _push("Measure again", "Measure everything anew.")
        self.csv = _push("CSV …", "Save the table, with all measurements.")
        self.picture = _push("Picture …", "Save the view, with a legend.")
        self.key_images = _push("Key images …", "Save a picture of each lesion.")
        self.table = _tree_view(model)
        self.every_column = check_box("all columns", "Show lock, solo, opacity, mean and the second diameter too.")
        self._lay_out()

    def _lay_out(self) -> None:
        """Put the parts below one another: choices, table, buttons, message."""
        form, more = narrow_form(), narrow_form()
        form.addRow("Mask", self.masks)
        for text, part in (("Image", self.images), ("Outline", self.contour), ("Lesions from", self.min_ml)):
            more.addRow(text, part)
        self.main, self.stopping = self.next, None
        self.masks.setToolTip("The mask whose structures are listed.")
        self.images.setToolTip("The image on the mask's grid whose values are measured inside the structures.")
        self.table.setMinimumHeight(110)
        advanced = Advanced((more, row(self.every_column, self.again)))
        below = (row(self.previous, self.next), row(self.csv, self.picture, self.key_images), self.message)
        lay_out_page(self, (form, self.table, advanced), below, grows=1)
        self.every_column.toggled.connect(self._show_columns)
        self._show_columns(False)

    def _show_columns(self, every: bool) -> None:
        """Show every column, or those that fit into a narrow dock."""
        for number, column in enumerate(TREE_COLUMNS):
            self.table.setColumnHidden(number, not every and column.title in WIDE_ONLY)


class Tree(QTreeView):
    """A tree in which the keys of the viewer go from lesion to lesion; `stepped` brings 1 or -1.

    So the keys also work while the table has the focus.
    """

    stepped = Signal(int)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next or previous lesion on the two keys; all other keys do what they do in any tree."""
        by = {NEXT_KEY: 1, PREVIOUS_KEY: -1}.get(event.text())
        if by is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(by)


def _tree_view(model: StructureModel) -> Tree:
    """A view of the rows, as wide as what stands in them; names and opacities are edited with a double-click."""
    view = Tree()
    view.setModel(model)
    view.setUniformRowHeights(True)
    view.setExpandsOnDoubleClick(False)
    view.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
    view.setIndentation(10)
    view.setStyleSheet(BOXES)
    header = view.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    return view


def _push(text: str, tip: str) -> QPushButton:
    """A button with a text and an explanation."""
    push = QPushButton(text)
    push.setToolTip(tip)
    return push
