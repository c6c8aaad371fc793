"""The list of bundles in the panel "Segment": shipped ones, the user's own, and "Get more…" as the last entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QComboBox, QWidget

from monai_attn.bundle.locate import fetched, shipped
from monai_attn.napari.segment.zoo import ZooDialog

__all__ = ["GET_MORE", "BundleList"]

GET_MORE = "Get more…"
"""The last entry, which opens the list of the model zoo."""


FIRST = "hippocampus_mri"
"""The bundle that is offered first: the sample of the menu is for it. The others follow by their names."""


class BundleList:
    """Fills a combo box with bundles, and knows which one is chosen.

    The entry "Get more…" is no bundle: the choice before it comes back, and the list of the model zoo opens.
    """

    def __init__(self, combo: QComboBox) -> None:
        self.combo = combo
        self._before = 0
        combo.addItems(sorted(shipped(), key=lambda name: name != FIRST))
        combo.addItem(GET_MORE)
        for name, root in fetched().items():
            self.add(name, root)

    @property
    def chosen(self) -> str:
        """The chosen bundle: a shipped name, or a folder; "" while "Get more…" is chosen."""
        text = str(self.combo.currentData() or self.combo.currentText())
        if text == GET_MORE:
            return ""
        self._before = self.combo.currentIndex()
        return text

    @property
    def added(self) -> list[Path]:
        """The folders of all bundles that are not shipped."""
        folders = (self.combo.itemData(row) for row in range(self.combo.count()))
        return [Path(folder) for folder in folders if folder]

    def offer(self, folder: Path | None) -> None:
        """Add the bundles in a folder; nothing for None."""
        for file in sorted(folder.glob("*/configs/metadata.json")) if folder else []:
            self.add(file.parents[1].name, file.parents[1])

    def add(self, name: str, folder: str | Path) -> int:
        """Add a bundle above "Get more…", unless it is listed already, and give its place in the list."""
        if (there := self.combo.findData(str(folder))) >= 0:
            return int(there)
        place = int(self.combo.count()) - 1
        self.combo.insertItem(place, name, str(folder))
        return place

    def get_more(self, parent: QWidget, got: Callable[[str], None]) -> ZooDialog:
        """Go back to the bundle before, and open the list of the model zoo; `got` is called with a folder."""
        self.combo.setCurrentIndex(self._before)
        dialog = ZooDialog(parent)
        dialog.got.connect(got)
        dialog.show()
        return dialog
