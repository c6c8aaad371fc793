"""The panel "Learn": choose labelled cases and minutes, watch the curve, and get a bundle (model)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from monai_attn.bundle.locate import bundle_folders, shipped
from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import AttnError, Cancelled, InputError
from monai_attn.napari.keep.guard import add_reason
from monai_attn.napari.layers.provenance import PROVENANCE
from monai_attn.napari.learn.cases import open_cases, open_masks, structures_of
from monai_attn.napari.learn.form import NEW_NETWORK, LearnForm
from monai_attn.napari.learn.training import LearnRequest, Outcome, train
from monai_attn.napari.qt.jobs import named
from monai_attn.napari.segment.findings import marked_line
from monai_attn.napari.segment.request import overrides_of
from monai_attn.napari.segment.work import Work, WorkProgress
from monai_attn.napari.settings import PLUGIN
from monai_attn.preflight.estimate import duration
from monai_attn.wording import counted

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels

__all__ = ["LearnWidget"]

logger = logging.getLogger(__name__)

DOCK = "monai-attn"
"""The dock of all panels as napari names it."""

UNKNOWN = "The bundle {} that made the mask is not in the list, so a new network is trained. Add it in the tab Segment."
"""Said of a mask whose bundle is not found."""


class LearnWidget(QWidget):
    """Trains in a thread, one training at a time; the new bundle is then offered and chosen in the tab "Segment".

    `dataset` is the chosen folder or table, `masks` are the open masks that were chosen instead. A training takes the
    masks as they are when it starts.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.dataset: Path | None = None
        self.masks: list[Labels] = []
        self.worker: Any = None
        self.form = form = LearnForm()
        self.main, self.stopping = form.run, form.cancel
        self._work: Work[Outcome] | None = None
        self._ending = threading.Event()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(form)
        self._offer_bundles()
        form.data.setText("Choose images with masks; then the minutes.")
        form.folder.clicked.connect(self._ask_folder)
        form.table.clicked.connect(self._ask_table)
        form.layers.clicked.connect(lambda: self.show_open())
        form.choose.clicked.connect(self._ask_output)
        form.changed.connect(self._enable)
        form.run.clicked.connect(self.start)
        form.cancel.clicked.connect(self.end)
        add_reason(viewer, partial(_what_runs, ref(self)))
        self._enable()

    def show_dataset(self, path: Path) -> None:
        """Look for labelled cases at a path, in a thread, and say what there is."""
        self.dataset, self.masks = path, []
        self.form.data.setText(f"Looking through {path.name} …")
        self._suggest(path.stem)
        self._enable()
        looking = create_worker(named("looking for labelled cases", _found, path), _start_thread=False)
        looking.returned.connect(partial(self._listed, path))
        looking.start()

    def show_open(self, only: Labels | None = None) -> None:
        """Learn from the masks that are open, or from one of them."""
        self.dataset, self.masks = None, open_masks(self.viewer.layers, only)
        said = f"{counted(len(self.masks), 'open mask')} with an image: {', '.join(structures_of(self.masks))}."
        self.form.data.setText(said if self.masks else "No mask that is seen has an image on its grid.")
        self._suggest("learned")
        self._enable()

    def learn_from(self, mask: Labels) -> None:
        """Make ready for a short training on a mask that was corrected, from the bundle that made the mask.

        Bundles that the tab "Segment" offers are known here too. Of any other it is said that a new network is trained.
        """
        self._offer_bundles()
        made = mask.metadata.get(PROVENANCE, {})
        name = str(made.get("bundle", "")) if isinstance(made, dict) else ""
        if name and self.form.initial.findText(name) < 0:
            self._offer_bundles(*self._dock().panel("Segment").offered.added)
        known = self.form.initial.findText(name)
        self.form.initial.setCurrentIndex(max(0, known))
        self.form.minutes.setValue(5.0)
        self.show_open(mask)
        if name and known < 0:
            self.form.data.setText(f"{self.form.data.text()} {UNKNOWN.format(name)}")

    def request(self) -> LearnRequest:
        """The choices and the chosen masks as they are now. Raises `InputError` where something is missing."""
        return replace(self._choices(), cases=tuple(open_cases(self.masks, self.viewer.layers)))

    def _choices(self) -> LearnRequest:
        """The choices without the masks, which may be large. Raises `InputError` where something is missing."""
        if self.dataset is None and not self.masks:
            raise InputError("Choose labelled cases: a folder, a table, or the masks that are open.")
        text = self.form.output.text().strip()
        if not text:
            raise InputError("Name a new folder for the bundle (model).")
        return LearnRequest(
            output=Path(text).expanduser(),
            minutes=self.form.minutes.value(),
            dataset=self.dataset,
            initial=self.form.initial.currentData(),
            overrides=overrides_of(self.form.overrides.text()),
        )

    def start(self) -> None:
        """Start the training; a message says what is missing."""
        if self.worker is not None:
            return
        try:
            request = self.request()
        except AttnError as error:
            show_error(str(error))
            return
        self._ending = threading.Event()
        self._work = Work(partial(train, request, self._ending))
        self.worker = worker = create_worker(named("a training", self._work.outcome), _start_thread=False)
        self._work.abandoned = lambda: bool(worker.abort_requested)  # napari asks workers to quit when it closes
        worker.yielded.connect(self._show_progress)
        worker.returned.connect(self._show_outcome)
        worker.finished.connect(self._finished)
        self.form.curve.show_points(())
        self._enable()
        worker.start()

    def end(self) -> None:
        """End the training after its step: its best weights become the bundle. Before it has begun, nothing is kept."""
        self._ending.set()
        self.form.cancel.setEnabled(False)
        self.form.status.setText("Ending after this step; the best weights are kept …")

    def _show_progress(self, progress: WorkProgress) -> None:
        state = progress.shown
        if state is not None and not self._ending.is_set():
            self.form.show_state(state, duration(state.left) if state.left and state.left > 0 else "")

    def _show_outcome(self, outcome: tuple[Outcome | None, Exception | None]) -> None:
        """Offer the new bundle where masks are made, or say why there is none."""
        made, error = outcome
        if made is None:
            if not isinstance(error, AttnError):
                logger.error("The training failed", exc_info=error)
            text = str(error) if isinstance(error, AttnError) else f"The training failed: {error}"
            self.form.status.setText(text)
            if not isinstance(error, Cancelled):
                show_error(text)
            return
        self.form.status.setText(f"{made.sentence} {made.bundle.name} is chosen in the tab Segment.")
        self._dock().panel("Segment").add_bundle(made.bundle)
        self._offer_bundles(made.bundle)
        self._suggest(made.bundle.name)

    def _dock(self) -> Any:
        """The dock of all panels."""
        return self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)[1]

    def _finished(self) -> None:
        self.worker = None
        self._enable()

    def _listed(self, path: Path, found: tuple[str, str]) -> None:
        """Say what was found at a path; nothing where another path was chosen meanwhile."""
        said, reason = found
        if path != self.dataset:
            return
        self.form.data.setText(said or marked_line("error", reason))
        if reason:
            self.dataset = None
        self._enable()

    def _offer_bundles(self, *more: Path) -> None:
        """The bundles to begin with, by name, and those in `more` folders; the chosen one stays chosen."""
        box = self.form.initial
        roots = [path.parents[1] for folder in bundle_folders() for path in folder.glob("*/configs/metadata.json")]
        for root in [*shipped().values(), *sorted(roots), *more]:
            if box.findData(str(root)) < 0:
                box.addItem(root.name, str(root))
        assert box.itemText(0) == NEW_NETWORK

    def _suggest(self, name: str) -> None:
        """A folder that is free, among the bundles of the user, unless a name was typed."""
        if self.form.output.isModified():
            return
        place, number = bundle_folders()[0], 1
        while (folder := place / (name if number == 1 else f"{name}_{number}")).exists():
            number += 1
        self.form.output.setText(str(folder))

    def _enable(self) -> None:
        """Which buttons can be used now, and what is missing."""
        try:
            self._choices()
            missing = ""
        except AttnError as error:
            missing = str(error)
        if self.worker is None:
            self.form.findings.setText(marked_line("note", missing) if missing else "Ready to learn.")
        self.form.set_running(self.worker is not None, ready=not missing)

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of labelled cases")
        if folder:
            self.show_dataset(Path(folder))

    def _ask_table(self) -> None:
        table, _ = QFileDialog.getOpenFileName(self, "Table of labelled cases", "", "Tables (*.csv *.tsv *.json)")
        if table:
            self.show_dataset(Path(table))

    def _ask_output(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Where the folder of the bundle (model) is made")
        if folder:
            name = Path(self.form.output.text()).name or "learned"
            self.form.output.setText(str(Path(folder) / name))
            self.form.output.setModified(True)


def _found(path: Path) -> Generator[None, None, tuple[str, str]]:
    """What labelled cases there are at a path, in a sentence; else "" and the reason."""
    yield  # here a window that is being closed stops it
    try:
        found = find_labelled(path)
    except AttnError as error:
        return "", str(error)
    names = ", ".join(label.name for label in found.labels)
    return f"{path.name}: {counted(len(found), 'case')} ({found.kind}). Structures: {names}.", ""


def _what_runs(panel: ref[LearnWidget]) -> str:
    """What closing the window would stop; "" for nothing."""
    one = panel()
    return "A training is running and would be ended." if one is not None and one.worker is not None else ""
