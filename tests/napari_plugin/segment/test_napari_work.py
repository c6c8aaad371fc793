"""Long work in a thread: it tells how far it is, its result and errors come out, and it can be stopped."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Generator

import pytest

from monai_attn.errors import Cancelled, InputError
from monai_attn.napari.segment.loading import TURN_S, in_short_turns, without_collections
from monai_attn.napari.segment.work import Work, WorkProgress, remaining_seconds


def run(generator: Generator[WorkProgress, None, object]) -> tuple[list[WorkProgress], object]:
    """All steps and the result."""
    steps = []
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as stop:
            return steps, stop.value


def test_the_steps_tell_stage_and_windows_and_end_with_the_result():
    def work(task):
        task.say("Segmenting")
        for windows in (4, 8):
            time.sleep(0.12)
            task.tell(windows)
        time.sleep(0.12)
        return "done"

    steps, result = run(Work(work).steps())
    assert result == "done"
    assert steps[0].stage == "Segmenting"
    assert [step.windows for step in steps] == sorted(step.windows for step in steps)
    assert {4, 8} <= {step.windows for step in steps}
    assert steps[-1].first_windows == 4
    assert steps[-1].since_first < steps[-1].seconds


def test_an_error_in_the_work_comes_out_of_the_steps():
    def work(task):
        raise InputError("no such thing")

    task = Work(work)
    with pytest.raises(InputError, match="no such thing"):
        run(task.steps())
    assert not task.alive


def test_a_worker_gets_the_error_as_a_value():
    error = InputError("no such thing")

    def work(task):
        raise error

    _, outcome = run(Work(work).outcome())
    assert outcome == (None, error)


@pytest.mark.parametrize("how", ["stop", "abandoned", "close"])
def test_a_task_ends_at_its_next_word_however_it_is_stopped(how):
    left = threading.Event()

    def work(task):
        try:
            for windows in range(10000):
                time.sleep(0.01)
                task.tell(windows)
        finally:
            left.set()

    task = Work(work)
    steps = task.steps()
    next(steps)
    if how == "stop":
        task.stop()
        with pytest.raises(Cancelled, match="nothing was changed"):
            for _ in steps:
                pass
    elif how == "abandoned":
        task.abandoned = lambda: True
    else:
        steps.close()
    assert left.wait(5)


def test_a_worker_need_not_wait_for_a_slow_batch_of_windows():
    release = threading.Event()
    task = Work(lambda _: release.wait(10))
    steps = task.steps()
    next(steps)
    start = time.perf_counter()
    task.stop()
    next(steps)
    steps.close()
    assert time.perf_counter() - start < 1
    assert task.alive  # still in its batch
    release.set()


@pytest.mark.parametrize(
    ("step", "total", "expected"),
    [
        (WorkProgress("x", 6, 9.0, since_first=8.0, first_windows=2), 10, 8.0),
        (WorkProgress("x", 2, 9.0, since_first=0.0, first_windows=2), 10, None),
        (WorkProgress("x", 6, 9.0, since_first=8.0, first_windows=2), None, None),
        (WorkProgress("x", 12, 9.0, since_first=8.0, first_windows=2), 10, 0.0),
    ],
)
def test_the_time_left_is_that_of_the_windows_since_the_first_batch(step, total, expected):
    assert remaining_seconds(step, total) == expected


def test_nothing_is_collected_while_libraries_are_loaded_nor_at_once_afterwards():
    full = gc.get_stats()[2]["collections"]
    with without_collections():
        assert not gc.isenabled()
        kept = [[number] for number in range(200_000)]  # enough for many collections
    assert gc.isenabled()
    more = [[number] for number in range(2_000)]
    assert gc.get_stats()[2]["collections"] == full
    assert len(kept) + len(more) == 202_000
    assert sum(type(one) is list and len(one) == 1 for one in gc.get_objects(generation=0)) < 10_000
    gc.disable()
    try:
        with without_collections():
            pass
        assert not gc.isenabled()  # as it was
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the import loads it")
def test_the_library_that_is_loaded_before_is_that_of_torch():
    script = (
        "from monai_attn.napari.segment.loading import LIBRARY, load_torch_library; import sys;"
        "assert load_torch_library() and 'torch' not in sys.modules;"
        "assert LIBRARY in open('/proc/self/maps').read();"
        "import torch; assert torch.ones(3).sum() == 3"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


def test_pythons_lock_changes_hands_soon_while_a_run_goes_on_and_as_before_afterwards():
    before = sys.getswitchinterval()
    with in_short_turns():
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
        with in_short_turns():  # of another window
            pass
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
    assert sys.getswitchinterval() == before


def test_pyside_does_not_read_the_sources_of_what_a_run_imports_and_reads_others_as_before():
    script = (
        "import PySide6.QtCore, linecache, builtins, sys;"
        "from monai_attn.napari.segment.loading import without_reading_sources;"
        "hook, before = builtins.__import__, len(linecache.cache)\n"
        "with without_reading_sources(): import xml.dom.minidom\n"
        "assert builtins.__import__ is hook and len(linecache.cache) == before\n"
        "import xml.sax.saxutils; assert len(linecache.cache) > before"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)
