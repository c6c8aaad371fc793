"""Labelled cases in DICOM: image series, and for each a SEG or RTSTRUCT that was drawn on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from monai_attn.cases.images import ImageFile, choice_of
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import Entry, labelled_set
from monai_attn.cases.labelled.inputs import image_inputs
from monai_attn.cases.labelled.structures import joined_structures, names_in
from monai_attn.cases.naming import names_of, safe_name
from monai_attn.errors import InputError
from monai_attn.io import Series, holds_structures, list_series
from monai_attn.io.dicom.files import dicom_files
from monai_attn.io.dicomseg.described import Described, described

__all__ = ["contoured_cases", "structure_files"]


def structure_files(folder: Path) -> list[Path]:
    """The files of structures in a folder and its subfolders: DICOM SEG and RTSTRUCT."""
    return [path for path in dicom_files(folder) if holds_structures(path)]


def contoured_cases(folder: Path, files: Sequence[Path]) -> LabelledSet:
    """The labelled cases of these files of structures, each with the image series that the file refers to.

    A file that refers to no series belongs to the only series of its frame of reference. The structures are those of
    all files, by name; capital letters do not matter. Structures that a file lacks were not drawn there. A file
    `labels.json` in the folder chooses among them: `{"labels": {"1": "GTV"}}`. A case is called after its folder.

    Raises `InputError` for a file whose series is not there, or for two files on one series.
    """
    series = list_series(folder)
    headers = {path: described(path) for path in files}
    structures = joined_structures(folder, [header.structures for header in headers.values()])
    chosen = {path: _series_of(path, header, series) for path, header in headers.items()}
    twice = [uid for uid, count in Counter(one.uid for one in chosen.values()).items() if count > 1]
    if twice:
        same = [path for path, one in chosen.items() if one.uid == twice[0]]
        raise InputError(
            f"{len(same)} files of structures were drawn on one series: {', '.join(map(_place, same[:3]))}. Keep the "
            "one that is to be learned from."
        )
    names = _names(folder, files)
    entries = [
        Entry(
            _place(path),
            names[path],
            {"image": _image(folder, one, series)},
            path,
            structures=names_in(headers[path].structures),
            patient=headers[path].patient,
        )
        for path, one in chosen.items()
        if not structures.names.keys().isdisjoint(names_in(headers[path].structures))
    ]
    left = len(files) - len(entries)
    notes = [f"{left} files hold none of the structures and are left out."] if left else []
    modalities = Counter(one.modality for one in chosen.values())
    inputs = image_inputs({"image": modalities.most_common(1)[0][0] if modalities else ""})
    return labelled_set(folder, entries, inputs, structures, kind="DICOM series with SEG or RTSTRUCT", notes=notes)


def _series_of(path: Path, header: Described, series: Sequence[Series]) -> Series:
    """The series that a file of structures was drawn on."""
    named = [one for one in series if one.uid in header.series]
    if not named and header.frames:
        named = [one for one in series if one.grid is not None and one.grid.frame_of_reference in header.frames]
    usable = [one for one in named if not one.problem] or named
    if not usable:
        raise InputError(f"{_place(path)} was drawn on a series that is not in the folder. Add the images.")
    if len(usable) > 1:
        raise InputError(
            f"{_place(path)} fits {len(usable)} series: {'; '.join(map(str, usable[:3]))}. Keep the one that it was "
            "drawn on."
        )
    return usable[0]


def _image(folder: Path, one: Series, series: Sequence[Series]) -> ImageFile:
    """Where a series is read: the folder of its files, where they lie in one that holds no other series."""
    places = {frame.path.parent for frame in one.frames}
    others = {frame.path.parent for other in series if other.uid != one.uid for frame in other.frames}
    if len(places) == 1 and not places & others:
        return ImageFile(places.pop())
    return ImageFile(folder, choice_of(one, series))


def _names(folder: Path, files: Sequence[Path]) -> dict[Path, str]:
    """The names of the cases: that of the first folder below the data set, where it tells them apart, else the path."""
    tops = {path: path.relative_to(folder).parts[0] for path in files}
    if len(set(tops.values())) == len(files) and all(len(path.relative_to(folder).parts) > 1 for path in files):
        return {path: safe_name(top) for path, top in tops.items()}
    return dict(zip(files, names_of(files), strict=True))


def _place(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
