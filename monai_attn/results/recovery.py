"""What a process that died left in a folder of results: finished where everything was ready, else removed.

`run_cases` and `done_cases` call `recover` before their first case. Several processes may work in one folder at the
same time: a process only settles what it can lock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from monai_attn.errors import FileError
from monai_attn.results.claims import sweep_claims
from monai_attn.results.staging import PREFIX, Staging

__all__ = ["recover"]

YOUNG_S = 600.0
"""A leftover without a lock is only removed when nobody has changed the file for this time."""

TEMPORARY = re.compile(r"\.[0-9a-f]{12}-(?P<name>.+)")
"""What `io/atomic.py` calls a single file while it is written."""


def recover(folder: Path, cases: Collection[str] = ()) -> list[str]:
    """Settle what dead processes left in a folder, and give the names of the files that got their places.

    A commit that had begun is completed: all its files were on the disk before the first got its name. A commit that
    had not begun is removed. What a living process works on is left alone, which a lock of the system tells.
    Temporary files of single results are removed for the given `cases` only, ten minutes after the last change.
    Claims of dead processes go too, see `monai_attn.results.claims`. Nothing happens in a folder that is missing or may
    not be changed.
    """
    placed: list[str] = []
    for root in _hidden(folder):
        staging = Staging(root)
        if staging.lock.path.exists() or _is_old(root):
            placed += _settle(staging)
        else:
            with suppress(OSError):  # it has something in it meanwhile: a process has just begun
                root.rmdir()
    sweep_claims(folder)
    for path in _temporaries(folder, cases):
        with suppress(OSError):
            path.unlink()
    return placed


def _settle(staging: Staging) -> list[str]:
    """Finish or undo one hidden folder; the names of the files that got their places."""
    if not staging.lock.take():
        return []
    plan = staging.journal()
    names: tuple[str, ...] = ()
    try:
        if plan is not None:
            try:
                staging.forward(plan)
                names = plan.names
            except FileError:  # a file of somebody else lies in the way meanwhile
                staging.back(plan)
        staging.remove()
    except OSError:  # the disk refuses: the next run tries again
        staging.lock.release()
        return []
    return list(names)


def _hidden(folder: Path) -> list[Path]:
    """The hidden folders of `Staging` in a folder, links left out; none in a folder that cannot be listed."""
    try:
        return sorted(path for path in folder.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def _temporaries(folder: Path, cases: Collection[str]) -> Iterator[Path]:
    """Old temporary files of these cases; a file of another case may belong to another run in the same folder."""
    if not cases or not folder.is_dir():
        return
    known = tuple(f"{case}_" for case in cases)
    for path in folder.glob(".*"):
        found = TEMPORARY.fullmatch(path.name)
        if found and found["name"].startswith(known) and path.is_file() and _is_old(path):
            yield path


def _is_old(path: Path) -> bool:
    """Whether nothing has changed a file for `YOUNG_S` seconds; False for a file that is gone."""
    try:
        return time.time() - path.lstat().st_mtime > YOUNG_S
    except OSError:
        return False
