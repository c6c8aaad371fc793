"""Cases over several workers: each has one result, whichever worker dies.

The workers come as a `concurrent.futures.Executor`, see `monai_attn.cohort.executors`. Files go through the folder of
results, which all workers see; only rows come back.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from monai_attn.cases import Case
from monai_attn.cohort.attempt import STOPS
from monai_attn.cohort.executors import Workers
from monai_attn.cohort.plan import made_from
from monai_attn.cohort.recipe import Recipe, Row
from monai_attn.cohort.run import POLL_S
from monai_attn.cohort.work import Work, check_sendable, do_case
from monai_attn.errors import AttnError, InputError, sentence
from monai_attn.results import now_ns, recover, sweep_claims

if TYPE_CHECKING:
    from monai_attn.bundle import Parts

__all__ = ["spread_cases"]

MAX_LOST = 8
"""So often workers may be lost in a row, or with one case: then something else is wrong."""


def spread_cases(recipe: Recipe, cases: Sequence[Case], parts: Parts, workers: Workers) -> Iterator[Row]:
    """Segment, measure and save each case in one of several workers; a row for each, as the cases are finished.

    `parts` is the bundle as it was opened here, so that a bundle that is not trusted is refused before anything is
    sent. The case of a worker that dies goes to another worker. A case of which two workers died is set aside: its row
    says so. Cases and claims are those of `run_cases`, and both may run in one folder.

    Raises `InputError` for a recipe that cannot be sent, and when the workers cannot begin at all.
    """
    recipe = replace(recipe, execution=workers.share_of(recipe.execution))
    work = Work(recipe, secrets.token_hex(8), now_ns(recipe.output), made_from(parts, recipe))
    check_sendable(work)
    recover(recipe.output, [case.name for case in cases])
    try:
        with workers.executor() as executor:
            yield from _Queue(work, deque(cases)).run(executor, workers.ahead)
    finally:
        recover(recipe.output, [case.name for case in cases])
        sweep_claims(recipe.output, run=work.run)


class _Queue:
    """The cases that wait and those that are sent. A case comes back when its worker dies or another process has it."""

    def __init__(self, work: Work, waiting: deque[Case]) -> None:
        self.work = work
        self.waiting = waiting
        self._lost: Counter[str] = Counter()
        self._lost_in_a_row = 0
        self._busy_in_a_row = 0

    def run(self, executor: Executor, ahead: int | None) -> Iterator[Row]:
        """The rows of the cases, until all are finished."""
        sent: dict[Future[Row | None], Case] = {}
        ended: SimpleQueue[Future[Row | None]] = SimpleQueue()
        while self.waiting or sent:
            while self.waiting and (ahead is None or len(sent) < ahead):
                case = self.waiting.popleft()
                future = executor.submit(do_case, self.work, case)
                sent[future] = case
                future.add_done_callback(ended.put)
            future = ended.get()
            row = self._row(sent.pop(future), future, len(sent))
            if row is not None:
                yield row

    def _row(self, case: Case, future: Future[Row | None], others: int) -> Row | None:
        """The row of a case that ended; None when the case is to be sent again."""
        try:
            row = future.result()
        except STOPS:
            raise
        except AttnError as error:
            return Row(case.name, sentence(error))
        except (Exception, CancelledError) as error:  # noqa: BLE001 - what a scheduler says of a lost worker
            return self._again(case, error)
        self._lost_in_a_row = 0
        if row is not None:
            self._busy_in_a_row = 0
            return row
        self.waiting.append(case)
        self._busy_in_a_row += 1
        if self._busy_in_a_row > others:
            time.sleep(POLL_S)
        return None

    def _again(self, case: Case, error: BaseException) -> Row | None:
        """Send the case of a lost worker again, unless that happens without end.

        The claim of the case tells whether its worker died of it; here only what no claim tells is counted.
        """
        self._lost[case.name] += 1
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= MAX_LOST:
            raise InputError(
                f"The workers ended {self._lost_in_a_row} times before they finished a case. The memory may be too "
                "small for so many of them; take fewer with --workers."
            ) from error
        if self._lost[case.name] >= MAX_LOST:
            return Row(case.name, "The worker of the case was lost again and again. Run the case alone.")
        self.waiting.append(case)
        return None
