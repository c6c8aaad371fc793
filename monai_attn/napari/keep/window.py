"""The window's side of keeping unsaved masks: a timer, a thread, and the offer to restore.

The keeper itself knows no Qt. Nothing here decides what is kept or when: that is `keep.keeper`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.qt.threading import create_worker
from napari.utils.notifications import Notification, NotificationSeverity, notification_manager, show_error
from qtpy.QtCore import QCoreApplication, QTimer
from qtpy.QtWidgets import QGroupBox, QLabel, QVBoxLayout

from monai_attn.errors import AttnError
from monai_attn.napari.keep.keeper import Keeper, keeper_of
from monai_attn.napari.keep.rescue import Rescue
from monai_attn.napari.keep.task import MaskToKeep
from monai_attn.napari.qt.controls import button, row
from monai_attn.napari.qt.jobs import named, safely

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["UnsavedBar", "watch"]


GREETING_MS = 1500
"""How long after the plugin is first used it offers what earlier sessions left."""

log = logging.getLogger(__name__)


class Offer(Notification):
    """A notification without napari's line on the object in memory that has sent it."""

    source = ""


class Clock:
    """Runs the tasks of a keeper in a thread, one round at a time.

    The tasks are collected in the window's thread and written in another one, so that painting goes on meanwhile.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.busy = False
        self._unwritten: list[MaskToKeep] = []
        self.timer = QTimer()
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self.tick)

    def schedule(self, seconds: float) -> None:
        """Do the next round after so many seconds; a later call puts it off.

        One call does one round; nothing repeats by itself.
        """
        self.timer.start(int(seconds * 1000))

    def tick(self) -> None:
        """Write what is pending.

        While a round is still being written the next one waits a second. An error of a round is shown as a
        notification; the masks that were not written wait for the next round.
        """
        if self.busy:
            self.schedule(1.0)
            return
        tasks = self.keeper.tasks()
        if not tasks:
            return
        self.busy, self._unwritten = True, tasks
        worker = create_worker(named("keeping unsaved masks", safely, _write, tasks), _start_thread=False)
        worker.yielded.connect(self._written)
        worker.returned.connect(_say_refusal)
        worker.finished.connect(self.rest)
        worker.start()

    def rest(self) -> None:
        """The round is over.

        Called when the worker has finished, also after an error.
        """
        self.busy = False
        self.keeper.put_back(self._unwritten)
        self._unwritten = []

    def _written(self, done: tuple[MaskToKeep, Path]) -> None:
        """One mask of the round is in its file."""
        self._unwritten = [task for task in self._unwritten if task is not done[0]]
        self.keeper.written(*done)


def watch(viewer: ViewerModel) -> Keeper:
    """The keeper of a viewer; in a window, with a timer, a thread and notifications.

    A viewer that is watched already gets the same keeper again. Without Qt's application nothing is written by itself.
    """
    return keeper_of(viewer) or connect(Keeper(viewer))


def connect(keeper: Keeper) -> Keeper:
    """Give a keeper its clock, and offer what earlier sessions left for the images that are open.

    The keeper is given back. Without Qt's application it stays as it was.
    """
    application = QCoreApplication.instance()
    if application is None:
        return keeper
    application.aboutToQuit.connect(partial(keep_now, keeper))
    keeper.schedule = Clock(keeper).schedule
    keeper.offer = lambda found: offer(keeper, found)
    QTimer.singleShot(GREETING_MS, keeper.greet)  # what belongs to an image that is being opened is offered with it
    return keeper


def keep_now(keeper: Keeper) -> None:
    """Write what is pending: napari ends before the clock strikes.

    Called when Qt is about to quit. A disk that refuses is logged, for no window is left to say it.
    """
    try:
        keeper.keep()
    except AttnError as error:
        log.error("%s", error)


def offer(keeper: Keeper, found: list[Rescue]) -> None:
    """Say that there are unsaved masks; buttons restore or discard them. The panel "Correct" has them too."""
    actions = (("Restore", lambda: restore(keeper, found)), ("Discard", lambda: discard(keeper, found)))
    notification_manager.dispatch(Offer(_sentence(found), NotificationSeverity.WARNING, actions=actions))


def restore(keeper: Keeper, found: list[Rescue]) -> None:
    """Open unsaved masks as layers, those that were not restored or discarded meanwhile.

    A mask that cannot be read is shown as an error, and the others are opened all the same.
    """
    waiting = keeper.waiting()
    for one in found:
        try:
            if one in waiting:
                keeper.restore(one)
        except AttnError as error:
            show_error(str(error))


def discard(keeper: Keeper, found: list[Rescue]) -> None:
    """Remove unsaved masks for good, but for those that were restored or kept anew meanwhile."""
    waiting = keeper.waiting()
    for one in found:
        if one in waiting:
            one.discard()


class UnsavedBar(QGroupBox):
    """What was painted and not saved, with buttons; hidden while there is nothing.

    The panel "Correct" shows it. Its sentence says how many masks there are and when each was kept.
    """

    def __init__(self, keeper: Keeper) -> None:
        super().__init__("Not saved")
        self.keeper = keeper
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.choices = {
            name: button(name, tip, self._act)
            for name, tip in {"restore": "Open them as layers.", "discard": "Remove them for good."}.items()
        }
        layout = QVBoxLayout(self)
        layout.addWidget(self.said)
        layout.addWidget(row(*self.choices.values()))
        self.refresh()

    def refresh(self, event: object = None) -> None:  # noqa: ARG002
        """Look again what there is.

        Called when layers come or go, and after a button of the bar.
        """
        self.found = self.keeper.waiting()
        self.setVisible(bool(self.found))
        if self.found:
            self.said.setText(_sentence(self.found))

    def _act(self, name: str) -> None:
        """Restore or discard all masks of the bar, as the button says."""
        if name == "restore":
            restore(self.keeper, self.found)
        else:
            discard(self.keeper, self.found)
        self.refresh()


def _sentence(found: list[Rescue]) -> str:
    """How many masks are unsaved, and the times of at most three of them."""
    many = f"{len(found)} masks were" if len(found) > 1 else "A mask was"
    when = ", ".join(one.clock for one in found[:3]) + (", ..." if len(found) > 3 else "")
    return f"{many} not saved ({when})."


def _say_refusal(outcome: tuple[None, str]) -> None:
    """Show why a round of writing was not done; nothing where it was."""
    if outcome[1]:
        show_error(f"Unsaved masks are not kept: {outcome[1]}")


def _write(tasks: list[MaskToKeep]) -> Generator[tuple[MaskToKeep, Path], None, None]:
    """Write masks one by one in a worker's thread; gives each with its file."""
    for task in tasks:
        yield task, task.write()
