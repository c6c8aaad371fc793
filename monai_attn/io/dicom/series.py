"""The series of a folder: grouped, described, chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monai_attn.errors import GeometryError, InputError
from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.frames import Frame, frames_of
from monai_attn.io.dicom.stack import check_plane, stack_affine
from monai_attn.io.dicom.volumes import split_volumes, without_copies
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Series", "choose_series", "group_series", "image_problem"]

COSINE_TOLERANCE = 1e-3
"""Direction cosines that differ by less are one orientation (0.06 degrees)."""

NOT_IMAGES = {"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "SR", "PR", "KO", "REG", "FID", "RWV", "DOC", "SM"}
"""Modalities that are no pictures of a patient in slices; they are left out and counted."""

MAX_LISTED = 20


@dataclass(frozen=True)
class Series:
    """What lies in a folder under one series UID with one orientation and size.

    `key` ("#1") chooses it in `read`. `shape` and `spacing_mm` are of one volume, along (column, row, slice) index;
    both empty when `problem`, a sentence, says why the series cannot be read. `count` is the number of images,
    `volumes` the number of echoes or time points among them. `grid` is where a volume lies, without its values.
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
    frames: tuple[Frame, ...] = field(default=(), repr=False, compare=False)
    grid: Volume | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        size = " x ".join(str(n) for n in self.shape) or "no volume"
        spacing = " x ".join(f"{edge:.3g}" for edge in self.spacing_mm)
        parts = [self.key, self.modality or "no modality", repr(self.description), size]
        parts += [f"{spacing} mm", self.orientation] if spacing else []
        parts += [f"{self.count} images"] + ([f"{self.volumes} volumes"] if self.volumes > 1 else [])
        return ", ".join(parts) + f", UID {self.uid}" + (f" ({self.problem})" if self.problem else "")


def group_series(headers: Iterable[tuple[Path, Dataset]]) -> tuple[list[Series], Counter[str]]:
    """The image series among headers, by UID, and a count of the objects by modality that are no images."""
    groups: dict[str, list[list[Frame]]] = {}
    others: Counter[str] = Counter()
    for path, header in headers:
        modality = text(header, "Modality")
        if modality in NOT_IMAGES or not header.get("Rows"):
            others[modality or "object without an image"] += 1
            continue
        alike = groups.setdefault(text(header, "SeriesInstanceUID"), [])
        for frame in frames_of(path, header):
            home = next((group for group in alike if _belong_together(frame, group[0])), None)
            if home is None:
                alike.append([frame])
            else:
                home.append(frame)
    parts = [group for uid in sorted(groups) for group in groups[uid]]
    return [_describe(f"#{place}", group) for place, group in enumerate(parts, 1)], others


def choose_series(found: Sequence[Series], wanted: str | None, name: str) -> Series:
    """The series that is meant. Raises `InputError` with the list when none or several are."""
    if wanted is None:
        if len(found) == 1:
            return found[0]
        raise InputError(f"{name} holds {len(found)} series. Choose one with series=...:\n{_listing(found)}")
    small = wanted.strip().lower()
    for meant in (
        [one for one in found if one.key == small],
        [one for one in found if one.uid == small],
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


def image_problem(frame: Frame, name: str) -> str:
    """Why images of this kind make no volume of measured values; "" when they do."""
    header = frame.header
    kind = text(header, "PhotometricInterpretation")
    if text(header, "SamplesPerPixel") not in ("", "1") or not kind.startswith("MONOCHROME"):
        return (
            f"{name}: the images are in colour (PhotometricInterpretation {kind or 'missing'}), not measured values. "
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


def _belong_together(one: Frame, other: Frame) -> bool:
    """Same size, pixel spacing, orientation, stack, frame of reference, and kind of pixels."""
    if (one.rows, one.columns, one.stack) != (other.rows, other.columns, other.stack):
        return False
    for keyword in ("FrameOfReferenceUID", "SamplesPerPixel"):
        if text(one.header, keyword) != text(other.header, keyword):
            return False
    return (
        _close(one.spacing_mm, other.spacing_mm, 1e-4 * max(other.spacing_mm or (0.0,)))
        and _close(one.orientation, other.orientation, COSINE_TOLERANCE)
        and (one.position is None) == (other.position is None)
    )


def _close(one: tuple[float, ...] | None, other: tuple[float, ...] | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= tolerance


def _describe(key: str, images: list[Frame]) -> Series:
    header, name = images[0].header, f"Series {key}"
    frames, _ = without_copies(images)
    series = Series(
        key,
        uid=text(header, "SeriesInstanceUID"),
        number=text(header, "SeriesNumber"),
        modality=text(header, "Modality"),
        description=text(header, "SeriesDescription"),
        count=len(images),
        frames=tuple(images),
    )
    problem = image_problem(frames[0], name)
    try:
        if problem:
            raise GeometryError(problem)
        check_plane(frames[0], name)
        stacks, _ = split_volumes(frames, name)
        affine, notes = stack_affine(stacks[0], name)
    except GeometryError as error:
        return replace(series, problem=str(error).removeprefix(f"{name}: "))
    shape = (frames[0].columns, frames[0].rows, len(stacks[0]))
    place = text(header, "FrameOfReferenceUID")
    grid = Volume(np.broadcast_to(np.uint8(0), shape), affine, series.modality, frame_of_reference=place, notes=notes)
    return replace(
        series,
        shape=shape,
        spacing_mm=grid.spacing_mm,
        orientation=grid.orientation,
        volumes=len(stacks),
        grid=grid,
    )


def _listing(found: Sequence[Series]) -> str:
    lines = [f"  {one}" for one in found[:MAX_LISTED]]
    return "\n".join(lines + ([f"  and {len(found) - MAX_LISTED} more"] if len(found) > MAX_LISTED else []))
