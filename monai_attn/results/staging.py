"""A hidden folder in which several files are made before they get their places, all of them or none.

`monai_attn.results.commit` is the one caller that writes; `monai_attn.results.recovery` opens what a dead process
left. The hidden folder lies beside the results, on the same disk, because only there a rename is one step.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from monai_attn.errors import FileError
from monai_attn.io.atomic import check_free, flush, make_folders, take_name
from monai_attn.results.lock import FileLock

__all__ = ["PREFIX", "Plan", "Staging", "check_folder", "staged"]

PREFIX = ".monai_attn-"
"""What the hidden folders are called, before some random letters."""


@dataclass(frozen=True)
class Plan:
    """What a commit does: `names` get their places in this order; `replaced` are taken away from there before.

    Both hold file names without a folder. The order matters for the reader of the results: the record comes last
    among `names`, so that a record never stands without the files that it attests.
    """

    names: tuple[str, ...]
    replaced: tuple[str, ...] = ()


class Staging:
    """New files in `new`, the files whose places they take in `old`, and a journal while places change.

    Each step renames one file, so that a process which dies at any moment leaves a state that `forward` completes
    and `back` undoes. Every file to come is complete, and on the disk, before the journal is written.

    `root` is the hidden folder, `target` the folder of the results. `unsettled` is true while places change, and
    stays true where the disk refused both the commit and the way back. The class makes no folder by itself; use
    `staged`.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.target = root, root.parent
        self.new, self.old = root / "new", root / "old"
        self.lock = FileLock(root / "lock")
        self.unsettled = False
        self._journal = root / "journal.json"

    def place(self, plan: Plan) -> None:
        """Give all new files their places. When one place cannot be taken, all is as it was; raises the reason."""
        for name in plan.names:
            flush(self.new / name)
        flush(self.new)
        self._note(plan)
        self.unsettled = True
        try:
            self.forward(plan)
        except BaseException:
            self.back(plan)
            self._settle()
            raise
        self._settle()

    def journal(self) -> Plan | None:
        """What a process that died was about to place; None when it had not begun."""
        try:
            read = json.loads(self._journal.read_text(encoding="utf-8"))
            return Plan(tuple(read["names"]), tuple(read["replaced"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forward(self, plan: Plan) -> None:
        """Take away what is replaced, the last name first; then place the new files, the last name last.

        Each step looks first whether it was taken already, so that a second call changes nothing. Raises `FileError`
        when a file of somebody else lies in the way.
        """
        for name in dict.fromkeys([*reversed(plan.names), *plan.replaced]):
            self._make_room(name, plan)
        for name in plan.names:
            new, place = self.new / name, self.target / name
            if new.exists() and _same_file(new, place):  # the process died between two names of one file
                new.unlink()
            elif new.exists():
                take_name(new, place, overwrite=False)
        flush(self.target)

    def back(self, plan: Plan) -> None:
        """Take the new files back, the last name first, and return what they replaced."""
        for name in reversed(plan.names):
            new, place = self.new / name, self.target / name
            if new.exists() and _same_file(new, place):
                place.unlink()
            elif not new.exists() and place.exists():
                place.rename(new)
        for name in (*plan.names, *plan.replaced):
            if (self.old / name).exists() and not (self.target / name).exists():
                (self.old / name).rename(self.target / name)

    def _make_room(self, name: str, plan: Plan) -> None:
        """Move the file at the place of `name` aside, where the plan allows that. Raises `FileError` elsewhere."""
        new, place, old = self.new / name, self.target / name, self.old / name
        if not os.path.lexists(place):
            return
        if name in plan.names and (not new.exists() or _same_file(new, place)):
            return  # the new file is there already: a process died after this step
        if not old.exists():
            check_free(place, overwrite=name in plan.replaced)
            self.old.mkdir(exist_ok=True)
            place.rename(old)
        elif name in plan.names:  # somebody else has put a file there meanwhile
            check_free(place, overwrite=False)

    def _note(self, plan: Plan) -> None:
        """Write the journal, in one step, and make sure that the journal is on the disk."""
        fresh = self._journal.with_suffix(".new")
        fresh.write_text(json.dumps({"names": plan.names, "replaced": plan.replaced}), encoding="utf-8")
        flush(fresh)
        fresh.rename(self._journal)
        flush(self.root)

    def _settle(self) -> None:
        """Remove the journal: nothing is left to finish or to undo."""
        self._journal.unlink(missing_ok=True)
        self.unsettled = False

    def remove(self) -> None:
        """Remove the hidden folder with all that is left in it, the lock last: without a lock it is empty."""
        for folder in (self.new, self.old):
            try:
                folder.rmdir()  # empty, as after a commit; a whole tree takes longer
            except FileNotFoundError:
                continue
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
        self.lock.release()
        with suppress(OSError):  # another process is removing it at this moment
            for path in (self._journal.with_suffix(".new"), self._journal, self.lock.path):
                path.unlink(missing_ok=True)
            self.root.rmdir()


@contextmanager
def staged(folder: Path) -> Iterator[Staging]:
    """A `Staging` in a folder, which is made if it is missing, and removed again if nothing came into it.

    Raises `FileError` where the folder cannot be made, or the disk refuses what the block writes.
    """
    made = make_folders(folder)
    try:
        staging = _held(folder)
        try:
            staging.new.mkdir()
            yield staging
        finally:
            if staging.unsettled:  # the disk refused the way back as well: the next run settles it
                staging.lock.release()
            else:
                staging.remove()
    except OSError as error:
        raise FileError(f"{folder.name} cannot be written to: {error.strerror or 'the disk refuses'}.") from error
    finally:
        for one in reversed(made):
            with suppress(OSError):  # not empty, as it should be
                one.rmdir()


def _held(folder: Path) -> Staging:
    """A new hidden folder with a lock. Until it has one, `recover` of another process may take it away: try again."""
    while True:
        staging = Staging(Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder)))
        if staging.lock.take() or staging.lock.path.exists():
            return staging


def check_folder(folder: Path) -> None:
    """Raise `FileError` for a folder of results that cannot be made or written to; leaves everything as it is.

    A hidden folder is made in the nearest folder that exists, and removed at once. Permissions alone would not tell
    of a disk that is full or read-only.
    """
    there = next((one for one in (folder, *folder.absolute().parents) if os.path.lexists(one)), folder)
    if not there.is_dir():
        raise FileError(f"{there.name} is no folder. Name a folder for the results.")
    try:
        Path(tempfile.mkdtemp(prefix=PREFIX, dir=there)).rmdir()
    except OSError as error:
        raise FileError(f"The folder {folder.name} cannot be written to: {error.strerror}.") from error


def _same_file(one: Path, other: Path) -> bool:
    """Whether both names exist and belong to one file, as after a hard link without the removal of the first name."""
    return one.exists() and other.exists() and one.samefile(other)
