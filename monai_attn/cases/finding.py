"""The finder: from what a user names to the cases, the same for every way in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from monai_attn.cases.bids import bids_cases, holds_bids
from monai_attn.cases.case import Case
from monai_attn.cases.datasets import dataset_cases, holds_dataset
from monai_attn.cases.folders import holds_dicom, holds_named, image_files, is_leftover, subfolders, walk
from monai_attn.cases.masks import masks_among
from monai_attn.cases.naming import checked_name, names_of, same_name
from monai_attn.cases.patients import patient_folders
from monai_attn.cases.table import table_cases
from monai_attn.errors import FileError, InputError
from monai_attn.io.names import stem

__all__ = ["check_paths", "find_cases", "named_cases"]

Found = Case | Path
"""A case that has its name already, or the place of one that is yet to be named."""


def find_cases(
    inputs: Sequence[str | Path], names: Sequence[str] = ("image",), *, case_name: str | None = None
) -> list[Case]:
    """The cases among files, folders, tables and `NAME=PATH`, for a bundle whose images are called `names`.

    - A file is a case. For a bundle of several images, a file called like one of them stands for that image alone.
    - `t1=PATH ct=PATH` together are one case.
    - A table (.csv) has a case in each row, see `table_cases`, or is a table of series, see `series_table_cases`.
    - A folder with a `dataset.json` holds the cases that it lists, see `dataset_cases`.
    - A data set in BIDS holds a case in each image of the kind, see `bids_cases`.
    - For one image, a folder holds a case in each image file. For several, a folder is a case when it has a file
      called like one of the images, and otherwise each of its folders is that has one.
    - A folder without such files is one DICOM case, searched with its subfolders; or a case for each subfolder when
      these are of several patients.

    Hidden and temporary files are never cases, and masks in a folder are none, see `masks_among`. `names_of` names the
    cases; a file or folder that is called like an image of a bundle of several gives its folder's name; `case_name`
    names a lone case. Raises `FileError` for a path that does not exist, and `InputError` when two cases would bear one
    name, or nothing is found.
    """
    joined, others = _joined(inputs, names)
    found = [one for path in others for one in _found(path, names)]
    cases = named_cases([*joined, *found], names)
    if not cases:
        raise InputError("There is no image to segment: name a file, a DICOM folder or a folder of images.")
    if case_name is None:
        return cases
    if len(cases) > 1:
        raise InputError(f"There are {len(cases)} cases, and one name: {case_name!r}. Name several in a table (.csv).")
    return [replace(cases[0], name=checked_name(case_name))]


def check_paths(inputs: Sequence[str | Path]) -> None:
    """Refuse paths of `find_cases` that do not exist, before anything else is known of the bundle.

    Raises `FileError`, or `InputError` for an empty name.
    """
    for given in inputs:
        name, sign, path = str(given).partition("=")
        named = bool(sign) and not _there(Path(given)) and Path(name).name == name
        _checked(path or given if named else given)


def _found(path: Path, names: Sequence[str]) -> Sequence[Found]:
    """The cases at one path that a user named."""
    if not path.is_dir():
        if path.suffix.lower() == ".csv":
            return table_cases(path, names)
        if is_leftover(path):
            raise InputError(f"{path.name} is a hidden or temporary file, not an image of a case. Rename it.")
        return [path]
    if holds_dataset(path):
        return dataset_cases(path, names)
    if holds_bids(path):
        return bids_cases(path, names)
    masks: set[Path] = set()
    if len(names) > 1:
        inside = [path] if holds_named(path, names) else [one for one in subfolders(path) if holds_named(one, names)]
    else:
        masks = masks_among(path)
        inside = [one for one in image_files(path) if one not in masks]
    patients = [] if inside else patient_folders(path)
    if patients and holds_dicom(path):
        raise InputError(
            f"{path.resolve().name} holds DICOM files beside the folders of {len(patients)} patients. Move them into a "
            "folder of their own, or name the folders that are to be segmented."
        )
    found = inside or patients or [path]
    if masks and found == [path] and not any(map(holds_dicom, walk(path))):
        why = f"{path.resolve().name} holds masks, {min(masks).name} first, and no image. Name a file to segment it."
        return [Case("", path, problem=why)]
    return found


def _joined(inputs: Sequence[str | Path], names: Sequence[str]) -> tuple[list[Case], list[Path]]:
    """The one case of all `NAME=PATH`, where there are any, and the other paths."""
    named: dict[str, Path] = {}
    others: list[Path] = []
    for given in inputs:
        name, sign, path = str(given).partition("=")
        name = next((one for one in names if one.lower() == name.lower()), name)
        if not sign or _there(Path(given)) or Path(name).name != name:
            others.append(_checked(given))
        elif name not in names:
            raise InputError(f"The bundle takes {', '.join(names)}, not {name!r}.")
        elif not path:
            raise InputError(f"{name}= names no image. Write {name}=PATH, or leave it out.")
        elif name in named:
            raise InputError(f"{name} is given twice. One command line names the images of one case; use a table.")
        else:
            named[name] = _checked(path)
    return [Case("", named)] if named else [], others


def _there(path: Path) -> bool:
    """Whether there is something at a path, be it a link that leads nowhere: then its case says so."""
    return path.exists() or path.is_symlink()


def _checked(given: str | Path) -> Path:
    if not str(given):
        raise InputError("An empty name was given for an image. Write . for the current folder.")
    path = Path(given)
    if not _there(path):
        raise FileError(f"{path.name or path} does not exist.")
    return path


def named_cases(found: Sequence[Found], names: Sequence[str] = ("image",)) -> list[Case]:
    """Cases, and the places of cases that have no name yet, as cases with their names, each once.

    Raises `InputError` for two cases of one name.
    """
    cases = [one if isinstance(one, Case) else Case("", one) for one in found]
    unnamed = list(dict.fromkeys(_place(case, names) for case in cases if not case.name))
    called = dict(zip(unnamed, names_of(unnamed), strict=True))
    kept: dict[str, Case] = {}
    for one in cases:
        case = one if one.name else replace(one, name=called[_place(one, names)])
        other = kept.setdefault(same_name(case.name), case)
        if not _same(other, case):
            raise InputError(
                f"Two inputs would both be called {case.name!r}, and one result would overwrite the other: "
                f"{other.paths[0].name} and {case.paths[0].name}. Rename one of them, name the cases in a table, or "
                "segment them into different folders."
            )
    return list(kept.values())


def _place(case: Case, names: Sequence[str]) -> Path:
    """The file or folder that a case is called after."""
    if isinstance(case.source, Mapping):
        name, path = next(iter(case.source.items()))
        return path.absolute().parent if stem(path).lower() == name.lower() else path
    several = len(names) > 1 and stem(case.source).lower() in (name.lower() for name in names)
    return case.source.absolute().parent if several else case.source


def _same(one: Case, other: Case) -> bool:
    """Whether two cases are the same images: the same places, series and volumes."""
    # `Path.resolve` raises where a link leads in a circle; such a link is a case that cannot be read.
    told = [
        (
            [*map(os.path.realpath, case.paths)],
            {key: (image.series, image.volume) for key, image in case.images.items()},
        )
        for case in (one, other)
    ]
    return told[0] == told[1]
