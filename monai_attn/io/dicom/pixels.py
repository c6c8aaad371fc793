"""Stored pixels to values: decoding, unused bits, slope and intercept of each slice.

The values that come out are those of the modality: Hounsfield units for CT, the vendor's numbers for MRI, mostly
activity for PET. Conversion of PET to SUV follows in `units`. The window of a viewer is never applied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, InputError
from monai_attn.io.budget import MAX_BYTES
from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.plain_pixels import stored_plainly
from monai_attn.io.foreign import is_foreign
from monai_attn.io.values import tidy
from monai_attn.wording import counted

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["decoded", "kept_as_stored", "read_values"]

PIXEL_TAGS = ("SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")
"""Of type 1 wherever there are pixels (PS3.3 C.7.6.3)."""


def read_values(frames: Sequence[Frame], name: str) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """The rescaled values of sorted slices, an array `(column, row, slice)`, and notes.

    Each slice has its own slope and intercept. Whole slopes and intercepts keep whole numbers, in 16 bits where they
    fit; any other give float32. Padding values stay in the array and are counted in a note.

    Raises `FileError` when a file cannot be decoded or lacks a tag of its pixels, and when there are more than 8 GiB.
    Raises `InputError` for a slope of 0.

    The frames must be of one size, sorted along their normal. Where the files have a Modality LUT, the table replaces
    slope and intercept (PS3.3 C.11.1).

    Raises `InputError` too where only some of the slices have such a table.
    """
    first = frames[0]
    wanted = first.rows * first.columns * len(frames) * 4
    if wanted > MAX_BYTES:
        raise FileError(f"{name}: {wanted / 2**30:.1f} GiB of voxels; at most {MAX_BYTES / 2**30:.0f} GiB are read.")
    bad = next((frame for frame in frames if frame.slope == 0), None)
    if bad is not None:
        raise InputError(f"{bad.path.name}: RescaleSlope is 0, which erases all values. Export the series again.")
    stored, tables = decoded(frames)
    if tables and tables != len(frames):
        raise InputError(f"{name}: some slices have a Modality LUT and some have not. Export the series again.")
    values = np.stack(stored) if tables else _rescaled(stored, frames)  # (K, rows, columns)
    array, value_notes = tidy(values.T, name)  # (columns, rows, K)
    return array, _padding_note(stored, first) + value_notes


def decoded(frames: Sequence[Frame]) -> tuple[list[NDArray[Any]], int]:
    """The stored pixels `(row, column)` of each frame, and how many frames went through a Modality LUT.

    Each file is decoded once, and only the frames asked for are kept in memory. Raises `FileError` when a file cannot
    be decoded.

    No frames give an empty list and 0. Slope and intercept are not applied.
    """
    wanted: dict[Path, dict[int, NDArray[Any]]] = {}
    for frame in frames:
        wanted.setdefault(frame.path, {})[frame.index] = np.empty(0)
    tables = 0
    for path, frame in {frame.path: frame for frame in frames}.items():
        array, table = _decode(frame)
        wanted[path] = {index: array[index] for index in wanted[path]}
        tables += table * len(wanted[path])
    return [wanted[frame.path][frame.index] for frame in frames], tables


def _decode(frame: Frame) -> tuple[NDArray[Any], bool]:
    """All frames of a file `(frames, rows, columns)`, and whether a Modality LUT was applied.

    Raises `FileError` where the decoder fails, a tag of the pixels is missing, or the pixels have another size than the
    header says. It is also raised where HighBit is not BitsStored - 1, an encoding that DICOM retired.
    """
    from pydicom import dcmread
    from pydicom.pixels.processing import apply_modality_lut

    syntax = "unknown transfer syntax"
    try:
        dataset = dcmread(frame.path, force=True)
        syntax = _transfer_syntax(dataset)
        array = stored_plainly(dataset)
        if array is None:
            # pydicom cuts off bits above BitsStored (old overlays) and restores the sign below them.
            array = np.asarray(dataset.pixel_array)
        table = bool(dataset.get("ModalityLUTSequence"))
        if table:
            array = np.asarray(apply_modality_lut(array, dataset))
    except BaseException as error:  # the decoder of RLE is Rust, whose panics are no Exception
        if not is_foreign(error):
            raise
        lacking = next((keyword for keyword in PIXEL_TAGS if number(frame.header, keyword) is None), "")
        raise FileError(
            f"{frame.path.name}: {lacking} is missing, without which the pixels cannot be decoded. Export it again."
            if lacking
            else f"{frame.path.name}: the pixels cannot be decoded ({syntax}). The file is truncated or damaged, "
            "or its compression is not known here; copy it again, or export it uncompressed."
        ) from error
    high, bits = number(dataset, "HighBit"), number(dataset, "BitsStored")
    if high is not None and bits is not None and high != bits - 1:
        raise FileError(
            f"{frame.path.name}: HighBit is {high:g} with {bits:g} BitsStored, an encoding retired from DICOM. "
            "Convert the file with a current tool."
        )
    count = int(number(frame.header, "NumberOfFrames") or 1)
    shape = (count, frame.rows, frame.columns)
    if array.size != math.prod(shape):
        raise FileError(
            f"{frame.path.name}: the pixels have the shape {array.shape}, the header says {shape}. Export it again."
        )
    return array.reshape(shape), table


def _transfer_syntax(dataset: Dataset) -> str:
    """Its name; a file without meta information gets the one it was read by."""
    from pydicom import uid
    from pydicom.dataset import FileMetaDataset

    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    return str(dataset.file_meta.TransferSyntaxUID.name)


def _rescaled(stored: list[NDArray[Any]], frames: Sequence[Frame]) -> NDArray[Any]:
    """stored x slope + intercept, `(K, rows, columns)`, in the smallest of the types that loses nothing.

    Values with fractions become float32, computed in float64. Whole values become int16, else int32, else int64. Where
    every slope is 1 and every intercept 0, the stored type stays.
    """
    slopes, intercepts = [frame.slope for frame in frames], [frame.intercept for frame in frames]
    if any(part.dtype.kind == "f" for part in stored) or not all(x.is_integer() for x in (*slopes, *intercepts)):
        scaled = np.empty((len(stored), *stored[0].shape), np.float32)
        for place, pixels in enumerate(stored):
            scaled[place] = pixels.astype(np.float64) * slopes[place] + intercepts[place]
        return scaled
    if all(slope == 1 for slope in slopes) and not any(intercepts):
        return np.stack(stored)
    ends = [
        int(end) * int(slope) + int(intercept)
        for pixels, slope, intercept in zip(stored, slopes, intercepts, strict=True)
        for end in (pixels.min(), pixels.max())
    ]
    fitting = (
        kind for kind in (np.int16, np.int32) if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max
    )
    whole = np.empty((len(stored), *stored[0].shape), next(fitting, np.int64))
    for place, (plane, pixels) in enumerate(zip(whole, stored, strict=True)):
        # Integers wrap, so the result, which fits, is exact even where a step on the way to it does not fit.
        slope, intercept = (np.array(int(x)).astype(whole.dtype) for x in (slopes[place], intercepts[place]))
        np.copyto(plane, pixels, casting="unsafe")
        np.multiply(plane, slope, out=plane)
        np.add(plane, intercept, out=plane)
    return whole


def _padding_note(stored: list[NDArray[Any]], frame: Frame) -> tuple[str, ...]:
    """A note on the voxels that hold PixelPaddingValue, with their value after rescaling; empty for none."""
    padding = number(frame.header, "PixelPaddingValue")
    if padding is None:
        return ()
    count = sum(int(np.count_nonzero(pixels == padding)) for pixels in stored)
    if not count:
        return ()
    value = padding * frame.slope + frame.intercept
    hold, kept = counted(count, "voxel holds", "voxels hold"), "is kept" if count == 1 else "are kept"
    return (f"{hold} the padding value, {value:g} after rescaling, and {kept}: nothing was measured.",)


def kept_as_stored(frame: Frame) -> tuple[str, ...]:
    """Notes on how the values were stored: bright and dark exchanged, compressed with loss, an unknown character set.

    The values themselves are kept as they are. Most series give no note.
    """
    notes = []
    if text(frame.header, "PhotometricInterpretation") == "MONOCHROME1":
        notes.append("MONOCHROME1: viewers show low values bright. The values are kept as they are.")
    if text(frame.header, "LossyImageCompression") == "01":
        notes.append("The images were compressed with loss; values differ from those measured.")
    unknown = [one for one in text(frame.header, "SpecificCharacterSet").split("\\") if one and not _known_set(one)]
    if unknown:
        notes.append(f"SpecificCharacterSet {unknown[0]!r} is not known: descriptions may hold wrong letters.")
    return tuple(notes)


def _known_set(name: str) -> bool:
    """Whether a character set is one of DICOM's, with small faults of writing such as ISO-IR 100."""
    from pydicom.charset import python_encoding

    return _plain(name) in {_plain(known) for known in python_encoding}


def _plain(name: str) -> str:
    """A name of a character set without the differences of writing that archives make.

    >>> _plain("ISO-IR 100") == _plain("ISO_IR 100")
    True
    """
    return name.upper().replace("_", " ").replace("-", " ").strip()
