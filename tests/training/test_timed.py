"""A training ends when its time is over, with the learning rate at its end, and Ctrl-C ends it after a step."""

from __future__ import annotations

import os
import signal
import time

import pytest
import torch
from ignite.engine import Engine

from monai_attn.errors import InputError
from monai_attn.training import TimedSchedule
from monai_attn.training.timed import learning_rate_factor


def _run(schedule: TimedSchedule, *, step_seconds: float = 0.01, steps: int = 10_000) -> tuple[float, list[float]]:
    """Seconds that a training of such steps took, and the learning rate of each step."""
    rates: list[float] = []

    def step(engine: Engine, batch: int) -> None:
        time.sleep(step_seconds)
        rates.append(float(schedule.optimizer.param_groups[0]["lr"]))

    engine = Engine(step)
    schedule.attach(engine)
    began = time.monotonic()
    engine.run(range(steps), max_epochs=1)
    return time.monotonic() - began, rates


def _schedule(**settings: object) -> TimedSchedule:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return TimedSchedule(optimizer, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("step_seconds", [0.005, 0.02])
def test_a_training_ends_on_time_at_any_speed_with_its_rate_at_the_end(step_seconds: float) -> None:
    seconds, rates = _run(_schedule(minutes=0.5 / 60), step_seconds=step_seconds)
    assert seconds == pytest.approx(0.5, abs=0.15)
    assert rates[0] == pytest.approx(0.1, abs=0.2)
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert rates[-1] < 0.05


def test_a_deadline_and_the_reserve_for_the_last_validation_end_it_earlier() -> None:
    _schedule(steps=1)  # torch loads its optimizers here, in seconds that are not the training's
    schedule = _schedule(minutes=60, deadline=time.time() + 0.6, reserve=0.3)
    seconds, _ = _run(schedule)
    assert seconds == pytest.approx(0.3, abs=0.15)


def test_a_clock_that_is_set_and_a_computer_that_sleeps_do_not_end_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a night with the lid closed the training had ended at once, with its full learning rate."""
    now = time.time()
    schedule = _schedule(deadline=now + 600)
    monkeypatch.setattr(time, "time", lambda: now + 8 * 3600)
    assert schedule.progress(1) < 0.01
    left = schedule.seconds_left
    assert left is not None
    assert 590 < left <= 600


def test_steps_alone_give_the_same_rates_on_every_computer() -> None:
    (_, once), (_, again) = (_run(_schedule(steps=20), step_seconds=wait) for wait in (0.0, 0.002))
    assert once == again
    assert len(once) == 20


def test_a_resumed_training_has_the_time_that_was_left() -> None:
    first = _schedule(minutes=1 / 60)
    first.load_state_dict({"elapsed": 0.7, "reserve": 0.0})
    seconds, rates = _run(first)
    assert seconds == pytest.approx(0.3, abs=0.15)
    assert rates[0] < 0.3  # the rate had fallen by then


def test_control_c_ends_after_the_step_and_the_handler_of_before_is_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    schedule = _schedule(minutes=1.0)
    schedule.wanted = lambda: os.kill(os.getpid(), signal.SIGINT) is not None
    seconds, rates = _run(schedule)
    assert schedule.stopped
    assert seconds < 1
    assert len(rates) <= 3
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_was_switched_off_stays_off() -> None:
    """A training beside a script ended at the Ctrl-C of the script, from which the shell had kept it."""
    schedule = _schedule(steps=4)
    engine = Engine(lambda _, batch: os.kill(os.getpid(), signal.SIGINT) if batch == 1 else None)
    schedule.attach(engine)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        engine.run(range(10), max_epochs=1)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert not schedule.stopped
    assert engine.state.iteration == 4


def test_without_an_end_it_is_refused() -> None:
    with pytest.raises(InputError, match="minutes or steps"):
        _schedule()


def test_the_rate_rises_and_falls() -> None:
    rates = [learning_rate_factor(share / 100, 0.03, 0.005) for share in range(101)]
    assert rates.index(max(rates)) == 3
    assert rates[-1] == 0.005
