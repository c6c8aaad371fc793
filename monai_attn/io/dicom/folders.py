"""Looking through folders: which files begin like DICOM, and which lie among them that cannot be read.

File names are not believed: many archives give DICOM files no suffix, and some give them a wrong one. Only the first
132 bytes of a file are read here; `headers` reads the rest.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from monai_attn.folders import files_in
from monai_attn.io.names import suffix_of

__all__ = ["Unread", "begins_like_dicom", "has_preamble", "is_dicom", "look_through", "name_pattern"]

FIRST_TAGS = (b"\x08\x00", b"\x02\x00", b"\x00\x08")
"""How a data set without the 128-byte preamble begins: group 0008 or 0002, or 0008 in big endian."""

NUMBER = re.compile(r"[0-9A-Fa-f.]*\d[0-9A-Fa-f.]*")
"""What differs between the names of slices: counters, UIDs, hexadecimal numbers."""


DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
"""A damaged file with one of these suffixes was meant to be DICOM, whatever its first bytes are."""


@dataclass(frozen=True)
class Unread:
    """A file that cannot be read as DICOM, and a sentence that says why.

    `surely_dicom` is True for a file that begins as DICOM does, or has a DICOM suffix. Any other file matters only when
    its name shows it among the slices of a series. `series` is the series UID, as far as it could be read.
    """

    path: Path
    why: str
    surely_dicom: bool = False
    series: str = ""


def is_dicom(path: Path) -> bool:
    """Whether a file begins like DICOM, with or without the preamble of 128 bytes.

    False for a folder, a pipe, a device, a missing file, and a file that may not be read.
    """
    try:
        return path.is_file() and begins_like_dicom(path)
    except OSError:
        return False


def begins_like_dicom(path: Path) -> bool:
    """Whether a file that exists begins like DICOM, as `is_dicom` tells. Raises `OSError` when it cannot be read."""
    with path.open("rb") as stream:
        start = stream.read(132)
    if start[128:] == b"DICM":
        return True
    # Group, element below 0x0100 (small in either byte order), then a length or a VR.
    return len(start) == 132 and start[:2] in FIRST_TAGS and 0 in start[2:4]


def has_preamble(path: Path) -> bool:
    """Whether a file begins with 128 bytes of anything and then the letters DICM. False when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def look_through(folder: Path, *, recursive: bool = True) -> tuple[list[Path], list[Unread]]:
    """The files of a folder that begin like DICOM, by name; and all its other files, each with a sentence why.

    Other files are empty, damaged in their first bytes, links to nothing, of another kind, or may not be read. Pipes
    and devices are left out. A subfolder that may not be listed is among the second.

    An empty folder gives two empty lists. No error of the file system is raised: each becomes a sentence.
    """
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
            if path.name.startswith("."):
                continue  # what macOS and editors leave beside a file
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


def name_pattern(name: str) -> str:
    """A file name with "#" for its numbers, the same for all slices of a series: "IM#" for IM0001 and IM0002.

    Decimal numbers, UIDs and hexadecimal numbers count as numbers.

    >>> name_pattern("IM0001") == name_pattern("IM0002")
    True
    >>> name_pattern("README")
    'README'
    """
    return NUMBER.sub("#", name)
