"""A training that ends when its minutes are over, with its learning-rate schedule finished."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch.optim import Optimizer

from monai_attn.errors import InputError

__all__ = ["TimedSchedule", "learning_rate_factor"]

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and the signal by which a job scheduler ends a job."""

Stopped = Callable[[], bool]


class TimedSchedule:
    """Sets the learning rate by the share of time that is over, and ends the training when all of it is.

    How many steps fit into an hour depends on the processor and on what else it does. A schedule of steps would end
    too early or be cut off in its middle; this one always ends with the smallest learning rate, at its time.

    - `minutes`: how long the training takes, validations among it. `deadline` replaces it: the time by `time.time()`
      at which the training is over, for a program that has something else to do afterwards. The time in which the
      computer sleeps does not count.
    - `steps`: end after so many steps at the latest. The learning rate follows whichever is nearer to its end. With
      `minutes=None` steps alone count, which gives the same training on every computer.
    - `warmup`: the share of the training in which the learning rate rises. After that the rate falls as a cosine to
      `last`, a share of the full rate.
    - `reserve`: seconds kept for the validation at the end, until a validation has been timed.

    Attach the schedule to the trainer, and `watch` the validation, whose longest run becomes the reserve. Ctrl-C ends
    the training after the step that is running, and `stopped` is true then; a second Ctrl-C interrupts at once. A
    signal that the parent process has switched off, as a shell does for what it runs beside a script, stays off.
    `elapsed` counts the seconds of earlier runs when a training is resumed. Raises `InputError` without minutes and
    steps.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        minutes: float | None = None,
        deadline: float | None = None,
        steps: int | None = None,
        warmup: float = 0.03,
        last: float = 0.005,
        reserve: float = 0.0,
    ) -> None:
        if minutes is None and steps is None and deadline is None:
            raise InputError("A training needs minutes or steps, so that it ends.")
        self.optimizer = optimizer
        self.rates = [float(group["lr"]) for group in optimizer.param_groups]
        self.minutes = minutes
        # A computer that sleeps, or whose clock is set, must not end the training: from here on a clock counts that
        # stands still meanwhile.
        self._end_of_time = None if deadline is None else time.monotonic() + deadline - time.time()
        self.steps = steps
        self.warmup = warmup
        self.last = last
        self.reserve = reserve
        self.before = 0.0
        self.stopped = False
        self.wanted: Stopped = lambda: False
        self._begin = time.monotonic()
        self._validation = self._begin
        self._validated = False
        self._interrupted = False
        self._handlers: dict[int, Any] = {}

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, those of earlier runs among them."""
        return self.before + time.monotonic() - self._begin

    @property
    def seconds(self) -> float | None:
        """Seconds of the whole training, those of earlier runs among them; None where steps alone count."""
        if self._end_of_time is not None:
            return self.elapsed + max(self._end_of_time - time.monotonic(), 0.0)
        return None if self.minutes is None else 60 * self.minutes

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end of the training, the last validation among them; None where steps alone count."""
        return None if self.seconds is None else self.seconds - self.elapsed

    def progress(self, step: int) -> float:
        """The share of the training that is over after `step` steps, from 0 to 1."""
        of_steps = 0.0 if self.steps is None else step / self.steps
        of_time = 0.0 if self.seconds is None else self.elapsed / max(self.seconds - self.reserve, 1e-3)
        return min(max(of_steps, of_time), 1.0)

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_STARTED, self._set_rate)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end)
        engine.add_event_handler(Events.COMPLETED, self._leave)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._fail)

    def watch(self, validator: Engine) -> None:
        """Time the runs of a validation."""
        validator.add_event_handler(Events.STARTED, self._begin_validation)
        validator.add_event_handler(Events.COMPLETED, self._end_validation)

    def state_dict(self) -> dict[str, float]:
        """What a resumed training must know."""
        return {"elapsed": self.elapsed, "reserve": self.reserve}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on where a saved training ended."""
        self.before, self.reserve = float(state["elapsed"]), float(state["reserve"])

    def _start(self, engine: Engine) -> None:
        del engine
        self._begin = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            wanted = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
            self._handlers = {one: signal.signal(one, self._interrupt) for one in wanted}

    def _set_rate(self, engine: Engine) -> None:
        factor = learning_rate_factor(_of_first(self.progress(engine.state.iteration - 1)), self.warmup, self.last)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def _end(self, engine: Engine) -> None:
        asked = self.wanted() or self._interrupted
        self.stopped = _of_first(float(asked)) > 0
        if self.stopped or _of_first(self.progress(engine.state.iteration)) >= 1:
            engine.terminate()

    def _begin_validation(self, engine: Engine) -> None:
        del engine
        self._validation = time.monotonic()

    def _end_validation(self, engine: Engine) -> None:
        del engine
        seconds = time.monotonic() - self._validation
        self.reserve = max(self.reserve, seconds) if self._validated else seconds
        self._validated = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """The first Ctrl-C ends the training after its step; the next one is Python's again."""
        del number, frame
        self._interrupted = True
        self._leave()
        logger.warning("The training ends after this step; its best weights are kept.")

    def _leave(self, engine: Engine | None = None) -> None:
        del engine
        for one, handler in self._handlers.items():
            signal.signal(one, handler)
        self._handlers = {}

    def _fail(self, error: BaseException) -> None:
        self._leave()
        raise error


def _of_first(number: float) -> float:
    """The number of the first of several processes, so that all of them end at the same step."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return number
    cuda = torch.distributed.get_backend() == "nccl"
    shared = torch.tensor([number], dtype=torch.float64, device="cuda" if cuda else "cpu")
    torch.distributed.broadcast(shared, src=0)
    return float(shared)


def learning_rate_factor(progress: float, warmup: float, last: float) -> float:
    """The share of the full learning rate when `progress` (0 to 1) of a training is over.

    It rises linearly during `warmup` and falls as a cosine to `last`.

    >>> [round(learning_rate_factor(progress, 0.1, 0.0), 2) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.1, 0.55, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return 0.1 + 0.9 * progress / warmup
    return max(0.5 * (1 + math.cos(math.pi * (progress - warmup) / max(1 - warmup, 1e-9))), last)
