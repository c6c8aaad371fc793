"""Drives an inspection in Qt: waits for a pause, measures small changes at once and large ones in a thread.

The Structures panel makes one `Measuring` for each mask that it shows. What is measured stands in `inspection`, what
was painted is noticed by `watch`; here is only the right moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, QTimer, Signal

from monai_attn.errors import AttnError
from monai_attn.napari.qt.jobs import named
from monai_attn.napari.structures.inspection import Inspection, LabelMeasured, MeasuringJob
from monai_attn.napari.structures.watch import Watch

__all__ = ["Measuring"]

INLINE_VOXELS = 1_000_000
"""Up to so many voxels are measured at once: about 15 ms, and 10 ms for each lesion. More would make the brush
stumble."""

PAUSE_MS = 150
"""How long nothing must have happened before it is measured."""


class Measuring(QObject):
    """Keeps one inspection up to date while its layer is painted on.

    `started` says that a measurement begins. `measured` brings the label of each new result, `settled` says that all
    are there. Results of what was painted over meanwhile are measured again. Call `release` before letting go of it.

    Up to a million voxels are measured at once in the window's thread, more in a thread of its own.
    """

    measured = Signal(int)
    settled = Signal()
    started = Signal()

    def __init__(self, inspection: Inspection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.inspection = inspection
        self._watch = Watch(inspection, self._wake)
        self._worker: Any = None
        self._released = False
        self._soon, self._later = QTimer(self), QTimer(self)
        for timer, wait_ms, action in ((self._soon, 0, self._watch.settle), (self._later, PAUSE_MS, self.measure)):
            timer.setSingleShot(True)
            timer.setInterval(wait_ms)
            timer.timeout.connect(action)

    def measure(self) -> None:
        """Measure what waits, now or as soon as the running thread has stopped.

        When nothing waits, `settled` comes at once. A layer that cannot be measured any more is refused with a message.
        """
        if self._released:
            return
        self._watch.settle()
        if self._worker is not None:
            self._worker.quit()  # at its next label; then we begin again
            return
        if self.inspection.up_to_date:
            self.settled.emit()
            return
        try:
            job = self.inspection.job()
        except AttnError as error:  # the data were replaced by an array of another shape
            show_error(str(error))
            return
        self.started.emit()
        if job.voxels <= INLINE_VOXELS:
            for result in _safely(job):
                self._take(job, result)
            self._end(job)
            return
        self._worker = create_worker(named("measuring", _safely, job), _start_thread=False)
        self._worker.yielded.connect(lambda result: self._take(job, result))
        self._worker.finished.connect(lambda: self._end(job))
        self._worker.start()

    def release(self) -> None:
        """Let go of the layer and of the thread; touches nothing of Qt that may be gone already."""
        self._released = True
        self._watch.close()
        if self._worker is not None:
            worker, self._worker = self._worker, None
            worker.yielded.disconnect()
            worker.finished.disconnect()
            worker.quit()

    def _wake(self) -> None:
        """Something was painted: put back locked labels soon, and measure after a pause."""
        self._soon.start()
        self._later.start()

    def _take(self, job: MeasuringJob, result: LabelMeasured | Exception | None) -> None:
        """Use one result, the end (None) or an error of a job."""
        if self._released:  # what a thread said before it was stopped may come after
            return
        if result is None:
            self.inspection.finish(job)
        elif isinstance(result, LabelMeasured):
            if self.inspection.accept(result):
                self.measured.emit(result.finding.structure.value)
        elif self.inspection.is_current(job):  # else it was painted on while it was read
            self._failed(result)

    def _failed(self, error: Exception) -> None:
        """Show an error of ours; raise any other."""
        if not isinstance(error, AttnError):
            raise error
        show_error(str(error))

    def _end(self, job: MeasuringJob) -> None:
        """The job is over: say so, or measure again what changed meanwhile."""
        if self._released:
            return
        self._worker = None
        if self.inspection.up_to_date:
            self.settled.emit()
        elif not self.inspection.is_current(job):
            self._later.start()


def _safely(job: MeasuringJob) -> Iterator[LabelMeasured | Exception | None]:
    """The results of a job, and None when it is done; or what went wrong: the array may change while it is read."""
    try:
        yield from job.run()
        yield None
    except Exception as error:  # noqa: BLE001 - judged where it is known whether the job still holds
        yield error
