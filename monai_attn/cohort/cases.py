"""From what a user names to a list of cases: files, DICOM folders, folders of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_attn.errors import FileError, InputError
from monai_attn.io import stem
from monai_attn.io.names import VOLUME_SUFFIXES

__all__ = ["Case", "find_cases"]


@dataclass(frozen=True)
class Case:
    """One study to segment: the name its results bear, and where its image is."""

    name: str
    source: Path


def find_cases(inputs: Sequence[str | Path]) -> list[Case]:
    """A file is a case; a folder is one DICOM case, or holds image files that are a case each.

    Named by the file without its suffix, or by the folder. Raises `FileError` for a path that does not exist and
    `InputError` when two cases would bear one name.
    """
    cases: dict[str, Case] = {}
    for given in inputs:
        path = Path(given)
        if not path.exists():
            raise FileError(f"{path.name or path} does not exist.")
        for source in _sources(path):
            case = Case(stem(source), source)
            if case.name in cases and cases[case.name].source.resolve() != source.resolve():
                raise InputError(
                    f"Two inputs would both be called {case.name!r}, and one result would overwrite the other. "
                    "Segment them into different folders."
                )
            cases[case.name] = case
    if not cases:
        raise InputError("There is no image to segment: name a file, a DICOM folder or a folder of images.")
    return list(cases.values())


def _sources(path: Path) -> list[Path]:
    if path.is_dir():
        images = sorted(entry for entry in path.iterdir() if entry.name.lower().endswith(VOLUME_SUFFIXES))
        return images or [path]
    return [path]
