"""What a worker does: one case, with a network that the worker loads once. Runs in another process, or on another host.

`monai_attn.cohort.spread` sends this work. The worker claims the case in the folder of results, so that a scheduler
which starts a case twice does no harm.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monai_attn.cases import Case
from monai_attn.cohort.plan import made_from
from monai_attn.cohort.recipe import Recipe, Row
from monai_attn.cohort.run import CaseRun
from monai_attn.errors import BundleError, InputError
from monai_attn.results import Claims

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from monai_attn.segmenter import Segmenter

__all__ = ["Work", "begin", "check_sendable", "do_case"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
"""Where libraries look for their number of threads when they are loaded."""


@dataclass(frozen=True)
class Work:
    """How a worker does its cases.

    `run` names the run, `since_ns` is its beginning, and `made` says what bundle the sender has opened: a worker with
    another bundle under the same name refuses.
    """

    recipe: Recipe
    run: str
    since_ns: int
    made: Mapping[str, Any]


_ready: list[tuple[Recipe, Segmenter]] = []
_guard = threading.Lock()


def do_case(work: Work, case: Case) -> Row | None:
    """Segment, measure and save one case, and give its row; None while another process works on the case.

    The bundle is opened with the first case of a recipe and kept. A worker of several threads does one case at a time.
    Raises `BundleError` where the worker has another bundle than the sender.
    """
    with _guard, Claims(work.recipe.output, run=work.run) as claims:
        segmenter = _segmenter(work)
        run = CaseRun(work.recipe, case, claims, since_ns=work.since_ns)
        run.read(segmenter)
        if run.busy:
            return None
        run.segment(segmenter)
        return run.finish()


def _segmenter(work: Work) -> Segmenter:
    """The opened bundle; the bundle of another recipe is let go."""
    if not _ready or _ready[0][0] != work.recipe:
        _ready.clear()
        segmenter = work.recipe.segmenter()
        made = made_from(segmenter.parts, work.recipe)
        differs = [name for name, value in work.made.items() if made[name] != value]
        if differs:
            raise BundleError(
                f"The bundle {work.recipe.bundle} of the worker differs from that of the sender "
                f"({', '.join(differs)}). Install the same version on all computers, or name a folder that all see."
            )
        _ready.append((work.recipe, segmenter))
    return _ready[0][1]


def check_sendable(work: Work) -> None:
    """Raise `InputError` for a recipe that cannot be sent to another process, before anything is sent."""
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            "The recipe cannot be sent to another process: its overrides must be plain values, as numbers and text are."
        ) from error


def begin(alive: Connection, threads: int) -> None:
    """Prepare a local process: so many threads, no Ctrl-C of its own, and an end when `alive` is closed.

    The other end of `alive` is closed when the sender cancels the run, and also when the sender is killed.
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(alive,), name="alive", daemon=True).start()


def _end_with(alive: Connection) -> None:
    """Wait until the other end is closed, then end this process: `results` keeps the files whole."""
    with suppress(EOFError, OSError):
        alive.recv()
    os._exit(0)
