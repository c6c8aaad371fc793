"""Masks that were painted and not saved yet, kept in the user's state folder: one file for each, exact, found again.

A file holds label values, grid and label names, but neither the path of the image nor the name of the layer. A hash
says which image the mask belongs to; the file is named after this hash and a random word.

The keeper calls it. It opens no window and knows no layer of napari.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.errors import AttnError, FileError
from monai_attn.io import atomic_path
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume

__all__ = ["Rescue", "find_rescues", "source_key", "state_folder", "write_rescue"]

KEPT_DAYS = 30
"""Older files are removed: nobody asked for them."""

CLOCK_SECONDS = 60.0
"""The start of a process is known by the wall clock, which may have been set since."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rescue:
    """A mask that was not saved: its file, the images it may belong to, when it was kept, and by which process.

    `saved_at` is in seconds since 1970. `process` is the number of the process and the time when that process began.
    `sources` are keys of `source_key`. The voxels stay in the file until `labels` reads them.
    """

    path: Path
    sources: frozenset[str]
    saved_at: float
    process: tuple[int, float]
    table: LabelTable = field(compare=False)
    provenance: Mapping[str, Any] = field(compare=False)

    @property
    def clock(self) -> str:
        """When it was kept, for the user: "14:32", with the date when that was not today."""
        then, now = time.localtime(self.saved_at), time.localtime()
        return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)

    def labels(self) -> Volume:
        """The mask as it was painted, on its grid. Raises `FileError` when the file cannot be read.

        Shape `(I, J, K)` and affine (RAS+ mm) are those of the grid on which the mask was painted.
        """
        try:
            with np.load(self.path, allow_pickle=False) as file:
                array = np.zeros(tuple(int(size) for size in file["shape"]), file["block"].dtype)
                spans = zip(file["start"], file["block"].shape, strict=True)
                array[tuple(slice(int(first), int(first) + size) for first, size in spans)] = file["block"]
                return Volume(array, file["affine"], frame_of_reference=str(file["frame"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise FileError(f"The unsaved mask of {self.clock} cannot be read any more.") from error

    def discard(self) -> None:
        """Remove the file.

        A file that is gone already is no error.
        """
        self.path.unlink(missing_ok=True)


def state_folder() -> Path:
    """Where unsaved masks are kept for this user; nobody else may look into it.

    The folder of the operating system for such state, by platformdirs; it is made where it is missing.
    """
    import platformdirs

    folder = platformdirs.user_state_path("monai_attn", appauthor=False) / "unsaved"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def source_key(path: str | None, grid: Volume) -> str:
    """What names an image without telling its name: a hash of where it was read from and where its voxels lie.

    16 hexadecimal digits of SHA-256 over the full path, the shape, and the affine rounded to 0.001. Without a path the
    grid alone decides.
    """
    place = str(Path(path).resolve()) if path else ""
    content = json.dumps([place, grid.shape, np.round(grid.affine, 3).tolist()])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def write_rescue(
    labels: Volume,
    table: LabelTable,
    sources: Iterable[str],
    *,
    provenance: Mapping[str, Any] | None = None,
    path: Path | None = None,
    folder: Path | None = None,
) -> Path:
    """Keep a mask, in the file at `path` if it has one already; the file is there completely or not at all.

    Only the block around what is painted is stored. Raises `FileError` when the disk refuses.

    `sources` are the keys of the images whose grid the mask lies on. `folder` None means `state_folder()`. Compressed
    NumPy (`.npz`) that is read without pickle. An empty mask is kept as one voxel of background with its grid.
    """
    keys = sorted(sources)
    target = path or (folder or state_folder()) / f"{keys[0] if keys else 'unknown'}-{secrets.token_hex(4)}.npz"
    start, block = _painted(labels)
    about = {
        "sources": keys,
        "saved_at": time.time(),
        "process": _this_process(),
        "labels": table.to_json(),
        "provenance": dict(provenance or {}),
    }
    try:
        with atomic_path(target, overwrite=True) as temporary:
            np.savez_compressed(
                temporary,
                block=block,
                start=np.array(start),
                shape=np.array(labels.shape),
                affine=labels.affine,
                frame=np.array(labels.frame_of_reference),
                about=np.array(json.dumps(about, default=str)),
            )
    except OSError as error:
        raise FileError(f"The unsaved mask cannot be kept: {error.strerror or 'the disk refuses'}.") from error
    return target


def find_rescues(source: str | None = None, folder: Path | None = None) -> list[Rescue]:
    """What was not saved, the newest first: all of it, or what belongs to one image. Old files are removed.

    Files of another process that still runs are its own. Files that cannot be read are logged and left alone.

    Old means older than `KEPT_DAYS` days. [] where nothing was kept.
    """
    found = []
    for path in sorted((folder or state_folder()).glob("*.npz")):
        try:
            age_s = time.time() - path.stat().st_mtime
        except FileNotFoundError:  # it got its name, or was saved and removed, since it was listed
            continue
        if age_s > KEPT_DAYS * 86400:
            path.unlink(missing_ok=True)
        elif not path.name.startswith("."):
            found += _read(path)
    ours = [one for one in found if (source is None or source in one.sources) and not _runs_elsewhere(one.process)]
    return sorted(ours, key=lambda one: -one.saved_at)


def _read(path: Path) -> list[Rescue]:
    """What is kept in a file, without its voxels; [] for a file that cannot be read, which is logged by name."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
        pid, started = about["process"]
        table = LabelTable.from_json(about["labels"])
        sources = frozenset(map(str, about["sources"]))
        return [Rescue(path, sources, float(about["saved_at"]), (int(pid), float(started)), table, about["provenance"])]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, AttnError) as error:
        log.warning("%s, an unsaved mask, cannot be read (%s).", path.name, type(error).__name__)
        return []


def _painted(labels: Volume) -> tuple[tuple[int, ...], np.ndarray[Any, np.dtype[np.generic]]]:
    """First index and array of the smallest block that holds every label; one voxel when there is none."""
    array = labels.array
    spans = []
    for axis in range(3):
        found = np.flatnonzero(array.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 1))
    return tuple(span.start for span in spans), np.ascontiguousarray(array[tuple(spans)])


def _this_process() -> tuple[int, float]:
    """Number of this process and the time, in seconds since 1970, when it began."""
    import psutil

    return os.getpid(), psutil.Process().create_time()


def _runs_elsewhere(process: tuple[int, float]) -> bool:
    """Whether another process runs that began when this one did: its number may have been given away since."""
    import psutil

    pid, started = process
    try:
        return pid != os.getpid() and abs(psutil.Process(pid).create_time() - started) < CLOCK_SECONDS
    except psutil.Error:
        return False
