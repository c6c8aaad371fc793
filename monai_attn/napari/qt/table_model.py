"""A plain table of things for Qt: a column is a title, an explanation and a function of the thing.

It sorts and edits nothing. Panels that show structures or lesions as rows give the columns and the things.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView
from typing_extensions import override

__all__ = ["Field", "TableModel", "table_view"]

ROLE = Qt.ItemDataRole


@dataclass(frozen=True)
class Field:
    """A column: its title and explanation, its text for a thing, and the colour of a swatch before it.

    `text` and `colour` are called with the thing of a row. A colour is `#rrggbb`. With `number` the text is aligned to
    the right.
    """

    title: str
    tip: str
    text: Callable[[Any], str]
    colour: Callable[[Any], str] | None = None
    number: bool = True


class TableModel(QAbstractTableModel):
    """Things as rows, to be read only.

    `fields` are the columns from left to right. Empty until `show` is called.
    """

    def __init__(self, fields: Sequence[Field], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.fields = tuple(fields)
        self.things: tuple[Any, ...] = ()

    def show(self, things: Sequence[Any]) -> None:
        """Show these things, one per row, in place of those before; the selection of a view is lost."""
        self.beginResetModel()
        self.things = tuple(things)
        self.endResetModel()

    @override
    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many things are shown; 0 below a row, for this is no tree."""
        return 0 if parent.isValid() else len(self.things)

    @override
    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many columns there are; 0 below a row."""
        return 0 if parent.isValid() else len(self.fields)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        """The title of a column, and its explanation as a tool tip; rows have no heading."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        field = self.fields[section]
        return {ROLE.DisplayRole: field.title, ROLE.ToolTipRole: field.tip}.get(ROLE(role))

    @override
    def data(self, index: QModelIndex, role: int = ROLE.DisplayRole) -> Any:
        """Text, swatch and alignment of a cell; None for whatever else Qt asks."""
        if not index.isValid():
            return None
        thing, field = self.things[index.row()], self.fields[index.column()]
        if role == ROLE.DisplayRole:
            return field.text(thing)
        if role == ROLE.DecorationRole and field.colour is not None:
            return QColor(field.colour(thing))
        if role == ROLE.TextAlignmentRole and field.number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def table_view(model: TableModel) -> QTableView:
    """A view of whole rows, as wide as what stands in them.

    One row can be selected at a time. Columns follow their contents; row numbers and grid lines are hidden.
    """
    view = QTableView()
    view.setModel(model)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setTabKeyNavigation(False)  # the arrows go from row to row, the tabulator leaves the table
    view.setShowGrid(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(20)
    view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    return view
