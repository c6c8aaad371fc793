"""The window's side of keeping unsaved masks: a timer, a thread, and the offer to restore."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from napari.qt.threading import create_worker
from napari.utils.notifications import Notification, NotificationSeverity, notification_manager, show_error
from qtpy.QtCore import QCoreApplication, QTimer

from monai_attn.errors import AttnError

if TYPE_CHECKING:
    from monai_attn.napari._autosave import Keeper, Task
    from monai_attn.napari._rescue import Rescue

__all__ = ["connect", "offer"]


class Clock:
    """Runs the tasks of a keeper in a thread, one round at a time."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.busy = False
        self.timer = QTimer()
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self.tick)

    def schedule(self, seconds: float) -> None:
        """Do the next round after so many seconds; a later call puts it off."""
        self.timer.start(int(seconds * 1000))

    def tick(self) -> None:
        """Write what is pending."""
        if self.busy:
            self.schedule(1.0)
            return
        tasks = self.keeper.tasks()
        if not tasks:
            return
        self.busy = True
        worker = create_worker(_write, tasks, _start_thread=False)
        worker.yielded.connect(lambda done: self.keeper.written(*done))
        worker.errored.connect(lambda error: show_error(f"Unsaved masks are not kept: {error}"))
        worker.finished.connect(self.rest)
        worker.start()

    def rest(self) -> None:
        """The round is over."""
        self.busy = False


def connect(keeper: Keeper) -> Keeper:
    """Give a keeper its clock, and offer what earlier sessions left for the images that are open."""
    if QCoreApplication.instance() is None:
        return keeper
    keeper.schedule = Clock(keeper).schedule
    keeper.offer = lambda found: offer(keeper, found)
    waiting = keeper.waiting()
    if waiting:
        offer(keeper, waiting)
    return keeper


def offer(keeper: Keeper, found: list[Rescue]) -> None:
    """Say that there are unsaved masks; buttons restore or discard them. The panel "Correct" lists them too."""
    many = f"{len(found)} masks that were" if len(found) > 1 else "A mask that was"
    when = ", ".join(one.clock for one in found[:3])
    message = f"{many} painted and not saved ({when}) can be restored, here or in the panel Correct."

    def restore() -> None:
        for one in found:
            try:
                keeper.restore(one)
            except AttnError as error:
                show_error(str(error))

    def discard() -> None:
        for one in found:
            one.discard()

    actions = (("Restore", restore), ("Discard", discard))
    notification_manager.dispatch(Notification(message, NotificationSeverity.WARNING, actions=actions))


def _write(tasks: list[Task]) -> Generator[tuple[Task, Path], None, None]:
    for task in tasks:
        yield task, task.write()
