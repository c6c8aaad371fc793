"""The series of a folder: grouped, described, chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.folders import Unread, name_pattern
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.grouping import Group, grouped
from monai_attn.io.dicom.stack import check_plane, stack_affine
from monai_attn.io.dicom.volumes import split_volumes, without_copies
from monai_attn.volume import Volume
from monai_attn.wording import counted

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Series", "choose_series", "frame_of_reference", "group_series", "image_problem", "stacks_of"]

MAX_LISTED = 20
"""So many series are listed in an error message; more become a count."""

MAX_NOTES = 3
"""So many damaged files are named in notes; more become one note."""


@dataclass(frozen=True)
class Series:
    """One image series of a folder: images of one UID, modality, orientation and matrix.

    `key` ("#1") is its place in the list, and chooses the series in `read`. `count` is the number of images. `volumes`
    is the number of echoes, time points or b-values among them.

    `shape` and `spacing_mm` are those of one volume, along (column, row, slice). Both are empty when the series cannot
    be read; `problem` says why in a sentence. `grid` is an empty volume in patient space (RAS+, millimetres).

    `notes` say what had to be decided. `refusal` is the error that `read` raises when a file among the slices is
    damaged or does not fit.
    """

    key: str
    uid: str
    number: str
    modality: str
    description: str
    count: int
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    orientation: str = ""
    volumes: int = 1
    problem: str = ""
    notes: tuple[str, ...] = ()
    refusal: InputError | None = field(default=None, repr=False, compare=False)
    frames: tuple[Frame, ...] = field(default=(), repr=False, compare=False)
    grid: Volume | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        size = " x ".join(str(n) for n in self.shape) or "no volume"
        spacing = " x ".join(f"{edge:.3g}" for edge in self.spacing_mm)
        parts = [self.key, self.modality or "no modality", repr(self.description), size]
        parts += [f"{spacing} mm", self.orientation] if spacing else []
        parts += [counted(self.count, "image")] + ([f"{self.volumes} volumes"] if self.volumes > 1 else [])
        return ", ".join(parts) + f", UID {self.uid}" + (f" ({self.problem})" if self.problem else "")


def group_series(
    headers: Iterable[tuple[Path, Dataset]], unread: Sequence[Unread] = ()
) -> tuple[list[Series], Counter[str]]:
    """The image series among headers, in the order of their UIDs, and a count by modality of objects without images.

    `unread` are files that could not be read. Where such a file lies among the slices of a series, reading the series
    is refused with the name of the file. Any other damaged file becomes a note.
    """
    groups, others = grouped(headers)
    return [_describe(f"#{place}", group, unread) for place, group in enumerate(groups, 1)], others


def choose_series(found: Sequence[Series], wanted: str | None, name: str) -> Series:
    """The series that `wanted` names: "#2", a UID or its beginning, a description, a number or a modality.

    Capital letters do not matter, and a part of the description is enough. None is the only series of the folder.

    Raises `InputError` with the list of series when no series fits, or more than one.
    """
    if wanted is None:
        if len(found) == 1:
            return found[0]
        raise InputError(f"{name} holds {len(found)} series. Choose one with series=...:\n{_listing(found)}")
    small = wanted.strip().lower()
    for meant in (
        [one for one in found if one.key == small],
        [one for one in found if small in _uids(one)],
        [one for one in found if one.description.lower() == small],
        [one for one in found if one.number == small],
        [one for one in found if one.modality.lower() == small],
        [one for one in found if small and one.uid.startswith(small)],
        [one for one in found if small and small in one.description.lower()],
    ):
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise InputError(f"series={wanted!r} fits {len(meant)} series of {name}. Choose:\n{_listing(meant)}")
    raise InputError(f"No series of {name} fits series={wanted!r}. There are:\n{_listing(found)}")


def _uids(series: Series) -> set[str]:
    """The series UID; all of them where slices of several were joined."""
    return {series.uid} | {text(frame.header, "SeriesInstanceUID") for frame in series.frames}


def image_problem(frame: Frame, name: str) -> str:
    """Why such images make no volume of measured values, as a sentence; "" when they do.

    Colour images, Siemens mosaics, and multi-frame images that do not say where each frame lies give a problem.
    """
    header = frame.header
    kind = text(header, "PhotometricInterpretation")
    if not kind:
        return f"{name}: PhotometricInterpretation is missing, so the values may be colours. Export it again."
    if text(header, "SamplesPerPixel") not in ("", "1") or not kind.startswith("MONOCHROME"):
        return (
            f"{name}: the images are in colour (PhotometricInterpretation {kind}), not measured values. "
            "Choose the original grey-value series."
        )
    if "MOSAIC" in text(header, "ImageType").split("\\"):
        return (
            f"{name}: the images are Siemens mosaics, many slices tiled in one picture. "
            "Export them as enhanced multi-frame DICOM, or convert them with dcm2niix."
        )
    frames = int(text(header, "NumberOfFrames") or 1)
    if frames > 1 and not header.get("PerFrameFunctionalGroupsSequence"):
        return (
            f"{name}: a multi-frame image of {frames} frames that does not say where each one lies "
            "(no PerFrameFunctionalGroupsSequence). Export it as single slices or enhanced DICOM."
        )
    return ""


def _describe(key: str, group: Group, unread: Sequence[Unread]) -> Series:
    """One group as a `Series`: geometry where its slices form a stack, else the reason why they do not."""
    images = list(group.frames)
    header, name = images[0].header, f"Series {key}"
    frames, _ = without_copies(images)
    among = _among(unread, images)
    missing = next((one for one, inside in zip(unread, among, strict=True) if inside), None)
    refusal = FileError(missing.why) if missing else GeometryError(group.refusal) if group.refusal else None
    beside = [one for one, inside in zip(unread, among, strict=True) if one.surely_dicom and not inside]
    series = Series(
        key,
        uid=text(header, "SeriesInstanceUID"),
        number=text(header, "SeriesNumber"),
        modality=text(header, "Modality"),
        description=text(header, "SeriesDescription"),
        count=len(images),
        notes=group.notes + _left_out(beside),
        refusal=refusal,
        frames=tuple(images),
    )
    problem = image_problem(frames[0], name)
    try:
        if refusal or problem:
            raise refusal or GeometryError(problem)
        stacks, _ = stacks_of(frames, name, group.notes)
        affine, notes = stack_affine(stacks[0], name)
    except InputError as error:
        return replace(series, problem=str(error).removeprefix(f"{name}: "))
    shape = (frames[0].columns, frames[0].rows, len(stacks[0]))
    grid = Volume(
        np.broadcast_to(np.uint8(0), shape),
        affine,
        series.modality,
        frame_of_reference=frame_of_reference(frames),
        notes=group.notes + notes,
    )
    return replace(
        series,
        shape=shape,
        spacing_mm=grid.spacing_mm,
        orientation=grid.orientation,
        volumes=len(stacks),
        grid=grid,
    )


def stacks_of(frames: Sequence[Frame], name: str, notes: Sequence[str] = ()) -> tuple[list[list[Frame]], str]:
    """The volumes of a series, and the attribute that tells them apart, as `split_volumes` gives them.

    Raises its `GeometryError`, to which the notes of the series are added. The notes may hold the cause: a slice that
    is missing from the stack was kept apart because its orientation or spacing differs.
    """
    try:
        check_plane(frames[0], name)
        return split_volumes(frames, name)
    except GeometryError as error:
        raise GeometryError(" ".join((str(error), *notes))) from error


def frame_of_reference(frames: Sequence[Frame]) -> str:
    """The UID of the space in which all slices lie (FrameOfReferenceUID).

    It is "" where the slices name several spaces, or none: then coordinates cannot be compared with other series.
    """
    found = {text(frame.header, "FrameOfReferenceUID") for frame in frames}
    return found.pop() if len(found) == 1 else ""


def _among(unread: Sequence[Unread], images: Sequence[Frame]) -> list[bool]:
    """Which files that cannot be read are among these images: of their series, or called as their neighbours are."""
    uids = {text(frame.header, "SeriesInstanceUID") for frame in images}
    names = {(frame.path.parent, name_pattern(frame.path.name)) for frame in images}
    # A file that is cut within its UID holds the beginning of it.
    return [
        any(uid.startswith(one.series) for uid in uids)
        if one.series
        else (one.path.parent, name_pattern(one.path.name)) in names
        for one in unread
    ]


def _left_out(unread: Sequence[Unread]) -> tuple[str, ...]:
    """A note on each damaged file that is no slice of the series, or one note on many."""
    if len(unread) > MAX_NOTES:
        return (f"Left out: {len(unread)} files that cannot be read. The first: {unread[0].why}",)
    return tuple(f"Left out: {one.why}" for one in unread)


def _listing(found: Sequence[Series]) -> str:
    lines = [f"  {one}" for one in found[:MAX_LISTED]]
    return "\n".join(lines + ([f"  and {len(found) - MAX_LISTED} more"] if len(found) > MAX_LISTED else []))
