"""Which process works on which case: several processes share one folder of results and never do a case twice.

A claim is a small file in a hidden folder beside the results. Its owner touches the file again and again, so that
others see that the owner lives. The claim of a process that has died is passed over: at once on the same computer,
where the system released the file's lock, and after `LEASE_S` seconds on another. No clock of a computer matters,
because the file system gives all times.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

from monai_attn.results.claim_files import is_alive, is_free, machine, owner_of, place_of, take_place
from monai_attn.results.lock import FileLock

__all__ = ["Claim", "Claims", "now_ns", "sweep_claims"]

FOLDER = ".monai_attn_claims"
"""The hidden folder of the claims, within the folder of results."""

LEASE_S = 150.0
"""So long a claim holds that nobody touches: longer than network file systems keep old times (60 s)."""

BEATS = 6
"""So often within a lease the owner touches its claims."""

PATIENCE_S = 10.0
"""How long the end waits for a touch that is on its way, as on a file system that does not answer."""

FRESH = ".new-"
"""How the name of a claim begins before the claim gets its place; then come letters for the computer."""


@dataclass
class Claim:
    """A case that this process has for itself, until `release` or until this process is gone.

    `number` counts the claims of the case, dead claims included. `deaths` counts the dead claims of the same run.
    """

    folder: Path
    case: str
    number: int
    deaths: int
    lock: FileLock = field(repr=False)
    passed: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """The file of the claim."""
        return place_of(self.folder, self.case, self.number)

    def holds(self) -> bool:
        """Whether the case is still this process's own: nobody has passed over the claim."""
        return self.lock.is_file(self.path) and not place_of(self.folder, self.case, self.number + 1).exists()

    def release(self) -> None:
        """Let the case go. The dead claims go first, so that nobody who looks meanwhile finds the case free."""
        mine = [self.path] if self.lock.is_file(self.path) else []
        for path in (*self.passed, *mine):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self.lock.release()


class Claims:
    """The claims of one process in one folder of results; use it in a `with` block, which releases all at its end.

    `run` names a run of several processes, so that `Claim.deaths` counts the processes of that run alone. Claims are
    kept alive by a thread, which begins with the first claim.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Claims(Path(folder)) as mine, Claims(Path(folder)) as other:
    ...     claim = mine.take("case_1")
    ...     other.take("case_1") is None
    True
    """

    def __init__(self, folder: Path, *, run: str = "", lease_s: float = LEASE_S) -> None:
        self.folder = folder / FOLDER
        self.run = run
        self.lease_s = lease_s
        self._held: list[Claim] = []
        self._made: list[Path] = []
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Claims:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)  # so that no claim is touched once it is released
        for claim in list(self._held):
            self.release(claim)
        for folder in reversed(self._made):  # nothing came into it
            _remove_empty(folder)

    def take(self, case: str) -> Claim | None:
        """The case for this process alone; None while another process works on the case.

        Raises `OSError` where the folder cannot be written to. `case` is a checked name, see `monai_attn.cases`.
        """
        fresh, lock = self._fresh()
        claim = None
        try:
            claim = self._placed(case, fresh, lock)
        except FileNotFoundError:  # a file was removed at this moment: the next try tells more
            pass
        finally:
            if claim is None:
                lock.release()
            fresh.unlink(missing_ok=True)
            _remove_empty(self.folder)
        if claim is not None:
            self._keep(claim)
        return claim

    def _placed(self, case: str, fresh: Path, lock: FileLock) -> Claim | None:
        """The claim at the first place that no process has, where all claims before are dead."""
        now, deaths = fresh.stat().st_mtime, 0
        passed: list[Path] = []
        for number in count():
            path = place_of(self.folder, case, number)
            held = take_place(fresh, path, lock)
            if held is not None:
                return Claim(self.folder, case, number, deaths, held, tuple(passed))
            owner = owner_of(path)
            if is_alive(path, owner, now, self.lease_s):
                return None
            passed.append(path)
            deaths += bool(self.run) and owner.get("run") == self.run
        raise AssertionError("numbers do not end")

    def release(self, claim: Claim) -> None:
        """Let a case go: it is finished, or could not be done."""
        with self._guard:
            if claim in self._held:
                self._held.remove(claim)
        claim.release()
        _remove_empty(self.folder)

    def _fresh(self) -> tuple[Path, FileLock]:
        """A claim that has no place yet, with its text, and locked. A folder that has just gone is made again."""
        owner = {"machine": machine(), "host": socket.gethostname(), "pid": os.getpid(), "run": self.run}
        while True:
            self._made += [one for one in reversed(self.folder.parents) if not one.exists()]
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{FRESH}{_short(machine())}-{secrets.token_hex(8)}"
            try:
                path.write_text(json.dumps(owner), encoding="utf-8")
            except FileNotFoundError:  # another process removed the empty folder
                continue
            lock = FileLock(path, create=False)
            lock.take()
            return path, lock

    def _keep(self, claim: Claim) -> None:
        """Remember a claim, and begin to touch the claims."""
        with self._guard:
            self._held.append(claim)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="claims", daemon=True)
                self._thread.start()

    def _beat(self) -> None:
        """Touch every claim that is held, until the block ends."""
        while not self._ended.wait(self.lease_s / BEATS):
            for claim in list(self._held):
                with suppress(OSError):
                    if claim.lock.is_file(claim.path):
                        os.utime(claim.path)


def now_ns(folder: Path) -> int:
    """The time by the clock of a folder's file system, in nanoseconds; that of this computer where the folder is new.

    The server of the files may be ahead of this computer, and files of before the run would look younger than the run.
    """
    try:
        with TemporaryFile(dir=folder) as stream:
            stream.write(b"now")
            stream.flush()
            return os.fstat(stream.fileno()).st_mtime_ns
    except OSError:
        return time.time_ns()


def sweep_claims(folder: Path, *, run: str = "") -> None:
    """Remove the claims that dead processes left in a folder of results; those of living processes stay.

    Young claims of another run stay too: that run counts which cases its processes died of.
    """
    place = folder / FOLDER
    if not place.is_dir():
        return
    with Claims(folder, run=run) as claims, suppress(OSError):
        fresh, lock = claims._fresh()
        now = fresh.stat().st_mtime
        for path in sorted(place.iterdir()):
            with suppress(OSError):  # it has gone meanwhile
                _sweep(path, claims, now)
        lock.release()
        fresh.unlink(missing_ok=True)
    _remove_empty(place)


def _sweep(path: Path, claims: Claims, now: float) -> None:
    """Remove one claim if its owner is dead. Raises `OSError` where the claim is gone."""
    young = now - path.stat().st_mtime < LEASE_S
    if path.name.startswith(FRESH):  # it may be empty; a living owner whose file goes tries again
        here = path.name.startswith(f"{FRESH}{_short(machine())}-")
        if not young or (here and is_free(path)):
            path.unlink(missing_ok=True)
        return
    owner = owner_of(path)
    if is_alive(path, owner, now, LEASE_S) or (young and owner.get("run") not in ("", claims.run)):
        return
    if (claim := claims.take(path.name.rpartition(".")[0])) is not None:
        claims.release(claim)


def _short(name: str) -> str:
    """Eight letters for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _remove_empty(folder: Path) -> None:
    """Remove a folder when nothing is left in it."""
    with suppress(OSError):
        folder.rmdir()
