"""Long work in a thread of its own, which says how far it is and can be stopped; nothing of Qt in it.

`running` uses it for a segmentation. A napari worker alone would not do: such a worker can only stop between its steps,
while the network computes a batch of windows in one step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from monai_attn.errors import Cancelled

__all__ = ["Work", "WorkProgress", "remaining_seconds", "resting_bytes"]

Outcome = TypeVar("Outcome")

PULSE_SECONDS = 0.05
"""How often the thread is looked at: the longest that a wish to cancel waits."""


@dataclass(frozen=True)
class WorkProgress:
    """How far the work is.

    `stage` says what is done now. `windows` are done of `total` (None where not known); `seconds` went by since the
    start, `since_first` since the first windows, of which there were `first_windows`. `shown` is what the work gives
    to look at meanwhile.
    """

    stage: str
    windows: int
    seconds: float
    since_first: float = 0.0
    first_windows: int = 0
    shown: Any = None
    total: int | None = None


class Work(Generic[Outcome]):
    """Runs `job(work)` in a thread; `steps` is a generator for a napari worker, which ends with the result.

    `peak_bytes` is the largest memory of this process that was seen meanwhile.

    The job calls `work.say(stage)` and `work.tell(windows)`; both raise `Cancelled` once `stop` was called or
    `abandoned()` is true. So stopped work ends at its next batch of windows, while the worker ends at once.
    """

    def __init__(self, job: Callable[[Work[Outcome]], Outcome]) -> None:
        self.abandoned: Callable[[], bool] = lambda: False
        self._job = job
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monai-attn work")
        self._outcome: list[Outcome] = []
        self._error: BaseException | None = None
        self._stage, self.windows = "Starting", 0
        self._total: int | None = None
        self._first: tuple[float, int] | None = None
        self._last = 0.0
        self.peak_bytes = 0
        self._shown: Any = None

    def say(self, stage: str) -> None:
        """Name what is done now."""
        self._stage = stage
        self._check()

    def tell(self, windows: int, total: int | None = None) -> None:
        """Count the windows done so far, of how many; a progress callback for a `Segmenter`."""
        if self._first is None:
            self._first = (time.perf_counter(), windows)
        self.windows, self._total, self._last = windows, total, time.perf_counter()
        self._check()

    def pace(self) -> tuple[float, int]:
        """Seconds between the first and the last word on windows, and the windows done between; (0, 0) for one word."""
        if self._first is None:
            return 0.0, 0
        return self._last - self._first[0], self.windows - self._first[1]

    def show(self, what: Any) -> None:
        """Give each step from now on something that can be looked at while the work goes on (`WorkProgress.shown`)."""
        self._shown = what

    def stop(self) -> None:
        """Ask the work to end at its next word; may be called from any thread, and twice."""
        self._stop.set()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def steps(self) -> Generator[WorkProgress, None, Outcome]:
        """Start, and give a step at each pulse until the work is over; its errors are raised here.

        The value of the generator is what the job gave. A generator that is closed early stops the work. May run only
        once.
        """
        start = time.perf_counter()
        self._thread.start()
        try:
            while self._thread.is_alive():
                self._thread.join(PULSE_SECONDS)
                self.peak_bytes = max(self.peak_bytes, resting_bytes())
                now = time.perf_counter()
                since, windows = self._first or (now, 0)
                yield WorkProgress(
                    self._stage, self.windows, now - start, now - since, windows, self._shown, self._total
                )
        finally:
            self.stop()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def outcome(self) -> Generator[WorkProgress, None, tuple[Outcome | None, Exception | None]]:
        """`steps` for a worker: the result or the error as a value, since napari shows errors as tracebacks."""
        try:
            return (yield from self.steps()), None
        except Exception as error:  # noqa: BLE001 - the panel tells which
            return None, error

    def _run(self) -> None:
        """The thread: keep the result or the error of the job for `steps`."""
        try:
            self._outcome.append(self._job(self))
        except BaseException as error:  # noqa: BLE001 - raised again in `steps`
            self._error = error

    def _check(self) -> None:
        """Raise `Cancelled` when the work is to end."""
        if self._stop.is_set() or self.abandoned():
            raise Cancelled("The segmentation was cancelled; nothing was changed.")


def resting_bytes() -> int:
    """The memory that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def remaining_seconds(progress: WorkProgress, total: int | None) -> float | None:
    """What is left at the pace of the windows since the first batch; None before there is a pace.

    The time before the first batch is left out: the bundle and the image are loaded then. None too when `total`, the
    number of windows, is not known.

    >>> remaining_seconds(WorkProgress("windows", 6, 9.0, since_first=8.0, first_windows=2), 10)
    8.0
    """
    paced = progress.windows - progress.first_windows
    if total is None or paced < 1:
        return None
    return max(0.0, (total - progress.windows) * progress.since_first / paced)
