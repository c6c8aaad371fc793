"""The dialog "Get more…": bundles of MONAI's model zoo, from the list that comes with the package, to download."""

from __future__ import annotations

from pathlib import Path

from napari.qt.threading import create_worker
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from monai_attn.bundle.fetch import fetch
from monai_attn.bundle.locate import fetched
from monai_attn.bundle.zoo import ZooBundle, zoo_list
from monai_attn.errors import AttnError
from monai_attn.napari.qt.jobs import named

__all__ = ["ZooDialog"]


class ZooDialog(QDialog):
    """Lists the bundles of the model zoo with task, images, size and licence, and downloads the chosen one.

    Nothing is downloaded before the button "Download" is pressed, and no code of a bundle runs. `got` is emitted with
    the folder of a bundle that is there now. Without a network the dialog says so.
    """

    got = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Get more bundles (models)")
        self.resize(560, 420)
        layout = QVBoxLayout(self)
        words = QLabel(
            "Bundles (models) of MONAI's model zoo. They come from other people: you are asked before any of their "
            "code runs. Research use, not a medical device."
        )
        words.setWordWrap(True)
        layout.addWidget(words)
        self.bundles, own = QListWidget(), fetched()
        self.bundles.setWordWrap(True)
        for one in zoo_list():
            item = QListWidgetItem(_line(one, there=one.name in own))
            item.setData(Qt.ItemDataRole.UserRole, one.name)
            self.bundles.addItem(item)
        self.bundles.setCurrentRow(0)
        layout.addWidget(self.bundles)
        self.status = QLabel("")
        self.status.setWordWrap(True)
        layout.addWidget(self.status)
        buttons = QDialogButtonBox()
        self.download = buttons.addButton("Download", QDialogButtonBox.ButtonRole.ActionRole)
        self.close_button = buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        self.download.clicked.connect(self.fetch)
        layout.addWidget(buttons)

    @property
    def chosen(self) -> str:
        """The name of the chosen bundle."""
        item = self.bundles.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def fetch(self) -> None:
        """Download the chosen bundle, in a thread; one that is there already is taken as it is."""
        name = self.chosen
        there = fetched().get(name)
        if there is not None:
            self._arrived(there)
            return
        self.download.setEnabled(False)
        self.status.setText(f"Downloading {name} …")
        worker = create_worker(named(f"downloading {name}", _fetched, name), _start_thread=False)
        worker.returned.connect(self._arrived)
        worker.start()

    def _arrived(self, found: Path | str) -> None:
        """Say that a bundle is there, or why it is not."""
        self.download.setEnabled(True)
        if isinstance(found, str):
            self.status.setText(found)
            return
        self.status.setText(f"{found.name} is there.")
        self.got.emit(str(found))


def _fetched(name: str) -> Path | str:
    """The folder of a downloaded bundle, or a sentence on what kept it from being downloaded.

    Nothing is raised: napari 0.9 stumbles over the error of a worker.
    """
    try:
        return fetch(name)
    except AttnError as error:
        return str(error)


def _line(one: ZooBundle, *, there: bool) -> str:
    """What the list says of a bundle, in two lines."""
    size = f"about {one.megabytes} MB" if one.megabytes else "size not known"
    first = f"{one.name}  (there)" if there else one.name
    return f"{first}\n   {one.task}; {one.images}; {size}; {one.licence}"
