"""What `segment` prints while cases are segmented: a progress bar, and what came of each case.

A run of many cases takes hours: each case is printed as soon as its files stand. Nothing here decides what is
computed.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from monai_attn.cli.words import command_words

if TYPE_CHECKING:
    from monai_attn.cohort import Row

__all__ = ["PatchBar", "TimeLeft", "print_row"]


def print_row(row: Row) -> None:
    """The result of one case: seconds, file, notes, warnings and volumes on stdout, or the error on stderr.

    Volumes are in ml. A case without files prints the error alone; a case that lacks only its report prints both.
    """
    if row.error:
        print(f"{row.case}: {command_words(row.error, 'segment')}", file=sys.stderr)
    if row.error and not row.files:
        return
    print(f"{row.case}: {'done already' if row.done else f'{row.seconds:.1f} s'} -> {row.files[0]}")
    for note in row.notes:
        print(f"  note: {note}")
    for warning in row.warnings:
        print(f"  warning: {warning}")
    width = max(map(len, row.volume_ml), default=0)
    for name, volume_ml in row.volume_ml.items():
        low, high = row.interval_ml.get(name, (None, None))
        span = "" if low is None else f"  (90 % interval {low:.1f} to {high:.1f} ml)"
        print(f"  {name:<{width}}  {volume_ml:9.3f} ml{span}")


class TimeLeft:
    """How many of the cases are finished, and how long the others will take at the speed so far.

    Cases that an earlier run finished do not count.

    >>> str(TimeLeft(3))
    '0 of 3 cases'
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.finished = 0
        self._start = time.monotonic()

    def count(self, row: Row) -> None:
        """One more case is finished."""
        self.finished += not row.done

    def __str__(self) -> str:
        from monai_attn.preflight.estimate import duration

        said = f"{self.finished} of {self.total} cases"
        rest = self.total - self.finished
        if not self.finished or rest <= 0:
            return said
        return f"{said}, about {duration((time.monotonic() - self._start) / self.finished * rest)} left"


PREPARATION = logging.getLogger("monai_attn.backends.conversion")
"""Says at the level INFO that a network is being prepared."""


class _Said(logging.Filter):
    """Shows what is logged at the level INFO, and keeps that from the log itself."""

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__()
        self.show = show

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record goes on into the log."""
        if record.levelno != logging.INFO:
            return True
        self.show(record.getMessage())
        return False


class PatchBar:
    """A progress bar that counts the windows of a case, on the terminal only.

    `cases` are the names in their order, and `left` says how long the others will take. With `quiet`, and where stderr
    is no terminal, nothing is drawn. The class is used in a `with` block, which takes the bar away at the end. Within
    the block it also shows what a back-end says about the preparation of a network, which may take a minute before the
    first window.
    """

    def __init__(self, cases: Sequence[str], left: TimeLeft, *, quiet: bool) -> None:
        from tqdm import tqdm

        self.cases = list(cases)
        self.left = left
        self.bar = tqdm(unit=" windows", leave=False, disable=True if quiet else None)

    def __enter__(self) -> PatchBar:
        self._said = _Said(self.bar.set_description)
        PREPARATION.addFilter(self._said)
        PREPARATION.setLevel(logging.INFO)
        return self

    def __exit__(self, *exception: object) -> None:
        PREPARATION.removeFilter(self._said)
        PREPARATION.setLevel(logging.NOTSET)
        self.bar.close()

    def update(self, case: str, windows: int, total: int | None = None) -> None:
        """So many windows of this case are done, of so many in all (None: not known).

        A smaller number of windows than before begins a new case.
        """
        if windows < self.bar.n:
            self.bar.reset()
        self.bar.total = total
        several = f"{self.left}: " if len(self.cases) > 1 else ""
        self.bar.set_description(f"{several}{case}", refresh=False)
        self.bar.update(windows - self.bar.n)

    def rest(self) -> None:
        """Say how many cases are finished, between two cases."""
        if len(self.cases) > 1:
            self.bar.set_description(str(self.left))
