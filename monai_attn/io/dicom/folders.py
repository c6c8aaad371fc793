"""Looking through folders: which files begin like DICOM, and which lie among them that cannot be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monai_attn.io.names import suffix_of

__all__ = ["Unread", "begins_like_dicom", "files_in", "has_preamble", "is_dicom", "look_through", "names_alike"]

FIRST_TAGS = (b"\x08\x00", b"\x02\x00", b"\x00\x08")
"""How a data set without the 128-byte preamble begins: group 0008 or 0002, or 0008 in big endian."""

NUMBER = re.compile(r"[0-9A-Fa-f.]*\d[0-9A-Fa-f.]*")
"""What differs between the names of slices: counters, UIDs, hexadecimal numbers."""


DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}


@dataclass(frozen=True)
class Unread:
    """A file that cannot be read as DICOM, and a sentence why. `series` is its series UID as far as that is known.

    `surely_dicom` says whether the file begins as DICOM does, or is called so; any other matters only among slices.
    """

    path: Path
    why: str
    surely_dicom: bool = False
    series: str = ""


def is_dicom(path: Path) -> bool:
    """Whether a file begins like DICOM, with or without the preamble. A pipe or a device is none."""
    try:
        return path.is_file() and begins_like_dicom(path)
    except OSError:
        return False


def begins_like_dicom(path: Path) -> bool:
    """As `is_dicom`, for a file that is there; raises `OSError` when it cannot be read."""
    with path.open("rb") as stream:
        start = stream.read(132)
    if start[128:] == b"DICM":
        return True
    # Group, element below 0x0100 (small in either byte order), then a length or a VR.
    return len(start) == 132 and start[:2] in FIRST_TAGS and 0 in start[2:4]


def has_preamble(path: Path) -> bool:
    """Whether a file begins with 128 bytes of anything and the letters DICM."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def look_through(folder: Path, *, recursive: bool = True) -> tuple[list[Path], list[Unread]]:
    """The files of a folder, by name, that begin like DICOM; and those that are something else, or nothing."""
    found, unread = [], []
    closed: list[OSError] = []
    for path in sorted(files_in(folder, recursive=recursive, closed=closed)):
        why = ""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                continue
            if begins_like_dicom(path):
                found.append(path)
                continue
            size = path.stat().st_size
            why = f"{path.name} is no DICOM file" if size else f"{path.name} is empty (0 bytes)"
        except PermissionError:
            unread.append(Unread(path, f"{path.name} may not be read: permission denied. Ask for access to it."))
            continue
        except FileNotFoundError:
            why = f"{path.name} is a link to a file that is not there"
        except OSError as error:
            why = f"{path.name} cannot be read ({os.strerror(error.errno or 0)})"
        said = f"{why}, and lies among the slices. Copy or export it again, or remove it."
        unread.append(Unread(path, said, surely_dicom=suffix_of(path) in DICOM_SUFFIXES))
    for refused in closed:
        path = Path(str(refused.filename))
        unread.append(Unread(path, f"the folder {path.name} may not be read. Ask for access to it.", surely_dicom=True))
    return found, unread


def files_in(folder: Path, *, recursive: bool = True, closed: list[OSError] | None = None) -> Iterator[Path]:
    """The files of a folder and, on wish, its subfolders; linked folders are entered, each folder once.

    The errors of folders that cannot be listed are added to `closed`.
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


def names_alike(one: str, other: str) -> bool:
    """Whether two names differ in a counter only, as IM0001.dcm and IM0002.dcm do."""
    return NUMBER.sub("#", one) == NUMBER.sub("#", other)


def _seen(folder: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        here = folder.stat()
    except OSError:
        return True
    place = here.st_dev, here.st_ino
    if place in seen:
        return True
    seen.add(place)
    return False
