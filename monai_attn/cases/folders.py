"""What lies in a folder that can be an image of a case: files of volumes, named images, DICOM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from monai_attn.errors import FileError, InputError
from monai_attn.io import is_dicom
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of

__all__ = [
    "entries",
    "holds_dicom",
    "holds_named",
    "image_files",
    "is_leftover",
    "matches",
    "named_images",
    "subfolders",
    "walk",
]

DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
"""Suffixes of DICOM files. A damaged file with such a suffix still makes its folder a case, which then says why."""

LEFTOVERS = (".", "~")
"""How names begin that are no data: hidden files, macOS's `._x.nii.gz`, our own temporary files, editors' copies."""


def is_leftover(path: Path) -> bool:
    """Whether a file or folder is hidden, temporary or a by-product of a system, and therefore never a case."""
    return path.name.startswith(LEFTOVERS)


def image_files(folder: Path) -> list[Path]:
    """The files of a folder that hold a volume each (NIfTI, NRRD, MetaImage), by name; not those of subfolders.

    A link that leads nowhere is among them, so that its case says so. Raises `FileError` for a folder that may not be
    read.
    """
    return [path for path in entries(folder) if suffix_of(path) in VOLUME_SUFFIXES and not path.is_dir()]


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name, links to folders among them; without hidden ones."""
    return [path for path in entries(folder) if path.is_dir()]


def entries(folder: Path) -> list[Path]:
    """Files and folders of a folder, by name, without leftovers. Raises `FileError`."""
    try:
        return sorted(path for path in folder.iterdir() if not is_leftover(path))
    except OSError as error:
        raise FileError(f"The folder {folder.name} cannot be read: {error.strerror}. Ask for access to it.") from error


def holds_dicom(folder: Path) -> bool:
    """Whether one of the folder's own files is DICOM, by its suffix or by how it begins."""
    return any(
        path.is_file()
        and suffix_of(path) not in VOLUME_SUFFIXES
        and (suffix_of(path) in DICOM_SUFFIXES or is_dicom(path))
        for path in entries(folder)
    )


def named_images(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The image files of a folder that are called like one of `names`, by name, in the order of `names`.

    Capital and small letters are the same. A name without a file is left out; none found gives an empty mapping.
    Raises `InputError` for two files of one name, such as `t1.nii.gz` and `T1.nrrd`.
    """
    found: dict[str, Path] = {}
    for path in image_files(folder):
        name = next((name for name in names if name.lower() == stem(path).lower()), None)
        if name is None:
            continue
        if name in found:
            raise InputError(
                f"Which is {name} of {folder.resolve().name!r}: {found[name].name} or {path.name}? Move one of them."
            )
        found[name] = path
    return {name: found[name] for name in names if name in found}


def holds_named(folder: Path, names: Sequence[str]) -> bool:
    """Whether a folder has at least one image file called like one of `names`."""
    wanted = {name.lower() for name in names}
    return any(stem(path).lower() in wanted for path in image_files(folder))


def walk(folder: Path) -> Iterator[Path]:
    """A folder and every folder below it, each once, by name; links are followed, also where they lead in a circle."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        status = place.stat()
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            yield place
            waiting += reversed(subfolders(place))


def matches(folder: Path, pattern: str, wanted: Callable[[Path], bool]) -> list[Path]:
    """What in a folder matches a pattern such as `*/t1.nii.gz` or `**/*.nrrd` and is `wanted`, by name.

    `**` stands for any number of folders, links among them. Nothing hidden matches, and nothing in a hidden folder.
    Raises `InputError` for a pattern that leads out of the folder.
    """
    head, star, tail = pattern.partition("**/")
    if not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise InputError(f"The pattern {pattern!r} does not lie in the folder. Write for example '*/t1.nii.gz'.")
    if star:
        bases = folder.glob(head) if head else [folder]
        found = {
            path
            for base in bases
            if base.is_dir()
            for place in walk(base)
            for path in matches(place, tail or "*", wanted)
        }
        return sorted(found)
    hidden = (path for path in folder.glob(pattern) if not any(map(is_leftover, _below(folder, path))))
    return sorted(path for path in hidden if wanted(path))


def _below(folder: Path, path: Path) -> list[Path]:
    return [Path(part) for part in path.relative_to(folder).parts]
