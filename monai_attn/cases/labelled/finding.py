"""`find_labelled`: the labelled cases at a path, in whichever of the usual layouts they lie."""

from __future__ import annotations

from pathlib import Path

from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.dataset import FILE, listed_cases
from monai_attn.errors import FileError, InputError

__all__ = ["find_labelled"]


def find_labelled(path: str | Path) -> LabelledSet:
    """The labelled cases at a path, for training and for scores. No image is read.

    Raises `FileError` for what does not exist, `InputError` where the layout is not known or an entry is not clear,
    and `LabelError` for labels that cannot be used.
    """
    place = Path(path)
    if not place.exists():
        raise FileError(f"{place.name or place} does not exist. Name the folder or the table of your labelled cases.")
    folder = place if place.is_dir() else place.parent
    if (folder / FILE).is_file():
        return listed_cases(folder)
    raise InputError(f"{place.name} holds no dataset.json.")
