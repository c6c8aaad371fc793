"""Folders: where this package keeps files of its own on a computer, and the files below a folder."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "HOME_VARIABLE", "cache_folder", "files_in", "user_folder"]

CACHE_VARIABLE = "MONAI_ATTN_CACHE"
"""The environment variable that names another cache folder."""

HOME_VARIABLE = "MONAI_ATTN_HOME"
"""The environment variable that names another folder for what a user has decided or fetched."""


def cache_folder() -> Path:
    """The folder of what can be made again, such as converted networks and the times of earlier runs.

    `MONAI_ATTN_CACHE` where it is set, else `monai_attn` in the system's place for caches. The folder may not exist.
    Raises `FileNotFoundError` where it would lie in a home folder that is not known.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "monai_attn" / "cache"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "monai_attn"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "monai_attn"


def user_folder() -> Path:
    """The folder of what a user has decided or fetched, such as the bundles that are trusted.

    `MONAI_ATTN_HOME` where it is set, else `monai_attn` in the system's place for data. The folder may not exist.
    Raises `FileNotFoundError` as `cache_folder` does.
    """
    if named := os.environ.get(HOME_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "monai_attn"
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "monai_attn"
    return Path(os.environ.get("XDG_DATA_HOME") or _home() / ".local" / "share") / "monai_attn"


def files_in(folder: Path, *, recursive: bool = True, closed: list[OSError] | None = None) -> Iterator[Path]:
    """The paths of the files of a folder and, with `recursive`, of its subfolders.

    Linked folders are entered. Each folder is entered once, so that a link to a folder above does no harm. The errors
    of folders that may not be listed are added to `closed`.
    """
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True, onerror=None if closed is None else closed.append):
        yield from (Path(root, name) for name in names)
        if not recursive:
            return
        folders.sort()
        here = Path(root).stat()
        seen.add((here.st_dev, here.st_ino))
        folders[:] = [name for name in folders if not _seen(Path(root, name), seen)]


def _home() -> Path:
    """The user's home folder. Raises `FileNotFoundError` where the system does not know one, as in some containers."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise FileNotFoundError(
            errno.ENOENT, f"The home folder is not known. Set HOME, or {CACHE_VARIABLE} and {HOME_VARIABLE} to folders"
        ) from error


def _seen(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was entered before, under this name or through a link; a folder that cannot be looked up counts
    as seen.
    """
    try:
        here = folder.stat()
    except OSError:
        return True
    place = here.st_dev, here.st_ino
    if place in seen:
        return True
    seen.add(place)
    return False
