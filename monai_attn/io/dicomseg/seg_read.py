"""DICOM SEG to masks: binary, fractional, label map; overlapping, sparse, in any orientation.

`read_dicom_seg` reads files of other makers as well as ours. `grid` puts frames in place, `masks` is the result. Images
are not read here, and nothing is resampled: a mask lies on voxels that exist, or an error says why not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io.budget import MAX_BYTES, check_budget
from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicom.frames import Frame, frames_of
from monai_attn.io.dicomseg.codes import hex_of_lab, read_code, read_laterality, unique_table
from monai_attn.io.dicomseg.grid import FrameMap, check_frame_of_reference, grid_of_frames
from monai_attn.io.dicomseg.masks import Masks, Part, check_mask_memory, cropped, empty_grid
from monai_attn.io.dicomseg.objects import LABEL_MAP, SEGMENTATION, quoted, read_object, whole_number
from monai_attn.io.dicomseg.source import silent
from monai_attn.io.foreign import foreign_errors, no_foreign_errors
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["VALUE_TEXT", "read_dicom_seg"]

VALUE_TEXT = "Label value "
"""Segment numbers must run from 1 without gaps; our Segment Description keeps the label's own value after this."""

BACKGROUND = 0
"""In a label map, the number of what is in no segment."""


@no_foreign_errors
def read_dicom_seg(path: str | Path, *, like: Volume | None = None) -> Masks:
    """The segments of a DICOM SEG, each a mask `(I, J, K)`; masks may overlap.

    `like` is the image that was segmented, or an image with the same voxels and its axes swapped or reversed: the
    masks lie on the grid of that image. Without `like`, they lie on the grid that the stored frames span. Slices at
    both ends that hold nothing are not stored, and so not known. Values are segment numbers; in a file of ours, they
    are the label values. A segment without frames is an empty mask.

    Raises `FileError` for a damaged file, and `GeometryError` when a frame lies off the grid of `like` or marks voxels
    outside it. Raises `LabelError` when a frame names a segment that is not described. Source: DICOM PS3.3 A.51.
    """
    path = Path(path)
    with silent():
        return _read(path, like)


def _read(path: Path, like: Volume | None) -> Masks:
    dataset = read_object(path, {SEGMENTATION, LABEL_MAP}, "DICOM SEG")
    name, kind = path.name, quoted(dataset, "SegmentationType")
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise InputError(f"{name}: SegmentationType {kind or 'missing'} is not BINARY, FRACTIONAL or LABELMAP.")
    if dataset.get("TotalPixelMatrixRows"):
        raise InputError(f"{name} segments a slide of tiles, not a volume. Open it with a pathology viewer.")
    check_frame_of_reference(text(dataset, "FrameOfReferenceUID"), like, name)
    _check_size(dataset, name)
    frames = list(frames_of(path, dataset))
    if len(frames) != int(number(dataset, "NumberOfFrames") or 1):
        raise FileError(f"{name} does not say where each frame lies. Export it again.")
    grid, notes = (empty_grid(like), ()) if like is not None else grid_of_frames(frames, name)
    try:
        table, value_of, table_notes = _table(dataset, kind, name)
    except LabelError as error:
        raise LabelError(f"{name}: {error} Export it again.") from error
    parts = _parts(_slabs(dataset, kind, frames, FrameMap(grid, name), value_of, name), name)
    fractional = text(dataset, "SegmentationFractionalType") or "PROBABILITY" if kind == "FRACTIONAL" else ""
    place = grid.frame_of_reference or text(dataset, "FrameOfReferenceUID")
    grid = Volume(grid.array, grid.affine, "SEG", frame_of_reference=place)
    return Masks(grid, table, parts, fractional, notes + table_notes)


def _check_size(dataset: Dataset, name: str) -> None:
    """Raise `FileError` when the header asks for pixels that the file cannot hold."""
    size = tuple(whole_number(dataset, keyword, name) for keyword in ("Rows", "Columns"))
    bits, frames = (int(number(dataset, keyword) or 1) for keyword in ("BitsAllocated", "NumberOfFrames"))
    stored = dataset.get("PixelData")
    if not isinstance(stored, bytes) or not 1 <= bits <= 64:
        raise FileError(f"{name} has no pixels of 1 to 64 bits. Export it again.")
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    # Sizes of one byte: a frame is unpacked by itself, and bits are counted in what the file holds.
    held = MAX_BYTES if compressed else max(len(stored) * 8 // bits, 1)
    check_budget(name, size, 1, held, compressed=False)
    if not compressed:
        check_budget(name, (*size, frames), 1, held, compressed=False)


def _table(dataset: Dataset, kind: str, name: str) -> tuple[LabelTable, dict[int, int], tuple[str, ...]]:
    """The table, the value of each segment number, and notes."""
    items: dict[int, Dataset] = {}
    for item in dataset.get("SegmentSequence") or []:
        number_of, first = whole_number(item, "SegmentNumber", name), text(item, "SegmentLabel")
        other = items.setdefault(number_of, item)
        if text(other, "SegmentLabel") != first:
            raise FileError(
                f"{name}: the segments {quoted(other, 'SegmentLabel')!r} and {quoted(item, 'SegmentLabel')!r} have one "
                f"number, {number_of}: nothing says whose the frames are. Export it again."
            )
    if kind == "LABELMAP":
        items.pop(BACKGROUND, None)
    ours = {segment: _own_value(text(item, "SegmentDescription")) for segment, item in items.items()}
    if kind == "LABELMAP" or not all(ours.values()) or len(set(ours.values())) < len(ours):
        ours = {segment: segment for segment in items}
    labels = [
        Label(
            ours[segment],
            quoted(item, "SegmentLabel") or f"segment {segment}",
            hex_of_lab(item, ours[segment]),
            read_code(item, "SegmentedPropertyTypeCodeSequence"),
            read_laterality(item),
        )
        for segment, item in items.items()
    ]
    table, notes = unique_table(labels, "segments")
    return table, ours, notes


def _own_value(description: str) -> int:
    """The label value that `write_dicom_seg` noted; 0 when it did not.

    >>> _own_value("Label value 7"), _own_value("Enhancing tumour")
    (7, 0)
    """
    value = description.removeprefix(VALUE_TEXT)
    if value == description or not (value.isascii() and value.isdigit()) or len(value) > 10:
        return 0
    return int(value) if int(value) < 2**32 else 0


def _slabs(
    dataset: Dataset, kind: str, frames: list[Frame], places: FrameMap, value_of: dict[int, int], name: str
) -> Iterator[tuple[int, Part]]:
    """The value and place of everything that is set, frame by frame; one frame at a time is in memory."""
    highest = number(dataset, "MaximumFractionalValue")
    padding = int(number(dataset, "PixelPaddingValue") or BACKGROUND)
    if kind == "FRACTIONAL" and not highest:
        raise InputError(f"{name}: a fractional segmentation without MaximumFractionalValue. Export it again.")
    for frame, pixels in zip(frames, _decoded(dataset, name), strict=True):
        if kind == "LABELMAP":
            start, slab = places.place(frame, np.where(pixels == padding, BACKGROUND, pixels))
            for segment in np.unique(slab[slab != BACKGROUND]):
                yield _value(int(segment), value_of, name), (start, slab == segment)
            continue
        values = pixels != 0 if kind == "BINARY" else pixels.astype(np.float32) / np.float32(highest or 1)
        if kind == "FRACTIONAL" and values.max() > 1:
            raise InputError(f"{name}: frame {frame.index + 1} exceeds MaximumFractionalValue. Export it again.")
        start, slab = places.place(frame, values)
        yield _value(_segment_of(dataset, frame), value_of, name), (start, slab)


def _segment_of(dataset: Dataset, frame: Frame) -> int:
    """The segment a frame belongs to; 0, which none has, when it does not say."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or [None]
    for place in (groups[frame.index], shared):
        if place is not None and place.get("SegmentIdentificationSequence"):
            found = place["SegmentIdentificationSequence"].value[0]
            return int(number(found, "ReferencedSegmentNumber") or 0)
    return 0


def _value(segment: int, value_of: dict[int, int], name: str) -> int:
    """The label value of a segment number; `LabelError` where the number is 0 or not described."""
    if not segment:
        raise LabelError(
            f"{name}: a frame does not say to which segment it belongs (Referenced Segment Number). Export it again."
        )
    if segment not in value_of:
        raise LabelError(
            f"{name}: a frame belongs to segment {segment}, which is not among those described: {sorted(value_of)}. "
            "Export it again."
        )
    return value_of[segment]


def _decoded(dataset: Dataset, name: str) -> Iterator[NDArray[np.generic]]:
    """The stored pixels `(rows, columns)`, frame by frame."""
    from pydicom.pixels.utils import iter_pixels

    with (
        foreign_errors(name, "Its pixels cannot be decoded. The file is truncated; copy or export it again."),
        silent(),
    ):
        compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
        bits = number(dataset, "BitsAllocated") == 1 and not compressed
        yield from _unpacked(dataset) if bits else iter_pixels(dataset, raw=True)


def _unpacked(dataset: Dataset) -> Iterator[NDArray[np.generic]]:
    """Frames of single bits, the first in the lowest bit (PS3.5 8.1.1); a frame may begin within a byte.

    pydicom 3.0.2 cannot iterate over such frames.
    """
    packed = np.frombuffer(dataset.PixelData, np.uint8)
    size = dataset.Rows * dataset.Columns
    for first in range(0, size * int(number(dataset, "NumberOfFrames") or 1), size):
        bits = np.unpackbits(packed[first // 8 : -(-(first + size) // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(dataset.Rows, dataset.Columns)  # ValueError when too short


def _parts(slabs: Iterator[tuple[int, Part]], name: str) -> dict[int, Part]:
    """Each structure in one block, cropped; a voxel set twice keeps the larger value."""
    found: dict[int, list[Part]] = {}
    for value, (start, slab) in slabs:
        part = cropped(start, slab)
        if part is not None:
            found.setdefault(value, []).append(part)
    check_mask_memory((np.subtract(*_span(parts)[::-1]) for parts in found.values()), 4, name)
    return {value: _joined(parts) for value, parts in found.items()}


def _span(parts: list[Part]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lowest and the highest corner of a structure."""
    lower = np.min([start for start, _ in parts], axis=0)
    upper = np.max([np.add(start, array.shape) for start, array in parts], axis=0)
    return lower, upper


def _joined(parts: list[Part]) -> Part:
    """The parts of one structure as one block, which begins at the lowest corner of all."""
    lower, upper = _span(parts)
    whole = np.zeros(upper - lower, parts[0][1].dtype)
    for start, array in parts:
        block = tuple(slice(a, a + n) for a, n in zip(np.subtract(start, lower), array.shape, strict=True))
        whole[block] = np.maximum(whole[block], array)
    i, j, k = (int(x) for x in lower)
    return (i, j, k), whole
