"""Studies that come in: files on the disk, and which of them are complete.

A study is complete when no sender is still at it, the last sender said goodbye as DICOM asks, and nothing has come for
the quiet time. A study waits for its sender to try again where its connection broke or an image was refused. What is
known survives a restart: a marker lies beside a study from its first image until its sender has said goodbye.

Folders are called after the study's UID, never after a patient. Only the user who started the receiver may read them.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from monai_attn.errors import FileError
from monai_attn.io import write_bytes_atomic
from monai_attn.listener.settings import Limits

__all__ = ["MB", "FullError", "Inbox", "letters", "study_name"]

OPEN = ".open"
"""The ending of the marker of a study whose sender has not said goodbye."""

MB = 1e6


def study_name(uid: str) -> str:
    """What a study is called: by letters made from its UID, so that no file is called after a patient.

    >>> study_name("1.2.3")
    'study-c47f5b18b8a430e6'
    """
    return f"study-{letters(uid, 16)}"


def letters(text: str, count: int) -> str:
    """So many letters and digits made from a text, which do not tell the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:count]


class FullError(FileError):
    """A limit of size is reached, and the image was not taken."""


@dataclass
class _Study:
    """What is known of a study: when the last image came, who is sending, and what it holds."""

    last: float
    senders: set[int] = field(default_factory=set)
    cut: bool = False
    looked_at: bool = False
    count: int = 0
    size: int = 0


class Inbox:
    """The folder of studies that come in; every method may be called from several threads.

    `clock` gives seconds that only go up. Raises `FileError` where the folder cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     inbox = Inbox(Path(place) / "inbox")
    ...     _ = inbox.take("1.2.3", "1.2.3.4", b"image", sender=1)
    ...     _ = inbox.goodbye(1)
    ...     inbox.complete(quiet_s=0) == ["study-c47f5b18b8a430e6"]
    True
    """

    def __init__(self, folder: Path, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"The folder {folder.name} cannot be made: {error.strerror}. Choose another.") from error
        self._studies = {place.name: self._found(place) for place in folder.iterdir() if place.is_dir()}

    def take(self, study_uid: str, instance_uid: str, data: bytes, *, sender: int) -> None:
        """Keep one image, as the bytes of a DICOM file; an image that comes twice counts once.

        Raises `FullError` when the image, its study or all studies would be above their limits, and `OSError` or
        `FileError` when the disk refuses. The study then lacks an image: it waits to be sent again.
        """
        name = study_name(study_uid)
        path = self.folder / name / f"{letters(instance_uid, 32)}.dcm"
        with self._lock:
            study = self._studies.setdefault(name, _Study(self._clock()))
            again, study.last = sender not in study.senders, self._clock()
            study.senders.add(sender)
            study.looked_at = False
            try:
                if again or not study.count:
                    self._marker(name).touch(mode=0o600)
                before = path.stat().st_size if path.is_file() else None
                self._check(study, len(data), before)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                write_bytes_atomic(path, data, overwrite=True)
            except (FileError, OSError):
                study.cut = True
                if not study.count:
                    self._marker(name).unlink(missing_ok=True)  # nothing of the study lies here
                raise
            study.cut &= not again  # it is sent again
            study.count += before is None
            study.size += len(data) - (before or 0)

    def goodbye(self, sender: int, *, properly: bool = True) -> list[str]:
        """A sender has gone, properly or because its connection broke; gives its studies that lack images."""
        cut = []
        with self._lock:
            for name, study in self._studies.items():
                if sender not in study.senders:
                    continue
                study.senders.discard(sender)
                study.last = self._clock()
                study.cut |= not properly
                if study.cut:
                    cut.append(name)
                elif not study.senders:
                    self._marker(name).unlink(missing_ok=True)
        return cut

    def complete(self, quiet_s: float) -> list[str]:
        """The names of studies that are complete and were not looked at since, the longest quiet first."""
        with self._lock:
            now = self._clock()
            quiet = [
                (study.last, name)
                for name, study in self._studies.items()
                if study.count and not (study.senders or study.cut or study.looked_at) and now - study.last >= quiet_s
            ]
        return [name for _, name in sorted(quiet)]

    def look_at(self, name: str) -> Path:
        """The folder of a study, which now counts as looked at until another image of it comes."""
        with self._lock:
            self._studies[name].looked_at = True
        return self.folder / name

    def count(self, name: str) -> int:
        """The number of images of a study; 0 for a study that is not there."""
        with self._lock:
            return self._studies[name].count if name in self._studies else 0

    def remove(self, name: str) -> bool:
        """Remove a study that was looked at; not when another image of it has come since, which gives False."""
        with self._lock:
            if not self._studies[name].looked_at:
                return False
            shutil.rmtree(self.folder / name)
            del self._studies[name]
            return True

    def _check(self, study: _Study, size: int, before: int | None) -> None:
        limits, more = self.limits, size - (before or 0)
        total = sum(one.size for one in self._studies.values())
        if size > limits.instance_mb * MB:
            raise FullError(f"An image is larger than {limits.instance_mb:g} MB.")
        if study.size + more > limits.study_mb * MB or (before is None and study.count >= limits.study_instances):
            raise FullError(f"A study is above {limits.study_mb:g} MB or {limits.study_instances} images.")
        if total + more > limits.inbox_mb * MB:
            raise FullError(f"All studies together are above {limits.inbox_mb:g} MB.")

    def _marker(self, name: str) -> Path:
        return self.folder / f"{name}{OPEN}"

    def _found(self, place: Path) -> _Study:
        """A study of an earlier run; one with a marker was cut off when that run ended. Half a file goes."""
        for path in place.glob(".*.dcm"):  # as `write_bytes_atomic` calls a file that it was writing
            path.unlink(missing_ok=True)
        sizes = [path.stat().st_size for path in place.glob("*.dcm")]
        return _Study(self._clock(), cut=self._marker(place.name).exists(), count=len(sizes), size=sum(sizes))
