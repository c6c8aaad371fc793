"""RTSTRUCT contours to masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError
from monai_attn.io.dicom.files import number, numbers, text
from monai_attn.io.dicomseg.codes import read_code, unique_table
from monai_attn.io.dicomseg.contours import fill
from monai_attn.io.dicomseg.grid import SLICE_TOLERANCE, check_frame_of_reference
from monai_attn.io.dicomseg.masks import Masks, Part, cropped, empty_grid
from monai_attn.io.dicomseg.seg_read import read_object, whole_number
from monai_attn.io.foreign import no_foreign_errors
from monai_attn.labels import Label, default_colour
from monai_attn.volume import RAS_TO_LPS, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["STRUCTURE_SET", "read_rtstruct"]

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
"""RT Structure Set Storage."""

NOTED = 0.01
"""From this far off, in slices, a note says so."""

AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
"""Contours that enclose an area. Points and open lines have none."""


@dataclass(frozen=True, eq=False)
class Structure:
    """One region of interest: its label, and its contours `(n, 3)` in voxel indices of the image."""

    label: Label
    contours: list[NDArray[np.float64]]


@no_foreign_errors
def read_rtstruct(path: str | Path, like: Volume) -> Masks:
    """The regions of an RTSTRUCT filled on the grid of `like`, the image they were drawn on; they may overlap.

    A voxel is inside when its centre is (see `contours.fill`). Several contours of one region in one slice combine
    by the even-odd rule, so a contour within another is a hole; a note says where two of them overlap in part.
    Contours must lie in the slices of `like`, at most an eighth of a slice off; its axes may be in any order. What
    reaches beyond the image is cut off and noted. Regions of points or open lines are left out and noted; those
    without contours are empty. Values are the ROI numbers.

    Raises `FileError`, or `GeometryError` when contours lie in other planes, or all of them outside the image.
    """
    path = Path(path)
    dataset = read_object(path, {STRUCTURE_SET}, "DICOM RTSTRUCT")
    structures, notes = _structures(dataset, like, path.name)
    every = [contour for structure in structures for contour in structure.contours]
    axis = _slice_axis(every, like, path.name)
    parts: dict[int, Part] = {}
    for structure in structures:
        part, said = _filled(structure, like, axis)
        notes += said
        if part is not None:
            parts[structure.label.value] = part
    if every and not parts and all(_outside(contour, like) for contour in every):
        raise GeometryError(
            f"{path.name}: all {len(every)} contours lie outside the image, which spans {like.bounds}. "
            "Give the image they were drawn on."
        )
    table, name_notes = unique_table((structure.label for structure in structures), "regions")
    return Masks(empty_grid(like), table, parts, notes=notes + name_notes)


def _structures(dataset: Dataset, like: Volume, name: str) -> tuple[list[Structure], tuple[str, ...]]:
    drawn, observed = (
        {whole_number(item, "ReferencedROINumber", name): item for item in dataset.get(sequence) or []}
        for sequence in ("ROIContourSequence", "RTROIObservationsSequence")
    )
    regions = list(dataset.get("StructureSetROISequence") or [])
    if not regions:
        raise FileError(f"{name} describes no region of interest.")
    rois = [whole_number(item, "ROINumber", name) for item in regions]
    shift = max(0, 1 - min(rois))  # 0 is background
    notes: tuple[str, ...] = (f"ROI numbers begin below 1; {shift} was added to each.",) if shift else ()
    found = []
    for roi, item in zip(rois, regions, strict=True):
        called = text(item, "ROIName") or f"region {roi}"
        check_frame_of_reference(text(item, "ReferencedFrameOfReferenceUID"), like, f"{name}, region {called!r}")
        lines = list((drawn[roi].get("ContourSequence") if roi in drawn else None) or [])
        areas = [line for line in lines if text(line, "ContourGeometricType") in AREAS]
        if len(areas) < len(lines):
            kinds = sorted({text(line, "ContourGeometricType") or "no type" for line in lines} - set(AREAS))
            notes += (
                f"{called!r}: {len(lines) - len(areas)} contours of {', '.join(kinds)} enclose no area; left out.",
            )
            if not areas:
                continue
        value = roi + shift
        code = read_code(observed[roi], "RTROIIdentificationCodeSequence") if roi in observed else None
        label = Label(value, called, _colour(drawn.get(roi), value), code)
        found.append(Structure(label, [_points(line, like, name) for line in areas]))
    return found, notes


def _colour(item: Dataset | None, value: int) -> str:
    rgb = numbers(item, "ROIDisplayColor", 3)
    if rgb is None or not all(0 <= part <= 255 for part in rgb):
        return default_colour(value)
    return "#" + "".join(f"{round(part):02x}" for part in rgb)


def _points(line: Dataset, like: Volume, name: str) -> NDArray[np.float64]:
    count = len(line.get("ContourData") or [])
    data = numbers(line, "ContourData", count)
    stated = number(line, "NumberOfContourPoints")
    if data is None or count == 0 or count % 3 or (stated is not None and stated * 3 != count):
        raise FileError(f"{name}: a contour of {count} numbers, which are not points in space. Export it again.")
    lps = np.array(data).reshape(-1, 3)
    return like.to_index(lps @ RAS_TO_LPS[:3, :3])


def _slice_axis(contours: list[NDArray[np.float64]], like: Volume, name: str) -> int:
    """The axis of the image across which all contours are flat and lie in the middle of slices."""
    off = np.zeros(3)
    for contour in contours:
        off = np.maximum(off, np.abs(contour - np.rint(contour.mean(axis=0))).max(axis=0))
    for axis in (2, 1, 0):
        if off[axis] <= SLICE_TOLERANCE:
            return axis
    edges = like.spacing_mm
    flat = [max((float(np.ptp(contour[:, axis])) for contour in contours), default=0.0) for axis in range(3)]
    axis = int(np.argmin(flat))
    if flat[axis] <= SLICE_TOLERANCE:
        why = f"lie up to {off[axis] * edges[axis]:.2f} mm off its slices, which are {edges[axis]:.2f} mm apart"
    else:
        why = f"are not flat in its slices, but up to {flat[axis] * edges[axis]:.2f} mm deep"
    raise GeometryError(
        f"{name}: the contours were drawn on another image: they {why}. Give the image of the contours."
    )


def _filled(structure: Structure, like: Volume, axis: int) -> tuple[Part | None, tuple[str, ...]]:
    shape = tuple(size for other, size in enumerate(like.shape) if other != axis)
    planes: dict[int, NDArray[np.bool_]] = {}
    mixed = cut = 0
    farthest = 0.0
    for contour in structure.contours:
        place = round(float(contour[:, axis].mean()))
        farthest = max(farthest, float(np.abs(contour[:, axis] - place).max()))
        cut += _reaches_out(contour, like)
        if not 0 <= place < like.shape[axis]:
            continue
        mask = fill(np.delete(contour, axis, axis=1), (shape[0], shape[1]))
        plane = planes.setdefault(place, np.zeros_like(mask))
        common = np.count_nonzero(plane & mask)
        mixed += bool(0 < common < min(np.count_nonzero(mask), np.count_nonzero(plane)))
        plane ^= mask
    notes = tuple(_notes(structure.label.name, mixed, cut, farthest))
    if not planes:
        return None, notes
    first = min(planes)
    block = np.zeros((max(planes) - first + 1, *shape), np.bool_)
    for place, plane in planes.items():
        block[place - first] = plane
    start = [0, 0, 0]
    start[axis] = first
    return cropped((start[0], start[1], start[2]), np.moveaxis(block, 0, axis)), notes


def _notes(name: str, mixed: int, cut: int, farthest: float) -> Iterator[str]:
    if mixed:
        yield (
            f"{name!r}: {mixed} contours overlap another one of their slice in part. By the even-odd rule, what both "
            "hold is outside."
        )
    if cut:
        yield f"{name!r}: {cut} contours reach beyond the image; what lies outside was cut off."
    if farthest > NOTED:
        yield f"{name!r}: contours lie up to {farthest:.3f} of a slice off the slices; each was put in the nearest."


def _reaches_out(contour: NDArray[np.float64], like: Volume) -> bool:
    """Whether a contour leaves the voxels of the image (half a voxel around the outer centres)."""
    return bool((contour < -0.5 - NOTED).any() or (contour > np.array(like.shape) - 0.5 + NOTED).any())


def _outside(contour: NDArray[np.float64], like: Volume) -> bool:
    """Whether nothing of a contour's bounding box is within the image."""
    return bool((contour.max(axis=0) < -0.5).any() or (contour.min(axis=0) > np.array(like.shape) - 0.5).any())
