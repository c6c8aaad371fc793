"""What an RTSTRUCT says: its regions, each with its name and contours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError
from monai_attn.io.dicom.files import number, numbers, text
from monai_attn.io.dicomseg.codes import read_code
from monai_attn.io.dicomseg.grid import check_frame_of_reference
from monai_attn.io.dicomseg.objects import quoted, whole_number
from monai_attn.io.dicomseg.rt_axis import Points
from monai_attn.labels import Code, Label, default_colour
from monai_attn.volume import RAS_TO_LPS, Volume
from monai_attn.wording import counted

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["COMPLETE", "DrawnStructure", "structures_of"]

EXCLUSIVE = "CLOSEDPLANAR_XOR"
AREAS = ("CLOSED_PLANAR", EXCLUSIVE)
"""Contours that enclose an area. Points and open lines have none."""

COMPLETE = "Every slice that holds a voxel has its contours."
"""The description of a region that we write: none of its slices was left to interpolation."""

FARTHEST_MM = 1e6
"""No scanner is a kilometre long."""


@dataclass(frozen=True, eq=False)
class DrawnStructure:
    """One region of interest: its label, and its contours in voxel indices of the image.

    `exclusive` where contours combine by exclusive or; `slab_mm` is the thickness that its contours state, else 0;
    `complete` where slices without a contour hold nothing.
    """

    label: Label
    contours: list[Points]
    exclusive: bool = False
    slab_mm: float = 0.0
    complete: bool = False


@dataclass(frozen=True, eq=False)
class Region:
    """A region as the file describes it, and the contour items that belong to it."""

    value: int
    name: str
    item: Dataset | None
    drawn: tuple[Dataset, ...]
    observed: Dataset | None


def structures_of(dataset: Dataset, like: Volume, name: str) -> tuple[list[DrawnStructure], tuple[str, ...]]:
    """The regions of an RTSTRUCT with contours in voxel indices of `like`, and notes on what was decided or left out.

    Raises `FileError`, or `GeometryError` when no region belongs to the frame of reference of `like`.
    """
    regions, notes = _regions(dataset, name)
    found, elsewhere = [], []
    for region in regions:
        try:
            place = text(region.item, "ReferencedFrameOfReferenceUID")
            check_frame_of_reference(place, like, f"{name}, region {region.name!r}")
        except GeometryError as error:
            elsewhere.append(error)
            notes += (f"{region.name!r} belongs to another frame of reference than the image; left out.",)
            continue
        structure, said = _structure(region, like, name)
        notes += said
        if structure is not None:
            found.append(structure)
    if elsewhere and len(elsewhere) == len(regions):
        raise elsewhere[0]
    return found, notes


def _regions(dataset: Dataset, name: str) -> tuple[list[Region], tuple[str, ...]]:
    drawn, observed = (
        _by_number(dataset.get(sequence), "ReferencedROINumber", name)
        for sequence in ("ROIContourSequence", "RTROIObservationsSequence")
    )
    described = _by_number(dataset.get("StructureSetROISequence"), "ROINumber", name)
    if not described:
        raise FileError(f"{name} describes no region of interest.")
    every = [*described, *(roi for roi in drawn if roi not in described)]
    shift = max(0, 1 - min(every))  # 0 is background
    notes: tuple[str, ...] = (f"ROI numbers begin below 1; {shift} was added to each.",) if shift else ()
    following = max(every) + shift
    regions = []
    for roi in every:
        items = _once(described.get(roi, []))
        if not items:
            notes += (f"Contours of the number {roi}, which the file does not describe, are called 'region {roi}'.",)
        shared = _shared(drawn.get(roi, []), items, roi, name)
        for place, item in enumerate(items or [None]):
            called = _name(item, roi)
            value = roi + shift
            if place:
                following += 1
                value = following
                notes += (
                    f"Several regions have the number {roi}. Their contours were given to them in the order of the "
                    f"file; {called!r} is read as {value}.",
                )
            known = observed.get(roi, [])
            seen = known[place] if place < len(known) else None
            regions.append(Region(value, called, item, shared[place], seen))
    return regions, notes


def _by_number(items: Iterable[Dataset] | None, keyword: str, name: str) -> dict[int, list[Dataset]]:
    """The items of a sequence by the number in `keyword`, in the order of the file."""
    found: dict[int, list[Dataset]] = {}
    for item in items or []:
        found.setdefault(whole_number(item, keyword, name), []).append(item)
    return found


def _once(items: list[Dataset]) -> list[Dataset]:
    """Regions of one number, those that have one name once."""
    return list({text(item, "ROIName"): item for item in reversed(items)}.values())[::-1]


def _shared(drawn: list[Dataset], items: list[Dataset], roi: int, name: str) -> list[tuple[Dataset, ...]]:
    """The contour items of each region of one number: all of them, where it is the only one."""
    if len(items) < 2:
        return [tuple(drawn)]
    if drawn and len(drawn) != len(items):
        names = " and ".join(repr(_name(item, roi)) for item in items)
        raise FileError(
            f"{name}: the regions {names} have one number, {roi}, and "
            f"{counted(len(drawn), 'item')} of contours: nothing says whose they are. "
            "Export it again with a number for each region."
        )
    return [(one,) for one in drawn] or [()] * len(items)


def _name(item: Dataset | None, roi: int) -> str:
    """The name of a region, at most `QUOTED` letters of it; "region 3" where it has none."""
    return (quoted(item, "ROIName") if item is not None else "") or f"region {roi}"


def _structure(region: Region, like: Volume, name: str) -> tuple[DrawnStructure | None, tuple[str, ...]]:
    lines = [line for item in region.drawn for line in item.get("ContourSequence") or []]
    areas = [line for line in lines if text(line, "ContourGeometricType") in AREAS]
    notes: tuple[str, ...] = ()
    if len(areas) < len(lines):
        kinds = sorted({quoted(line, "ContourGeometricType") or "no type" for line in lines} - set(AREAS))
        others = _enclose(len(lines) - len(areas), f" of {', '.join(kinds[:5])}")
        notes = (f"{region.name!r}: {others} no area; left out.",)
        if not areas:
            return None, notes
    read = [_points(line, region.name, name) for line in areas]
    contours = [like.to_index((points + offset) @ RAS_TO_LPS[:3, :3]) for points, offset in read if len(points) > 2]
    if len(contours) < len(areas):
        few = len(areas) - len(contours)
        notes += (f"{region.name!r}: {_enclose(few, ' of fewer than three points')} no area; left out.",)
    moved = [float(np.linalg.norm(offset)) for _, offset in read if offset.any()]
    if moved:
        were = counted(len(moved), "contour was moved by its", "contours were moved by their")
        notes += (f"{region.name!r}: {were} Contour Offset Vector, up to {max(moved):.2f} mm.",)
    label = Label(region.value, region.name, _colour(region), _code(region))
    slabs = [abs(number(line, "ContourSlabThickness") or 0.0) for line in areas]
    exclusive = any(text(line, "ContourGeometricType") == EXCLUSIVE for line in areas)
    complete = text(region.item, "ROIDescription") == COMPLETE
    return DrawnStructure(label, contours, exclusive, min(slabs, default=0.0), complete), notes


def _enclose(number: int, kind: str) -> str:
    """The beginning of a note on contours of one kind: "2 contours of POINT enclose"."""
    return counted(number, f"contour{kind} encloses", f"contours{kind} enclose")


def _code(region: Region) -> Code | None:
    """The code of a region from its observation; None where it has none."""
    return None if region.observed is None else read_code(region.observed, "RTROIIdentificationCodeSequence")


def _colour(region: Region) -> str:
    """The colour of the first contour item that has a valid one, as `#rrggbb`; a colour of ours where none has."""
    for item in region.drawn:
        rgb = numbers(item, "ROIDisplayColor", 3)
        if rgb is not None and all(0 <= part <= 255 for part in rgb):
            return "#" + "".join(f"{round(part):02x}" for part in rgb)
    return default_colour(region.value)


def _points(line: Dataset, region: str, name: str) -> tuple[Points, Points]:
    """The points `(n, 3)` of a contour in LPS+ mm, and the vector `(3,)` that moves them."""
    data = _coordinates(line)
    count = len(data)
    if count % 3 or not (np.abs(data) <= FARTHEST_MM).all():
        raise FileError(f"{name}: a contour of {count} numbers, which are not points in space. Export it again.")
    stated = number(line, "NumberOfContourPoints")
    if stated is not None and stated * 3 != count:
        raise FileError(
            f"{name}: {region!r} has a contour of {counted(count // 3, 'point')} whose "
            f"NumberOfContourPoints says {stated:g}. The file was cut or changed; export it again."
        )
    return data.reshape(-1, 3), _offset(line, name)


def _coordinates(line: Dataset) -> NDArray[np.float64]:
    """The numbers of a contour; one that is not finite where they are no numbers.

    A plan holds a million of them: they are read from the bytes, without a decimal string of pydicom for each.
    """
    from pydicom.dataelem import RawDataElement

    stored = line.get_item("ContourData") if "ContourData" in line else None
    if isinstance(stored, RawDataElement):
        parts = bytes(stored.value or b"").rstrip(b"\0 ").split(b"\\")
    else:
        parts = text(line, "ContourData").encode().split(b"\\")
    if parts == [b""]:
        return np.zeros(0)
    try:
        return np.array(parts).astype(np.float64)
    except ValueError:
        return np.full(len(parts), np.nan)


def _offset(line: Dataset, name: str) -> Points:
    """Contour Offset Vector in LPS+ mm, zeros where it is missing (PS3.3 C.8.8.6); `FileError` for no vector."""
    if not text(line, "ContourOffsetVector"):
        return np.zeros(3)
    vector = numbers(line, "ContourOffsetVector", 3)
    if vector is None or any(abs(part) > FARTHEST_MM for part in vector):
        raise FileError(
            f"{name}: a Contour Offset Vector of {quoted(line, 'ContourOffsetVector')!r} is not three numbers. "
            "Export it again."
        )
    return np.array(vector)
