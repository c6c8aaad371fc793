"""The list of labels whose pieces are measured and pictured one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.structures.lesions import lesion_labels

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["LesionList"]


class LesionList(QListWidget):
    """The labels of a mask with boxes to tick; ticked at first are those whose name speaks of lesions."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[Labels | None, LabelTable] = (None, LabelTable())
        self.setToolTip("Labels whose pieces are measured and pictured one by one.")
        self.setMaximumHeight(110)

    def show_labels_of(self, mask: Labels | None) -> None:
        """List the labels of a mask in place of those before; the ticks stay while mask and names are the same."""
        table = layer_table(mask) if mask is not None else LabelTable()
        if (mask, table) == self._listed:
            return
        self._listed = mask, table
        self.clear()
        likely = lesion_labels(table)
        for label in table:
            item = QListWidgetItem(label.name)
            item.setData(Qt.ItemDataRole.UserRole, label.value)
            item.setCheckState(Qt.CheckState.Checked if label.value in likely else Qt.CheckState.Unchecked)
            self.addItem(item)

    def ticked(self) -> list[int]:
        """The values of the labels that are ticked, in the order of the list."""
        items = [self.item(number) for number in range(self.count())]
        checked = [item for item in items if item is not None and item.checkState() == Qt.CheckState.Checked]
        return [int(item.data(Qt.ItemDataRole.UserRole)) for item in checked]
