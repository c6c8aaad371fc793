"""The panel "Review": a folder of results, its cases in the order of doubt, and keys to decide on each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QModelIndex, QTimer
from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget

from monai_attn.errors import AttnError
from monai_attn.napari.keep.leaving import may_leave, unsaved_masks
from monai_attn.napari.keep.window import watch
from monai_attn.napari.layers.links import Links, closing
from monai_attn.napari.open.opening import add_layers
from monai_attn.napari.open.panel import DOCK
from monai_attn.napari.qt.controls import button, row
from monai_attn.napari.qt.fields import words
from monai_attn.napari.qt.jobs import named
from monai_attn.napari.qt.page import Advanced, lay_out_page, narrow_form
from monai_attn.napari.qt.shortcuts import WindowKeys
from monai_attn.napari.qt.strokes import after_stroke
from monai_attn.napari.qt.table_model import Field, TableModel, table_view
from monai_attn.napari.qt.windows import main_window
from monai_attn.napari.review.reading import Reading, begin_steps, case_steps
from monai_attn.napari.settings import PLUGIN, settings
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["KEYS", "ReviewWidget"]

KEYS = {"accept": "Alt+A", "fix": "Alt+X", "reject": "Alt+R", "next": "Alt+N", "back": "Alt+B"}
"""The keys of a reading, wherever in the window the cursor is."""

COLUMNS = (
    Field("Case", "The case, those with most doubt first.", lambda row: row.case, number=False),
    Field("Doubt", "The rules that find the case unlike the others.", lambda row: row.rules, number=False),
    Field("Decision", "What you decided. Decisions of others are not shown.", lambda row: row.decision, number=False),
)

TIPS = {
    "accept": "The mask is good; go to the next case.",
    "fix": "Correct the mask by hand in the tab Correct. The corrected mask is saved when you go on.",
    "reject": "The mask is of no use; go to the next case.",
    "next": "Save a corrected mask, and go to the next case.",
    "back": "Save a corrected mask, and go to the case before.",
}


STAYED = "This case stays open, because you painted while the next one was read. Next saves the mask and goes on."
"""Said where the reader has answered "Stay"."""

NOT_BEGUN = "Nothing was opened, because a mask is not saved. Save it in the tab Save, then read the folder."
"""Said where the reader has answered "Stay" before the first case of a folder was read."""


GONE = "The mask of this case was closed. Click on the case in the table to open it again."


class ReviewWidget(QWidget):
    """Opens the cases of a cohort one after the other, and writes down what the reader decides.

    `reading` is the cohort that is read, None before. `mask` is the layer of the open case. A case that is decided on
    makes room for the next one that is not; unsaved masks of other layers are asked about.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        watch(viewer)
        self.reading: Reading | None = None
        self.mask: Labels | None = None
        self.worker: Any = None
        self._left: list[Labels] = []  # unsaved masks that the reader leaves for the case that is being read
        self._then: Callable[[Any], None]
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._bind_keys)
        self._build()
        self._keys = WindowKeys({KEYS[name]: push.click for name, push in self.buttons.items()})
        self._links = Links()
        self._links.follow(self._removed, viewer.layers.events.removed)
        self.destroyed.connect(closing(self._links))
        self._show_state()

    def _build(self) -> None:
        """Make fields, table and buttons, and put them in the order in which they are used."""
        self.folder, self.reader, self.images = QLineEdit(), QLineEdit(), QLineEdit()
        self.folder.setPlaceholderText("output of segment")
        self.folder.setToolTip("The folder of results: masks that monai-attn segment has written.")
        self.reader.setPlaceholderText("optional")
        self.reader.setToolTip(
            "A name or letter for you, where several people read. Each has a file of decisions and a folder of "
            "corrected masks, and sees nothing of the others."
        )
        self.images.setPlaceholderText("where the results say it")
        self.images.setToolTip(
            "Only where the results do not say where the images are: the folder or table that segment was given."
        )
        self.begin = button("read", "Look through the folder, and open the case with most doubt.", self._begin)
        browse = button("choose", "Choose the folder.", self._choose)
        self.model = TableModel(COLUMNS, self)
        self.table = table_view(self.model)
        self.table.setMinimumHeight(90)
        self.table.clicked.connect(self._clicked)
        self.why, self.said = words(), words()
        self.said.setText(RESEARCH_USE)
        self.buttons = {name: button(name, f"{TIPS[name]} ({key})", self.press) for name, key in KEYS.items()}
        self.main, self.stopping = self.begin, None
        form, more = narrow_form(), narrow_form()
        form.addRow("cohort", row(self.folder, browse))
        form.addRow("reader", row(self.reader, self.begin))
        more.addRow("images", self.images)
        decisions = row(*(self.buttons[name] for name in ("accept", "fix", "reject")))
        steps = row(self.buttons["back"], self.buttons["next"])
        lay_out_page(self, (form, Advanced((more,)), self.table), (self.why, decisions, steps, self.said), grows=2)

    def press(self, name: str) -> None:
        """Accept, fix or reject the open case, or go to the next case or back; `name` is a key of `KEYS`.

        Nothing happens while a case is read, or before the first. What is not on the screen is not decided.
        """
        reading = self.reading
        if reading is None or not self._can(name):
            return
        try:
            kept = self._keep_correction(rejected=name == "reject")
            if name == "fix" or (name in ("accept", "reject") and kept is None):
                reading.decide(name)
        except AttnError as error:
            show_error(str(error))
            return
        self._show_state()
        if name == "fix":
            self._correct()
            return
        target = reading.beside(1 if name == "next" else -1) if name in ("next", "back") else reading.undecided()
        if target:
            self.show_case(target)
        else:
            ends = {"next": "This is the last case.", "back": "This is the first case."}
            self.said.setText(f"{ends.get(name, 'All cases are decided.')} {reading.sentence}")

    def _can(self, name: str) -> bool:
        """Whether a key of `KEYS` can be used now: only a mask that was opened, and still is, can be decided on."""
        seen = (self.mask is not None and self.mask in self.viewer.layers) or name in ("next", "back")
        return self.reading is not None and bool(self.reading.case) and seen and self.worker is None

    def _removed(self, event: Any = None) -> None:  # noqa: ARG002
        """Say that the case is no longer open, where its mask was closed."""
        if self.reading is not None and self.worker is None and self.mask not in (None, *self.viewer.layers):
            self.said.setText(GONE)
            self._show_state()

    def show_case(self, case: str) -> None:
        """Open a case in place of the layers that are open; asks first where a mask is not saved."""
        if self.reading is not None and self.worker is None:
            self._read(self.reading, case)

    def _read(self, reading: Reading, case: str) -> bool:
        """Read a case in a worker, of a reading that becomes ours with it; False where the reader stays."""
        if not may_leave(self.viewer, self):
            return False
        self._left = unsaved_masks(self.viewer)
        self._start(partial(self._opened, reading), case_steps, reading, case)
        return True

    def event(self, event: QEvent) -> bool:
        """Give the keys back while the panel is in no window, and take them when it comes into one.

        A closed panel may live on, hidden. When the dock is opened again, with whichever tab, the reading goes on.
        """
        if event.type() == QEvent.Type.ParentChange and hasattr(self, "_keys"):
            if self.parentWidget() is None:
                self._keys.bind(None)
            else:
                self._settle.start(0)  # the dock itself comes into the window a moment later
        return bool(super().event(event))

    def _keep_correction(self, *, rejected: bool = False) -> Path | None:
        """Save the mask of the open case where a hand has changed it; not where it is rejected. Raises `AttnError`."""
        if self.reading is None or self.mask is None or self.mask not in self.viewer.layers:
            return None
        if rejected:
            self.reading.withdraw_undone(self.mask, self.viewer.layers)
            return None
        return self.reading.keep_correction(self.mask, self.viewer.layers)

    def _is_kept(self) -> bool:
        """Save the mask of the open case before another one comes; where that fails, show why."""
        try:
            self._keep_correction()
        except AttnError as error:
            show_error(str(error))
            return False
        return True

    def _choose(self, _: str) -> None:
        """Ask for the folder, beginning in the folder for results of the preferences."""
        try:
            start = self.folder.text() or str(settings().results or Path.home())
        except AttnError:
            start = str(Path.home())
        chosen = QFileDialog.getExistingDirectory(self, "Folder of results", start)
        if chosen:
            self.folder.setText(chosen)

    def _begin(self, _: str) -> None:
        """Save a corrected mask, look through the folder in a worker, then open the first case that is not decided."""
        if self.worker is not None or not self.folder.text().strip():
            return
        if not self._is_kept():
            return
        folder = Path(self.folder.text().strip())
        self._start(self._begun, begin_steps, folder, self.reader.text().strip(), self.images.text().strip())

    def _begun(self, result: tuple[Reading | None, str]) -> None:
        """Open the first case of a new reading; the reading before goes on where the reader stays."""
        reading, reason = result
        if reading is None:
            self.said.setText(reason)
            show_error(reason)
            return
        first = reading.undecided()
        if not first:
            self.mask = None
            self._take(reading)
            self.said.setText(f"{reading.sentence} Click a case to look at it again.")
        elif not self._read(reading, first):
            self.said.setText(NOT_BEGUN)

    def _take(self, reading: Reading) -> None:
        """Make a reading ours, and take its keys."""
        self.reading = reading
        self._bind_keys()

    def _opened(self, reading: Reading, result: tuple[str, Any, str]) -> None:
        """Show a case that was read, in place of the open layers; asks first where one was painted meanwhile."""
        painted = [mask for mask in unsaved_masks(self.viewer) if mask not in self._left]
        if painted and not may_leave(self.viewer, self):
            self.said.setText(STAYED)
            return
        case, (layers, images), reason = result
        self._take(reading)
        reading.case, reading.images, self.mask = case, dict(images), None
        self.viewer.layers.clear()
        if reason:
            self.said.setText(reason)
            show_error(reason)
        else:
            notes = add_layers(self.viewer, layers)
            self.mask = self.viewer.layers[-1]
            self.viewer.layers.selection.active = self.mask
            self.said.setText(" ".join([reading.sentence, *notes]))
        self._show_state()

    def _correct(self) -> None:
        """Show the tab Correct with the mask chosen."""
        if self.mask in self.viewer.layers:
            self.viewer.layers.selection.active = self.mask
        _, dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        dock.show_tab("Correct")

    def _clicked(self, index: QModelIndex) -> None:
        """Open the case of a row, once a corrected mask is saved."""
        reading = self.reading
        if reading is None or self.worker is not None:
            return
        if not self._is_kept():
            return
        self.show_case(self.model.things[index.row()].case)

    def _start(self, then: Callable[[Any], None], steps: Callable[..., Any], *given: Any) -> None:
        """Run a generator in a worker; `then` is called with what it returns, once the worker is free again."""
        self.worker = create_worker(named("reading a cohort", steps, *given), _start_thread=False)
        self.worker.yielded.connect(self.said.setText)
        self._then = then
        self.worker.returned.connect(self._returned)
        self.worker.errored.connect(self._ended)
        self._show_state()
        self.worker.start()

    def _returned(self, result: Any) -> None:
        """Go on with what a worker has found once no stroke of the mouse is under way: a case replaces all layers."""
        after_stroke(self, self.viewer.layers, partial(self._go_on, result))

    def _go_on(self, result: Any) -> None:
        """Go on with what a worker has found; whatever goes wrong then, the keys that can be used work afterwards."""
        self.worker = None
        try:
            self._then(result)
        finally:
            self._show_state()

    def _ended(self, _: Any) -> None:
        self.worker = None
        self._show_state()

    def _show_state(self) -> None:
        """Fill the table, say why the case is doubted, and enable what can be used now."""
        reading, busy = self.reading, self.worker is not None
        self.begin.setEnabled(not busy)
        for name, push in self.buttons.items():
            push.setEnabled(self._can(name))
        if reading is None:
            return
        rows = reading.rows
        if list(self.model.things) != rows:
            self.model.show(rows)
        if reading.case:
            self.table.selectRow(reading.cases.index(reading.case))
        self.why.setText(reading.reasons)

    def _bind_keys(self) -> None:
        """Take the keys of a reading in the window, whichever tab is in front; nothing happens before a reading."""
        if self.reading is not None:
            self._keys.bind(main_window(self))
