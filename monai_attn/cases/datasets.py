"""A `dataset.json`: lists of cases as in the Medical Segmentation Decathlon, or of several images each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.cases.case import Case
from monai_attn.cases.naming import checked_name, safe_name, same_name
from monai_attn.errors import FileError, InputError
from monai_attn.io.jsonfile import read_json
from monai_attn.io.names import stem

__all__ = ["dataset_cases", "folder_of", "holds_dataset", "labelled_cases"]

FILE = "dataset.json"

LISTS = ("test", "training")
"""The lists of cases to segment in a `dataset.json`: the first that is not empty is taken."""


def holds_dataset(folder: Path) -> bool:
    """Whether a folder has a `dataset.json` with a list of cases. That of nnU-Net v2 has none."""
    path = folder / FILE
    return path.is_file() and any(isinstance(read_json(path).get(part), list) for part in LISTS)


def dataset_cases(folder: Path, names: Sequence[str] = ("image",)) -> list[Case]:
    """The cases to segment of `folder/dataset.json`, in its order: its "test" list, else its "training" list.

    `names` are those of the bundle's images. For one image an entry is a path, or `{"image": path}`, and the case is
    called by its file, or by an "id" of the entry. For several an entry is `{"id": name, "t1": path, ...}`; an image
    that is not listed is missing. Raises `InputError` for an entry that is not clear or a name that is listed twice.

    Whether the images exist is not asked: a missing image is the failure of its case, and the other cases go on.
    """
    content = read_json(folder / FILE)
    part = next((part for part in LISTS if content.get(part)), LISTS[-1])
    return _cases(folder, content, part, names, labelled=False)


def labelled_cases(folder: Path, names: Sequence[str] = ("image",)) -> dict[str, Case]:
    """The cases of the "training" list of `folder/dataset.json` by name, each with its reference mask.

    An entry is as in `dataset_cases`, with "label". Raises `InputError`, and `FileError` for a file that is missing:
    a training or a score must not go on without one of its cases.
    """
    return {case.name: case for case in _cases(folder, read_json(folder / FILE), "training", names, labelled=True)}


def folder_of(dataset_dir: str | Path) -> Path:
    """The folder, which must be there. Raises `FileError`."""
    folder = Path(dataset_dir)
    if not str(dataset_dir) or not folder.is_dir():
        raise FileError(f"dataset_dir {str(dataset_dir)!r} is not a folder. Set it with --dataset_dir.")
    return folder


def _cases(folder: Path, content: Mapping[str, Any], part: str, names: Sequence[str], *, labelled: bool) -> list[Case]:
    where = f"{FILE} of {folder.resolve().name!r}"
    cases: dict[str, Case] = {}
    rows = content.get(part) or []
    if not isinstance(rows, list):
        raise InputError(f"{where}: {part!r} is no list of cases. Write a list, or leave it out.")
    for number, row in enumerate(rows, start=1):
        entry = {names[0]: row} if isinstance(row, str) and len(names) == 1 and not labelled else row
        case = _case(folder, f"{where}: entry {number} of {part!r}", entry, names, labelled=labelled)
        if same_name(case.name) in cases:
            raise InputError(
                f"{where} lists the case {case.name!r} twice. Results are named by case, so one would replace the "
                "other; rename one of them."
            )
        cases[same_name(case.name)] = case
    if not cases:
        raise InputError(f"{where} lists no case under {part!r}.")
    return list(cases.values())


def _case(folder: Path, where: str, row: Any, names: Sequence[str], *, labelled: bool) -> Case:
    given = row if isinstance(row, dict) else {}
    there = [name for name in names if given.get(name)]
    several = len(names) > 1
    if not there or (several and given.get("id") is None) or (labelled and not given.get("label")):
        needs = ["an id"] * several + ["a label"] * labelled + [f"any of {', '.join(names)}" if several else "an image"]
        raise InputError(
            f"{where} lacks {', '.join(needs[:-1])}{', or ' if needs[:-1] else ''}{needs[-1]}. Each needs them."
        )
    images = {name: folder / str(given[name]) for name in there}
    for name in there if labelled else ():
        _resolve(folder, given[name])
    label = _resolve(folder, given["label"]) if labelled else None
    try:
        name = checked_name(str(given["id"])) if given.get("id") is not None else safe_name(stem(images[names[0]]))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return Case(name, images if several else images[names[0]], label)


def _resolve(folder: Path, entry: Any) -> Path:
    path = folder / str(entry)
    if not path.exists():
        raise FileError(f"{FILE} of {folder.resolve().name!r} lists {entry}, which does not exist.")
    return path
