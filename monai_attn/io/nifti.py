"""Reading NIfTI-1 and NIfTI-2: `.nii`, `.nii.gz`, and pairs of `.hdr` and `.img`.

`monai_attn.io.read` calls it. nibabel parses the header; the voxels are read here, of one volume only. One time point
of a long series therefore takes the memory of one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError, InputError
from monai_attn.io.budget import check_budget, check_memory
from monai_attn.io.foreign import foreign_errors
from monai_attn.io.nifti_grid import nifti_affine
from monai_attn.io.nifti_header import nifti_header, nifti_pair, nifti_scaling, nifti_shape, opened, voxel_offset
from monai_attn.io.values import pick_volume, tidy
from monai_attn.volume import Volume

__all__ = ["nifti_volumes", "read_nifti"]

MAX_TAIL = 2**26
"""How many bytes behind the voxels are read to make gzip compare its checksum."""

STEP = 2**22
"""Voxels that are read and scaled at a time."""


def read_nifti(path: Path, *, volume: int | None = None) -> Volume:
    """The image in a NIfTI file, `(I, J, K)`, RAS+.

    The sform places it when its code is not 0, else the qform; neither: voxel sizes only, with a note. Scaled
    integers become float32: stored value x scl_slope + scl_inter. A 2-D image becomes a volume of one slice, with a
    note. See docs/coordinates.md for every rule.

    Of a file with several volumes, `volume` chooses one, from 0; the fourth axis of the file counts fastest.

    Raises `FileError` for a damaged or truncated file, and for voxels of more than 8 GiB. Raises `GeometryError` when
    the place of the voxels cannot be determined. Raises `InputError` for colours, complex numbers, or several volumes
    without a choice.
    """
    header_path, data_path = nifti_pair(path)
    header = nifti_header(header_path)
    array, value_notes = _values(header, data_path, volume)
    affine, place_notes = nifti_affine(header, array.shape, path.name)
    try:
        return Volume(array, affine, notes=(*place_notes, *value_notes))
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error} Set its sform or qform, or export it again.") from error


def nifti_volumes(path: Path) -> int:
    """How many volumes a NIfTI file holds, from its header: 1 for a 3-D image, else the product of the other sizes.

    Raises `FileError` for a damaged header or a pair of which one file is missing.
    """
    return math.prod(nifti_shape(nifti_header(nifti_pair(path)[0]))[3:])


def _values(header: Any, path: Path, volume: int | None) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """The voxels of one volume, `(I, J, K)`, scaled as the header says, and notes on them.

    Size and type are refused before memory is taken, by the numbers of the header alone.
    """
    name, dtype = path.name, header.get_data_dtype()
    shape = nifti_shape(header)
    offset = voxel_offset(header, name)
    slope, inter = nifti_scaling(header, name)
    scaled = (slope, inter) != (1.0, 0.0)
    with opened(path) as (stream, compressed):
        available = max(path.stat().st_size - (0 if compressed else offset), 0)
        check_budget(name, shape, dtype.itemsize, available, compressed=compressed)
        tidy(np.empty(0, dtype), name)  # refuses colours and complex numbers before reading them
        shape, notes = _three_axes(shape, name)
        chosen = pick_volume(name, math.prod(shape[3:]), volume)
        check_memory(name, shape[:3], 4 if scaled else dtype.itemsize)
        array = np.empty(shape[:3], np.float32 if scaled else dtype.newbyteorder("="), order="F")
        with foreign_errors(name, "It is truncated or damaged: its data cannot be decoded. Copy or export it again."):
            stream.seek(offset + chosen * array.size * dtype.itemsize)
            _fill(array, stream, dtype, (slope, inter) if scaled else None)
            if compressed:
                stream.read(MAX_TAIL)
    array, value_notes = tidy(array, name)
    return array, notes + value_notes


def _fill(
    array: NDArray[np.generic], stream: IO[bytes], dtype: np.dtype[Any], scaling: tuple[float, float] | None
) -> None:
    """Read the voxels of a volume, I fastest, a part at a time; scale them in 64 bits as nibabel does.

    Raises `EOFError` when the file ends too early, which `foreign_errors` turns into a `FileError`.
    """
    flat = array.reshape(-1, order="F")
    for first in range(0, flat.size, STEP):
        part = flat[first : first + STEP]
        data = stream.read(part.size * dtype.itemsize)
        if len(data) < part.size * dtype.itemsize:
            raise EOFError
        stored = np.frombuffer(data, dtype)
        if scaling is not None:
            slope, inter = scaling
            with np.errstate(over="ignore", invalid="ignore"):  # beyond 32 bits a value is infinite, which a note says
                part[:] = stored.astype(np.result_type(dtype, np.float64)) * slope + inter
        else:
            part[:] = stored


def _three_axes(shape: tuple[int, ...], name: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The shape with at least three axes, and a note for a 2-D image. A single row of numbers raises `InputError`.

    >>> _three_axes((256, 256, 180), "t1.nii")
    ((256, 256, 180), ())
    """
    if len(shape) >= 3:
        return shape, ()
    if len(shape) == 1:
        raise InputError(f"{name} holds a row of {shape[0]} numbers, not an image.")
    return (*shape, 1), ("The file holds a 2-D image; it is read as a volume of one slice.",)
