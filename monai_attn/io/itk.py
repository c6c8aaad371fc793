"""NRRD (`.nrrd`, `.nhdr`) and MetaImage (`.mha`, `.mhd`) through SimpleITK."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io.budget import check_budget
from monai_attn.io.values import pick_volume, tidy
from monai_attn.volume import RAS_TO_LPS, Volume

__all__ = ["itk_volumes", "read_itk", "write_itk"]

MAX_HEADER = 2**16
"""A text header is looked for in this many bytes."""

RAW = {"raw", "false", ""}
"""How the two formats say that voxels are stored uncompressed."""


def read_itk(path: Path, *, volume: int | None = None) -> Volume:
    """The image in an NRRD or MetaImage file, `(I, J, K)`, from ITK's LPS+ to RAS+.

    Several components or a fourth axis count as several volumes. Raises `FileError`, `GeometryError`
    or `InputError`.
    """
    import SimpleITK

    header = _text_header(path)
    available, compressed = _data_size(path, header)
    reader = _opened(path)
    size, components = tuple(int(n) for n in reader.GetSize()), reader.GetNumberOfComponents()
    pixel = reader.GetPixelID()
    if pixel < 0 or pixel in (SimpleITK.sitkComplexFloat32, SimpleITK.sitkComplexFloat64):
        raise InputError(f"{path.name} holds values that are not real numbers. Export magnitude or phase.")
    shape = (*size, components) if components > 1 else size
    check_budget(path.name, shape, _itemsize(pixel), available, compressed=compressed)
    if len(size) < 3 or math.prod(size[4:]) > 1:
        raise InputError(f"{path.name} is {len(size)}-D, {size}. A volume has three axes; store the slices as a stack.")
    chosen = pick_volume(path.name, components * math.prod(size[3:]), volume, what="values per voxel or volumes")
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise FileError(
            f"{path.name} is truncated or damaged: its voxels cannot be read. Copy or export it again."
        ) from error
    # ITK's NumPy order is the last axis first and the components last of all.
    array = SimpleITK.GetArrayFromImage(image).reshape(*size[::-1], components)
    array = np.moveaxis(array, -1, 0).reshape(-1, *size[2::-1])[chosen].T  # (I, J, K)
    array, notes = tidy(array, path.name)
    try:
        return Volume(array, _affine(image), notes=_place_notes(header) + notes)
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error} Export the image again.") from error


def itk_volumes(path: Path) -> int:
    """How many components and volumes an NRRD or MetaImage file holds, from its header. Raises `FileError`."""
    _data_size(path, _text_header(path))
    reader = _opened(path)
    return int(reader.GetNumberOfComponents() * math.prod(reader.GetSize()[3:]))


def _opened(path: Path) -> Any:
    """An ITK reader that has read the header."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise FileError(
            f"{path.name}: the header cannot be interpreted; it is damaged or incomplete. Export the image again."
        ) from error
    return reader


def write_itk(volume: Volume, path: Path) -> None:
    """Write a volume whose array has an ITK type, compressed (gzip, level 1). No shear: `GeometryError`."""
    import SimpleITK

    if volume.is_sheared:
        raise GeometryError(
            f"{path.name}: the voxel axes are not at right angles, which this format does not promise to keep. "
            "Write .nii.gz, or resample the image first."
        )
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.array.T))  # (K, J, I)
    lps = RAS_TO_LPS @ volume.affine
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / np.array(volume.spacing_mm)).ravel().tolist())
    writer = SimpleITK.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.SetUseCompression(True)
    writer.SetCompressionLevel(1)
    writer.Execute(image)


def _affine(image: Any) -> NDArray[np.float64]:
    """Voxel index to RAS+ from ITK's origin, spacing and direction, of which the first three axes count."""
    axes = image.GetDimension()
    lps = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(axes, axes)[:3, :3]
    lps[:3, :3] = direction * np.array(image.GetSpacing()[:3])
    lps[:3, 3] = image.GetOrigin()[:3]
    affine: NDArray[np.float64] = RAS_TO_LPS @ lps
    return affine


def _text_header(path: Path) -> dict[str, str]:
    """The fields of the header, names in small letters without blanks."""
    with path.open("rb") as stream:
        block = stream.read(MAX_HEADER)
    nrrd = block[:4] == b"NRRD"
    if not nrrd and b"=" not in block[:512]:
        raise FileError(f"{path.name} is not an NRRD or MetaImage file. Check what it is, or export it again.")
    fields: dict[str, str] = {"": "nrrd" if nrrd else "meta"}
    end = 0
    for line in block.split(b"\n"):
        end += len(line) + 1
        text = line.decode("latin-1").strip()
        if nrrd and not text:
            break
        name, found, value = text.partition(":" if nrrd else "=")
        if found and not text.startswith("#") and ":=" not in text:
            fields[name.strip().lower().replace(" ", "")] = value.strip()
        if not nrrd and name.strip() == "ElementDataFile":
            break
    fields["end"] = str(min(end, len(block)))
    return fields


def _data_size(path: Path, header: dict[str, str]) -> tuple[int, bool]:
    """The bytes of voxel data in the file, or in the one beside it, and whether they are compressed."""
    kept = header.get("encoding", header.get("compresseddata", "")).lower()
    compressed = kept not in RAW
    data_file = header.get("datafile", header.get("elementdatafile", "LOCAL"))
    if data_file.upper() == "LOCAL":
        available = max(path.stat().st_size - int(header["end"]), 0)
        promised = header.get("compresseddatasize", "0")
        if promised.isdigit() and int(promised) > available:  # ITK would print about this, and not only raise
            raise FileError(
                f"{path.name} is truncated: {available} bytes of {promised} are there. Copy or export it again."
            )
        return available, compressed
    if data_file.upper().startswith("LIST") or "%" in data_file:
        raise FileError(f"{path.name}: the voxels are spread over several files. Convert the image to one file.")
    if Path(data_file).name != data_file:
        raise FileError(f"{path.name}: the file with the voxels must lie beside the header, in the same folder.")
    beside = path.with_name(data_file)
    if not beside.is_file():
        raise FileError(f"{path.name}: the file with the voxels that it names is not beside it. Copy both files.")
    return beside.stat().st_size, compressed


def _itemsize(pixel: int) -> int:
    import SimpleITK

    name = str(SimpleITK.GetPixelIDValueAsString(pixel))
    return next((bits // 8 for bits in (64, 32, 16) if f"{bits}-bit" in name), 1)


def _place_notes(header: dict[str, str]) -> tuple[str, ...]:
    """What the header leaves open about where the image lies."""
    if header[""] == "meta":
        known = {"transformmatrix", "orientation", "rotation"} & header.keys()
        what = "" if known else "no TransformMatrix"
    else:
        space = header.get("space", "").lower()
        patient = space in ("lps", "ras", "las") or space.startswith(("left-", "right-"))
        what = "" if patient else f"the space {space!r}, which is not the patient's" if space else "no space"
    if not what:
        return ()
    return (f"The header has {what}: left and right are not known. Voxel axes are taken as left, posterior, superior.",)
