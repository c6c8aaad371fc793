"""Structures and their lesions as a Qt item model: what stands in the table, and what editing it does.

The Structures panel shows one `StructureModel`. Names, colours and styles live on the layer, measurements in the
`Inspection`; the model holds neither, so that there is only one truth. Columns stand in `tree_columns`.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QColor
from typing_extensions import override

from monai_attn.errors import AttnError, InputError
from monai_attn.measure import Lesion
from monai_attn.napari.keep.keeper import renamed
from monai_attn.napari.layers.styles import layer_table, recolour, rename, restyle, style_of
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.tree_columns import (
    COLOUR_COLUMN,
    LESIONS_COLUMN,
    MEAN_COLUMN,
    NAME_COLUMN,
    OPACITY_COLUMN,
    TREE_COLUMNS,
    TreeColumn,
    number_data,
)

__all__ = ["StructureModel"]

ROLE = Qt.ItemDataRole


class StructureModel(QAbstractItemModel):
    """The rows of one inspection; each structure has its lesions below it.

    Structures are in the order of their labels, lesions from large to small. `refused` brings the message when an edit
    is not possible, `lesions_changed` tells that other labels are to be measured as lesions. Without an inspection
    there are no rows.
    """

    refused = Signal(str)
    lesions_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.inspection: Inspection | None = None
        self._values: list[int] = []
        self._lesions: dict[int, tuple[Lesion, ...]] = {}

    def show(self, inspection: Inspection | None) -> None:
        """Show another inspection, or none."""
        self.beginResetModel()
        self.inspection = inspection
        findings = inspection.findings if inspection is not None else {}
        self._values = sorted(findings)
        self._lesions = {value: finding.lesions for value, finding in findings.items()}
        self.endResetModel()

    def update_finding(self, value: int) -> None:
        """A structure was measured anew: insert the row if it is new, and add or remove rows of lesions."""
        if self.inspection is None:
            return
        if value not in self._values:
            row = sum(other < value for other in self._values)
            self.beginInsertRows(QModelIndex(), row, row)
            self._values.insert(row, value)
            self._lesions[value] = ()
            self.endInsertRows()
        row, lesions = self._values.index(value), self.inspection.findings[value].lesions
        parent, before = self.index(row, 0), len(self._lesions[value])
        if len(lesions) > before:
            self.beginInsertRows(parent, before, len(lesions) - 1)
        elif len(lesions) < before:
            self.beginRemoveRows(parent, len(lesions), before - 1)
        self._lesions[value] = lesions
        if len(lesions) > before:
            self.endInsertRows()
        elif len(lesions) < before:
            self.endRemoveRows()
        last = len(TREE_COLUMNS) - 1
        self.dataChanged.emit(parent, self.index(row, last))
        if lesions:
            self.dataChanged.emit(self.index(0, 0, parent), self.index(len(lesions) - 1, last, parent))

    def place_of(self, index: QModelIndex) -> tuple[int, int]:
        """Label and number of the lesion of a row; 0 for a structure's own row."""
        if index.internalId():
            return int(index.internalId()), index.row() + 1
        return self._values[index.row()], 0

    def index_of(self, value: int, number: int = 0) -> QModelIndex:
        """The row of a structure or lesion; an invalid one where there is none."""
        if value not in self._values:
            return QModelIndex()
        parent = self.index(self._values.index(value), 0)
        return self.index(number - 1, 0, parent) if number else parent

    @override
    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many structures there are, or below a structure how many lesions."""
        if not parent.isValid():
            return len(self._values)
        top = parent.internalId() == 0 and parent.column() == 0
        return len(self._lesions[self._values[parent.row()]]) if top else 0

    @override
    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many columns there are, the same for structures and lesions."""
        return len(TREE_COLUMNS)

    @override
    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """The index of a cell; within it, a lesion keeps the label of its structure and a structure keeps 0."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._values[parent.row()] if parent.isValid() else 0)

    @override
    def parent(self, child: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """The structure of a lesion; an invalid index for a structure."""
        value = int(child.internalId()) if child.isValid() else 0
        return self.createIndex(self._values.index(value), 0, 0) if value in self._values else QModelIndex()

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        """Title and explanation of a column; the mean is headed by the image's unit where that is known."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = TREE_COLUMNS[section]
        if section == MEAN_COLUMN and self.inspection is not None and self.inspection.unit:
            column = TreeColumn(self.inspection.unit, column.tip)
        return {ROLE.DisplayRole: column.title, ROLE.ToolTipRole: column.tip}.get(ROLE(role))

    @override
    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """What a cell allows: names and opacities are edited, boxes ticked, and lesions only looked at."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.internalId():
            return flags
        if TREE_COLUMNS[index.column()].style or index.column() == LESIONS_COLUMN:
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in (NAME_COLUMN, OPACITY_COLUMN) else flags

    @override
    def data(self, index: QModelIndex, role: int = ROLE.DisplayRole) -> Any:
        """What a cell shows for a role of Qt; None where there is nothing."""
        if self.inspection is None or not index.isValid():
            return None
        value, number = self.place_of(index)
        if number:
            return self._lesion_data(self._lesions[value][number - 1], index.column(), role)
        return self._structure_data(value, index.column(), role)

    @override
    def setData(self, index: QModelIndex, given: Any, role: int = ROLE.EditRole) -> bool:
        """Change name, colour, opacity, style or kind of a structure on its layer; False where that is refused."""
        if self.inspection is None or not index.isValid() or index.internalId():
            return False
        inspection, value, column = self.inspection, self._values[index.row()], TREE_COLUMNS[index.column()]
        ticked = Qt.CheckState(given) == Qt.CheckState.Checked if role == ROLE.CheckStateRole else False
        try:
            if role == ROLE.CheckStateRole and column.style:
                restyle(inspection.layer, value, **{column.style: ticked})
            elif role == ROLE.CheckStateRole:
                inspection.set_lesions(inspection.lesions | {value} if ticked else inspection.lesions - {value})
                self.lesions_changed.emit()
            elif index.column() == OPACITY_COLUMN:
                restyle(inspection.layer, value, opacity=_share(given))
            elif index.column() == COLOUR_COLUMN:
                recolour(inspection.layer, value, str(given))
            else:
                before = layer_table(inspection.layer)
                rename(inspection.layer, value, str(given))
                if layer_table(inspection.layer) != before:
                    renamed(inspection.layer)
        except AttnError as error:
            self.refused.emit(str(error))
            return False
        self.dataChanged.emit(index, index)
        return True

    def _structure_data(self, value: int, column: int, role: int) -> Any:
        """The cell of a structure: boxes, colour, name and numbers."""
        inspection = self.inspection
        if inspection is None:
            return None
        label, style, finding = (
            layer_table(inspection.layer)[value],
            style_of(inspection.layer, value),
            inspection.findings[value],
        )
        if role == ROLE.CheckStateRole:
            ticked = (
                value in inspection.lesions
                if column == LESIONS_COLUMN
                else getattr(style, TREE_COLUMNS[column].style or "_", None)
            )
            return None if ticked is None else Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
        if role == ROLE.DecorationRole and column == COLOUR_COLUMN:
            return QColor(label.colour)
        if role == ROLE.EditRole:
            return {
                NAME_COLUMN: label.name,
                OPACITY_COLUMN: round(100 * style.opacity),
                COLOUR_COLUMN: label.colour,
            }.get(column)
        if role == ROLE.DisplayRole and column == NAME_COLUMN:
            return label.name
        if role == ROLE.DisplayRole and column == OPACITY_COLUMN:
            return f"{100 * style.opacity:.0f} %"
        if role == ROLE.DisplayRole and column == LESIONS_COLUMN:
            return str(len(finding.lesions)) if value in inspection.lesions else ""
        return number_data(finding.structure, finding.diameters_mm, column, role)

    def _lesion_data(self, lesion: Lesion, column: int, role: int) -> Any:
        """The cell of a lesion: only its name and numbers."""
        if role == ROLE.DisplayRole and column == NAME_COLUMN:
            return lesion.name
        return number_data(lesion, (lesion.axial_diameter_mm, lesion.perpendicular_diameter_mm), column, role)


def _share(percent: Any) -> float:
    """An opacity between 0 and 1 from percent as the user writes it, "40" or "40 %"; `InputError` for anything else."""
    try:
        return float(str(percent).strip().removesuffix("%")) / 100
    except ValueError as error:
        raise InputError(f"An opacity is written in percent, for example 40, not {percent!r}.") from error
