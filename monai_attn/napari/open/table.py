"""The table of what a file or folder holds, with a box to tick for each row that can be opened."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from monai_attn.cases.offers import Offer
from monai_attn.napari.open.opening import OFFER_COLUMNS, row_of

__all__ = ["OfferTable"]

NAME_COLUMN = OFFER_COLUMNS.index("Name")


class OfferTable(QTableWidget):
    """Offers as rows. Rows with a problem cannot be ticked; the last column says why."""

    def __init__(self) -> None:
        super().__init__(0, len(OFFER_COLUMNS))
        self.setHorizontalHeaderLabels(OFFER_COLUMNS)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setTabKeyNavigation(False)  # the arrows go from row to row, the tabulator leaves the table
        self.verticalHeader().setVisible(False)
        self.setWordWrap(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeToContents)
        header.setSectionResizeMode(NAME_COLUMN, QHeaderView.Interactive)
        header.resizeSection(NAME_COLUMN, 150)
        header.setStretchLastSection(True)
        self.setMinimumHeight(90)

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """Fill the table, without a signal; ticked are those that `Offer.chosen` says."""
        self.blockSignals(True)
        self.setRowCount(len(offers))
        for place, offer in enumerate(offers):
            for column, text in enumerate(row_of(offer)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                item.setFlags(Qt.ItemIsSelectable if offer.problem else Qt.ItemIsSelectable | Qt.ItemIsEnabled)
                self.setItem(place, column, item)
            if not offer.problem:
                first = self.item(place, 0)
                first.setFlags(first.flags() | Qt.ItemIsUserCheckable)
                first.setCheckState(Qt.Checked if offer.chosen else Qt.Unchecked)
        self.blockSignals(False)

    def ticked(self) -> list[int]:
        """The numbers of the rows whose box is ticked, from 0."""
        return [place for place in range(self.rowCount()) if self.item(place, 0).checkState() == Qt.Checked]
