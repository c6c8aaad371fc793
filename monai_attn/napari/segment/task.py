"""Long work in a thread of its own, which says how far it is and can be stopped; nothing of Qt in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from monai_attn.errors import Cancelled

__all__ = ["Step", "Task", "remaining_seconds"]

Result = TypeVar("Result")

PULSE_SECONDS = 0.05
"""How often a task is looked at: the longest that a wish to cancel waits."""


@dataclass(frozen=True)
class Step:
    """How far a task is: what it does, windows done, seconds since its start and since its first window, what there is
    to see meanwhile, and how many windows there are, where the work knows."""

    stage: str
    windows: int
    seconds: float
    since_first: float = 0.0
    first_windows: int = 0
    shown: Any = None
    total: int | None = None


class Task(Generic[Result]):
    """Runs `work(task)` in a thread; `steps` is a generator for a napari worker, which ends with the result.

    The work calls `task.say(stage)` and `task.tell(windows)`; both raise `Cancelled` once `stop` was called or
    `abandoned()` is true. So a stopped task ends at its next batch of windows, while the worker ends at once.
    """

    def __init__(self, work: Callable[[Task[Result]], Result]) -> None:
        self.abandoned: Callable[[], bool] = lambda: False
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monai-attn task")
        self._outcome: list[Result] = []
        self._error: BaseException | None = None
        self._stage, self.windows = "Starting", 0
        self._total: int | None = None
        self._first: tuple[float, int] | None = None
        self._shown: Any = None

    def say(self, stage: str) -> None:
        """Name what is done now."""
        self._stage = stage
        self._check()

    def tell(self, windows: int, total: int | None = None) -> None:
        """Count the windows done so far, of how many; a progress callback for a `Segmenter`."""
        if self._first is None:
            self._first = (time.perf_counter(), windows)
        self.windows, self._total = windows, total
        self._check()

    def show(self, what: Any) -> None:
        """Give each step from now on something that can be looked at while the work goes on."""
        self._shown = what

    def stop(self) -> None:
        """Ask the work to end at its next word; may be called from any thread, and twice."""
        self._stop.set()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def steps(self) -> Generator[Step, None, Result]:
        """Start, and give a step at each pulse until the work is over; its errors are raised here."""
        start = time.perf_counter()
        self._thread.start()
        try:
            while self._thread.is_alive():
                self._thread.join(PULSE_SECONDS)
                now = time.perf_counter()
                since, windows = self._first or (now, 0)
                yield Step(self._stage, self.windows, now - start, now - since, windows, self._shown, self._total)
        finally:
            self.stop()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def outcome(self) -> Generator[Step, None, tuple[Result | None, Exception | None]]:
        """`steps` for a worker: the result or the error as a value, since napari shows errors as tracebacks."""
        try:
            return (yield from self.steps()), None
        except Exception as error:  # noqa: BLE001 - the panel tells which
            return None, error

    def _run(self) -> None:
        try:
            self._outcome.append(self._work(self))
        except BaseException as error:  # noqa: BLE001 - raised again in `steps`
            self._error = error

    def _check(self) -> None:
        if self._stop.is_set() or self.abandoned():
            raise Cancelled("The segmentation was cancelled; nothing was changed.")


def remaining_seconds(step: Step, total: int | None) -> float | None:
    """What is left at the pace of the windows since the first batch; None before there is a pace.

    >>> remaining_seconds(Step("windows", 6, 9.0, since_first=8.0, first_windows=2), 10)
    8.0
    """
    paced = step.windows - step.first_windows
    if total is None or paced < 1:
        return None
    return max(0.0, (total - step.windows) * step.since_first / paced)
