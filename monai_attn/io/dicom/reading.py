"""DICOM: a folder to its series, and one of them to a volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io.dicom.files import quiet, text
from monai_attn.io.dicom.folders import Unread, look_through
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.headers import read_header, read_headers
from monai_attn.io.dicom.pixels import decoded, kept_as_stored, read_values
from monai_attn.io.dicom.relatives import parts_beside, relatives
from monai_attn.io.dicom.series import Series, choose_series, frame_of_reference, group_series, image_problem, stacks_of
from monai_attn.io.dicom.stack import stack_affine
from monai_attn.io.dicom.units import check_alike, with_unit
from monai_attn.io.dicom.volumes import covered, what_they_are, without_copies
from monai_attn.io.foreign import foreign_errors, no_foreign_errors
from monai_attn.io.names import named_path
from monai_attn.io.values import pick_volume
from monai_attn.volume import Volume
from monai_attn.wording import counted

__all__ = ["list_series", "read_dicom", "read_series", "read_slices", "series_of_file"]


@quiet()
@no_foreign_errors
def list_series(folder: str | Path, *, recursive: bool = True) -> list[Series]:
    """The image series in a folder and its subfolders, in the order of their UIDs.

    One UID gives several series where its images differ in modality, matrix, pixel spacing, orientation or frame of
    reference. Slices of which each has a UID of its own are one series, with a note. A series that `read` would refuse
    says why in `problem`.

    Files that are not DICOM, a DICOMDIR, and objects without images are left out. A folder without images gives an
    empty list. With `recursive=False` the subfolders are not searched.

    Raises `FileError` when the folder is missing, or when it holds damaged DICOM files and nothing else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     list_series(folder)
    []
    """
    found, _, unread = _scan(named_path(folder), recursive=recursive)
    first = next((one for one in unread if one.surely_dicom), None)
    if first and not found:
        raise FileError(first.why)
    return found


@quiet()
@no_foreign_errors
def series_of_file(path: str | Path) -> list[Series]:
    """The series that a DICOM file belongs to, with the files of that series in the folders around it.

    CDs and archives spread a series over subfolders. Searched are the file's folder, its subfolders, and the folders
    within two levels above. A folder with copies of the same images is left out.

    An enhanced file may hold several series. A file that is no image gives an empty list. Raises `FileError` when the
    file is damaged.
    """
    return _around(named_path(path))[0]


@quiet()
@no_foreign_errors
def read_dicom(
    path: Path, *, series: str | None = None, volume: int | None = None, suv_factor: float | None = None
) -> Volume:
    """One series as a volume: array `(column, row, slice)`, affine to millimetres RAS+.

    `path` is a folder, or one file that stands for its series. `series` chooses where a folder holds several, as `read`
    explains. `volume` chooses, from 0, among echoes, time points or b-values. `suv_factor` is the factor from the PET
    values of the file to SUV, where the header does not give SUV.

    Slices are sorted along their normal and must be evenly spaced. CT is in HU, PET in SUV (g/ml) where the header
    allows. `notes` of the volume say in sentences what had to be decided; docs/dicom.md has the rules.

    Raises `FileError` for damaged or missing slices, `GeometryError` for slices that form no stack, and `InputError`
    where several series or volumes are there and none is chosen.
    """
    whole_folder = path.is_dir() or read_header(path) is None  # a DICOMDIR stands for its folder
    if whole_folder:
        found, others, unread = _scan(path if path.is_dir() else path.parent)
    else:
        (found, others), unread = _around(path), []
    if not found:
        damaged = next((one for one in unread if one.surely_dicom), None)
        if damaged:
            raise FileError(damaged.why)
        kinds = f" It holds {_counted(others)}, which are no images." if others else ""
        raise FileError(f"{path.name} holds no DICOM images.{kinds} Choose the folder with the slices.")
    chosen = choose_series(found, series, path.name)
    name = f"{path.name}, series {chosen.key}" if len(found) > 1 else path.name
    objects = {text(frame.header, "SOPInstanceUID") for frame in chosen.frames}
    parts = parts_beside(path, (chosen.uid, chosen.modality), objects) if path.is_dir() and chosen.uid else 0
    notes = [f"The folder also holds {_counted(others)}, left out."] if others and whole_folder else []
    if parts:
        notes.append(
            f"Images of this series lie in {parts} folders beside this one too. Give the folder above for all."
        )
    return _volume(chosen, volume, name, tuple(notes), suv_factor)


@quiet()
def read_series(series: Series, *, volume: int | None = None, suv_factor: float | None = None) -> Volume:
    """A series that `list_series` found, as a volume. The folder is not searched again.

    Shapes, units and errors are those of `read_dicom`. Raises `FileError`, `GeometryError` or `InputError`.
    """
    name = f"Series {series.key}"
    with foreign_errors(name):
        return _volume(series, volume, name, (), suv_factor)


@quiet()
@no_foreign_errors
def read_slices(
    files: Sequence[Path], name: str, *, volume: int | None = None, suv_factor: float | None = None
) -> Volume:
    """The volume of one series whose files are known, as `read_dicom` gives it; no folder is searched.

    `name` stands for the series in messages. Raises `FileError` for a damaged or missing file, and what `read_dicom`
    raises.
    """
    for path in files:
        if not path.is_file():
            raise FileError(f"{path.name} of {name} does not exist any more. Search the folder again.")
    headers, unread = read_headers(files)
    found, _ = group_series(headers, unread)
    if unread or not found:
        raise FileError(unread[0].why if unread else f"{name} holds no DICOM images.")
    return _volume(choose_series(found, None, name), volume, name, (), suv_factor)


def _scan(folder: Path, *, recursive: bool = True) -> tuple[list[Series], Counter[str], list[Unread]]:
    """The series of a folder, the objects that are no images, and the files that cannot be read."""
    if not folder.is_dir():
        raise FileError(f"{folder.name} is not a folder. Check the path.")
    paths, unread = look_through(folder, recursive=recursive)
    headers, damaged = read_headers(paths)
    found, others = group_series(headers, unread + damaged)
    return found, others, unread + damaged


def _around(path: Path) -> tuple[list[Series], Counter[str]]:
    """The series of one file, from its own folder and those around; those of the own folder alone if more do not fit.

    The objects that are no images are counted too.
    """
    paths, unread = look_through(path.parent, recursive=False)
    headers, damaged = read_headers(paths)
    unread += damaged
    found, others = group_series(headers, unread)
    found = [one for one in found if any(frame.path == path for frame in one.frames)]
    uid = found[0].uid if found else ""
    if not uid or any(frame.index for one in found for frame in one.frames):
        return found, others
    elsewhere, searched_all = relatives(
        path, (uid, found[0].modality), {text(header, "SOPInstanceUID") for _, header in headers}
    )
    own = found
    if elsewhere:
        more, damaged = read_headers(elsewhere)
        found, _ = group_series([*headers, *more], unread + damaged)
        found = [one for one in found if any(frame.path == path for frame in one.frames)]
        folders = len({one.parent for one in elsewhere}) + 1
        note = f"The series lies in {folders} folders, which were read together."
        if not own[0].problem and (found[0].problem or found[0].volumes > own[0].volumes):
            found = own
            note = (
                f"Files of this series UID in {folders - 1} other folders fit into no single stack and were left out."
            )
        found = [replace(one, notes=(*one.notes, note)) for one in found]
    elif not searched_all:
        note = "The folders around hold too many files to search: only the folder of this file was read."
        found = [replace(one, notes=(*one.notes, note)) for one in found]
    return found, others


def _volume(chosen: Series, volume: int | None, name: str, notes: tuple[str, ...], suv_factor: float | None) -> Volume:
    if chosen.refusal is not None:
        raise chosen.refusal
    notes += chosen.notes
    problem = image_problem(chosen.frames[0], name)
    if problem:
        raise InputError(problem)
    frames, copies = without_copies(chosen.frames)
    if copies:
        notes += (_checked_copies(copies),)
    stacks, told_by = stacks_of(frames, name, chosen.notes)
    if len(stacks) > 1 and volume is None and len(stacks[0]) == 1:
        raise GeometryError(
            f"{name}: all {len(frames)} images lie at one place: a time series or repeats of one slice, not a volume. "
            f"They differ in {told_by}; choose one slice with volume=0 to volume={len(stacks) - 1}."
        )
    picked = pick_volume(name, len(stacks), volume, what=what_they_are(stacks, told_by))
    frames = stacks[picked]
    if told_by:
        notes += (covered(stacks, picked, told_by),)
    affine, place_notes = stack_affine(frames, name)
    check_alike(frames, name)
    array, value_notes = read_values(frames, name)
    header, modality = frames[0].header, chosen.modality
    array, unit, unit_notes = with_unit(array, frames, modality, suv_factor=suv_factor, whole=chosen.frames)
    if "LOCALIZER" in text(header, "ImageType").split("\\"):
        notes += ("The images are a localizer, made for planning.",)
    notes += place_notes + kept_as_stored(frames[0]) + value_notes + unit_notes
    return Volume(array, affine, modality, unit, frame_of_reference(frames), notes)


def _checked_copies(copies: Sequence[tuple[Frame, Frame]]) -> str:
    """A note on files that are there twice; `FileError` when two of them differ."""
    for one, other in copies:
        pixels, _ = decoded([one, other])
        scaled = [(frame.slope, frame.intercept, frame.missing) for frame in (one, other)]
        if scaled[0] != scaled[1] or not np.array_equal(pixels[0], pixels[1]):
            raise FileError(
                f"{one.path.name} and {other.path.name} claim to be the same image but differ. Remove the wrong one."
            )
    twice = counted(len(copies), "image is", "images are")
    return f"{twice} in the folder more than once; the copies were left out."


def _counted(others: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
