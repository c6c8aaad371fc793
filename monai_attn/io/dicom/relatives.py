"""The files of a series in the folders around one of them: CDs and archives spread a series over subfolders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from monai_attn.io.dicom.folders import is_dicom
from monai_attn.io.dicom.headers import uids_of

__all__ = ["parts_beside", "relatives"]

LEVELS = 3
"""How far up to look: the file's own subfolders, the folders beside its own, and those beside that."""

MOST_FOLDERS = 50
"""So many folders beside a folder are looked into for further parts of its series."""

MOST_FILES = 1000
"""Up to so many files are looked into on each level; an archive of many patients is not searched."""


def relatives(path: Path, series: tuple[str, str], objects: set[str]) -> tuple[list[Path], bool]:
    """The files of a series in other folders than that of `path`, and whether all folders were searched.

    `series` is the UID and the modality; `objects` are the UIDs of the images in the own folder. Searched are the
    subfolders, then the folders beside, then those one level higher. At most `MOST_FILES` files are looked into on each
    level.

    A folder that repeats one of the images is a copy of the study, and left out.
    """
    home = path.absolute().parent
    seen = {home.resolve()}
    known = set(objects)
    found: list[Path] = []
    complete = True
    for level, top in enumerate([home, *home.parents][:LEVELS]):
        here: dict[Path, dict[Path, str]] = {}
        for count, one in enumerate(_files(top, seen)):
            if count >= MOST_FILES:
                complete = complete and level >= LEVELS - 1
                break
            uids = uids_of(one) if is_dicom(one) else None
            if uids and uids[:2] == series:
                here.setdefault(one.parent, {})[one] = uids.object
        for files in here.values():
            instances = {instance for instance in files.values() if instance}
            if not instances & known:
                known |= instances
                found += files
    return sorted(found), complete


def parts_beside(folder: Path, series: tuple[str, str], objects: set[str]) -> int:
    """The number of folders beside this one whose first files are other images of the same series; 0 for none.

    Only a few files of each folder are read. `series` is the UID and the modality; `objects` are the UIDs of the images
    in the folder itself.
    """
    home = folder.absolute()
    try:
        beside = sorted(one for one in home.parent.iterdir() if one.is_dir() and one.resolve() != home.resolve())
    except OSError:
        return 0
    count = 0
    for other in beside[:MOST_FOLDERS]:
        first = (uids_of(one) for one in islice(_files(other, {home.resolve()}), 3) if is_dicom(one))
        count += any(uids[:2] == series and uids.object not in objects for uids in first)
    return count


def _files(top: Path, seen: set[Path]) -> Iterator[Path]:
    """The files below a folder that are in none of the folders seen before, which grow by those gone through."""
    for root, folders, names in os.walk(top, followlinks=True):
        folders[:] = sorted(name for name in folders if Path(root, name).resolve() not in seen)
        here = Path(root).resolve()
        if here in seen:
            continue
        seen.add(here)
        yield from (Path(root, name) for name in sorted(names))
