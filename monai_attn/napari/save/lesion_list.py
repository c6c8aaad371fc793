"""The list of labels whose pieces are measured and pictured one by one."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from monai_attn.labels import LabelTable
from monai_attn.napari.structures.lesions import lesion_labels

__all__ = ["LesionList"]


class LesionList(QListWidget):
    """The labels of a mask with boxes to tick; ticked at first are those whose name speaks of lesions."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("Labels whose pieces are measured and pictured one by one.")
        self.setMaximumHeight(110)

    def show_labels(self, table: LabelTable) -> None:
        """List the labels of a table in place of those before."""
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
