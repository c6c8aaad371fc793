"""Reading MetaImage (`.mha`, `.mhd`): header and voxels, without another library.

MetaIO, which ITK uses, writes beyond its memory for some damaged headers, and gives unset memory as voxels where
CompressedDataSize is missing. What the header means was compared with ITK field by field (tests/io/test_metaimage.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io.header_text import MAX_AXES, as_text, numbers_in, whole_number_in, whole_numbers_in
from monai_attn.io.plain import open_plain
from monai_attn.io.stored import Stored, beside, read_stored
from monai_attn.io.units import convert_lengths
from monai_attn.io.values import pick_volume, tidy
from monai_attn.volume import RAS_TO_LPS, Volume

__all__ = ["metaimage_volumes", "read_metaimage"]

MAX_HEADER = 2**18
"""The line ElementDataFile, the last of the header, is looked for in this many bytes."""

TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # 32 bits in MetaIO, whatever the computer
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""The types of voxels by their names in the format, as NumPy writes them: i whole number, u without sign, f float;
bytes.
"""

MATRIX = ("transformmatrix", "rotation", "orientation")
ORIGIN = ("offset", "position", "origin")
SPACING = ("elementspacing", "elementsize")
"""Names that MetaIO takes for the same field; the first that is there counts."""


@dataclass(frozen=True)
class MetaHeader:
    """A checked header: the size of each axis, values per voxel, where the voxels lie, and all fields as text.

    `size` has the axis whose index changes fastest first, so the first three sizes are those of I, J and K. The
    values of one voxel lie side by side in the file. The names of `fields` are in small letters.
    """

    size: tuple[int, ...]
    channels: int
    stored: Stored
    fields: dict[str, str]


def read_metaimage(path: Path, *, volume: int | None = None) -> Volume:
    """The image in a MetaImage file, `(I, J, K)`, from ITK's LPS+ to RAS+ millimetres.

    Several values per voxel, or a fourth axis, count as several volumes, and `volume` chooses one, from 0. The values
    of a voxel count slowest: with 2 values per voxel and 10 time points, volume 10 is the second value at the first
    time.

    Raises `FileError` for a header or voxels that are damaged or missing. Raises `GeometryError` for a header without
    the size of a voxel, or with axes that do not span space. Raises `InputError` for an image of less than three
    axes, voxels written as text, or several volumes without a choice.
    """
    header = _header(path)
    if len(header.size) < 3:
        raise InputError(
            f"{path.name} is {len(header.size)}-D, {header.size}. A volume has three axes; store the slices as a stack."
        )
    count = header.channels * int(np.prod(header.size[3:]))
    chosen = pick_volume(path.name, count, volume, what="values per voxel or volumes")
    affine, notes = _affine(header, path.name)
    array = read_stored(header.stored).reshape(header.channels, *header.size, order="F")
    channel, *others = (int(at) for at in np.unravel_index(chosen, (header.channels, *header.size[3:])))
    index: Any = (channel, ..., *others)
    array, value_notes = tidy(array[index], path.name)
    value_notes += _scale_notes(header.fields)
    try:
        return Volume(array, affine, notes=notes + value_notes)
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error} Export the image again.") from error


def metaimage_volumes(path: Path) -> int:
    """How many values per voxel and volumes a MetaImage file holds, from its header; a 2-D file counts too.

    Raises `FileError` for a damaged header, and `InputError` for voxels written as text.
    """
    header = _header(path)
    return header.channels * int(np.prod(header.size[3:]))


def _header(path: Path) -> MetaHeader:
    """The header, checked field by field; the voxels are not read.

    Raises `FileError` for a field that is missing, unknown or contradicts another, and `InputError` for voxels as
    text.
    """
    fields, end = _fields(path)
    name = path.name
    axes = whole_number_in(fields, "ndims", name, least=1, most=MAX_AXES)
    size = whole_numbers_in(fields, "dimsize", name, axes)
    channels = whole_number_in(fields, "elementnumberofchannels", name, least=1, most=2**20, default=1)
    kind = TYPES.get(fields.get("elementtype", "").upper())
    if kind is None:
        raise FileError(
            f"{name}: the header cannot be interpreted. ElementType is {fields.get('elementtype', 'missing')[:60]!r}, "
            f"not one of {', '.join(TYPES)}. Export the image again."
        )
    if fields.get("objecttype", "Image").lower() != "image":
        raise FileError(f"{name} holds no image but {fields['objecttype'][:60]!r}. Export the image.")
    if not _is_true(fields, "binarydata", name, default=True):
        raise InputError(f"{name}: its voxels are written as text (BinaryData = False). Export them as binary data.")
    swapped = _is_true(fields, "binarydatabyteordermsb", name) or _is_true(fields, "elementbyteordermsb", name)
    packed = _is_true(fields, "compresseddata", name)
    length = whole_number_in(fields, "compresseddatasize", name, least=0, most=2**62, default=0) if packed else 0
    before = whole_number_in(fields, "headersize", name, least=-1, most=2**62, default=0)
    data_file = fields["elementdatafile"]
    local = data_file.upper() == "LOCAL"
    if before and (packed or (local and before > 0)):
        raise FileError(f"{name}: HeaderSize is {before}, which cannot be. Remove the line, or export the image again.")
    stored = Stored(
        name,
        path if local else beside(path, data_file),
        np.dtype(kind).newbyteorder(">" if swapped else "<"),
        (channels, *size) if channels > 1 else size,
        "zlib" if packed else "raw",
        start=before or (end if local else 0),
        length=length,
    )
    return MetaHeader(size, channels, stored, fields)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields up to ElementDataFile, names in small letters, and where the line after them begins.

    Raises `FileError` for a file of another kind, an incomplete header, and a field in use that has two values.
    """
    with open_plain(path) as stream:
        block = stream.read(MAX_HEADER)
    fields: dict[str, str] = {}
    end = 0
    for line in block.split(b"\n"):
        end += len(line) + 1
        text = as_text(line)
        name, found, value = text.partition("=" if "=" in text else ":")
        key = name.strip().lower()
        if not found:
            continue
        if key in fields and fields[key] != value.strip() and key in _USED:
            raise FileError(
                f"{path.name}: the header cannot be interpreted. It has {name.strip()!r} twice. Correct it."
            )
        fields[key] = value.strip()
        if key == "elementdatafile":
            return fields, end
    if "ndims" in fields or "objecttype" in fields:
        raise FileError(f"{path.name}: the header cannot be interpreted; it is incomplete. Export the image again.")
    raise FileError(f"{path.name} is not a MetaImage file. Check what it is, or export it again.")


_USED = {
    *("objecttype", "ndims", "binarydata", "binarydatabyteordermsb", "elementbyteordermsb", "compresseddata"),
    *("compresseddatasize", "headersize", "dimsize", "elementtype", "elementnumberofchannels", "distanceunits"),
    *(*MATRIX, *ORIGIN, *SPACING),
}
"""The fields that decide on grid and voxels; other fields may stand twice, and the last one counts."""


def _is_true(fields: dict[str, str], key: str, name: str, *, default: bool = False) -> bool:
    """A field that is yes or no, `default` where it is missing. Raises `FileError` for another word."""
    word = fields.get(key, str(default)).lower()
    if word not in ("true", "false", "1", "0", "t", "f"):
        raise FileError(f"{name}: {key!r} of the header is {word[:60]!r}, not True or False. Export the image again.")
    return word in ("true", "1", "t")


def _scale_notes(fields: dict[str, str]) -> tuple[str, ...]:
    """A note where the header asks for other values than those stored, which ITK does not heed."""
    usual = {"elementtointensityfunctionslope": 1.0, "elementtointensityfunctionoffset": 0.0}
    asked = [key for key, value in usual.items() if fields.get(key, "") and _number(fields[key]) != value]
    if not asked:
        return ()
    return (
        "The header asks to scale the values (ElementToIntensityFunctionSlope, ...Offset). ITK does not, and nor is it "
        "done here: the values are as stored.",
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _affine(header: MetaHeader, name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Voxel index to millimetres RAS+, and notes. The rows of TransformMatrix are the directions of the axes.

    Without TransformMatrix the axes count as left, posterior, superior, with a note; without Offset the first voxel
    lies at 0. Of four axes the first three count. Raises `GeometryError` without ElementSpacing or for an unknown
    unit.
    """
    fields, axes = header.fields, len(header.size)
    matrix, origin, spacing = (next((key for key in keys if key in fields), "") for keys in (MATRIX, ORIGIN, SPACING))
    if not spacing:
        raise GeometryError(
            f"{name}: the header has no ElementSpacing, so the size of a voxel is not known. "
            "Add the line 'ElementSpacing = X Y Z' before ElementDataFile, with the sizes in millimetres."
        )
    lps = np.eye(4)
    edges = np.array(numbers_in(fields, spacing, name, axes))[:3]
    directions = np.array(numbers_in(fields, matrix, name, axes * axes)).reshape(axes, axes) if matrix else np.eye(axes)
    lps[:3, :3] = directions[:3, :3].T * edges
    if origin:
        lps[:3, 3] = numbers_in(fields, origin, name, axes)[:3]
    unit = fields.get("distanceunits", "")
    notes = convert_lengths(lps, header.size[:3], ["" if unit == "?" else unit] * 3, name)
    affine: NDArray[np.float64] = RAS_TO_LPS @ lps
    if not matrix:
        notes += (
            "The header has no TransformMatrix: left and right are not known. "
            "Voxel axes are taken as left, posterior, superior.",
        )
    return affine, notes
