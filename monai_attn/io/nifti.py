"""Reading NIfTI-1 and NIfTI-2: `.nii`, `.nii.gz`, and pairs of `.hdr` and `.img`.

The header is parsed by nibabel but judged here, before any memory is taken and before nibabel repairs it:
a repaired header is a guess that nobody sees.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io.budget import check_budget
from monai_attn.io.units import convert_lengths, mm_per
from monai_attn.io.values import pick_volume, tidy
from monai_attn.volume import Volume

__all__ = ["nifti_volumes", "read_nifti"]

UNITS = {0: "", 1: "metres", 2: "mm", 3: "microns"}
"""The low three bits of xyzt_units. Unknown is millimetre by custom."""

FORM_TOLERANCE_MM = 0.1
"""How far apart sform and qform may put a corner before that is worth a note."""

ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")

MAX_TAIL = 2**26
"""How many bytes behind the voxels are read to make gzip compare its checksum."""


def read_nifti(path: Path, *, volume: int | None = None) -> Volume:
    """The image in a NIfTI file, `(I, J, K)`, RAS+.

    The sform places it when its code is not 0, else the qform; neither: voxel sizes only, with a note.
    Scaled integers become float32. See docs/coordinates.md for every rule.
    Raises `FileError`, `GeometryError` or `InputError`.
    """
    header_path, data_path = _pair(path)
    header = _header(header_path)
    array, value_notes = _values(header, data_path, volume)
    affine, place_notes = _affine(header, array.shape, path.name)
    try:
        return Volume(array, affine, notes=(*place_notes, *value_notes))
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error} Set its sform or qform, or export it again.") from error


def nifti_volumes(path: Path) -> int:
    """How many volumes a NIfTI file holds, from its header. Raises `FileError`."""
    return math.prod(_shape(_header(_pair(path)[0]))[3:])


def _pair(path: Path) -> tuple[Path, Path]:
    """The files with the header and with the voxels."""
    if path.suffix.lower() not in (".hdr", ".img"):
        return path, path
    found = {each.suffix.lower(): each for each in path.parent.glob(f"{_escaped(path.stem)}.*")}
    for suffix in (".hdr", ".img"):
        if suffix not in found:
            raise FileError(f"{path.name}: the {suffix} file that belongs to it is not beside it.")
    return found[".hdr"], found[".img"]


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], bool]]:
    """The file, through gzip when its first bytes say so, whatever its name; and whether they do."""
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not compressed:
            yield stream, False
            return
        with gzip.GzipFile(fileobj=stream) as unzipped:
            yield cast("IO[bytes]", unzipped), True


def _header(path: Path) -> Any:
    """A nibabel header as it stands in the file, unrepaired."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    try:
        with _opened(path) as (stream, _):
            block = stream.read(540)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path.name} cannot be read: it is truncated or damaged. Copy it again.") from error
    kinds: dict[int, Any] = {348: Nifti1Header, 540: Nifti2Header}
    size = next((kind for kind in kinds for order in ORDERS if kind == int.from_bytes(block[:4], order)), 0)
    if not size or len(block) < size:
        raise FileError(f"{path.name} is not a NIfTI file, or its header is cut off after {len(block)} bytes.")
    magic = block[344:348] if size == 348 else block[4:8]
    if magic[:3] not in (b"n+1", b"ni1", b"n+2", b"ni2"):
        raise FileError(
            f"{path.name} is an ANALYZE 7.5 file, which does not tell left from right. "
            "Export the image as NIfTI from its source."
        )
    try:
        header = kinds[size](block[:size], check=False)
        header.get_data_dtype()
        if not 1 <= int(header["dim"][0]) <= 7:
            raise HeaderDataError("number of axes")
    except (HeaderDataError, KeyError, ValueError) as error:
        raise FileError(f"{path.name}: the header is damaged ({error}). Export the image again.") from error
    return header


def _values(header: Any, path: Path, volume: int | None) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    from nibabel.arrayproxy import ArrayProxy

    name, dtype = path.name, header.get_data_dtype()
    shape = _shape(header)
    offset = _offset(header, name)
    with _opened(path) as (stream, compressed):
        available = max(path.stat().st_size - (0 if compressed else offset), 0)
        check_budget(name, shape, dtype.itemsize, available, compressed=compressed)
        tidy(np.empty(0, dtype), name)  # refuses colours and complex numbers before reading them
        shape, notes = _three_axes(shape, name)
        chosen = pick_volume(name, math.prod(shape[3:]), volume)
        place = np.unravel_index(chosen, shape[3:], order="F") if shape[3:] else ()
        slope, inter = _scaling(header, name)
        proxy = ArrayProxy(stream, (shape, dtype, offset, slope, inter), mmap=False)
        try:
            array: NDArray[np.generic] = np.asarray(proxy[(slice(None),) * 3 + tuple(int(index) for index in place)])
            if compressed:
                stream.read(MAX_TAIL)
        except (OSError, EOFError, zlib.error, ValueError, MemoryError) as error:
            raise FileError(f"{name} is truncated or damaged: {_plain(error)}. Copy or export it again.") from error
    if (slope, inter) != (1.0, 0.0):
        array = array.astype(np.float32)
    array, value_notes = tidy(array, name)
    return array, notes + value_notes


def _shape(header: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in header["dim"][1 : 1 + int(header["dim"][0])])


def _offset(header: Any, name: str) -> int:
    """Where the voxels begin. A single file that says 0 means right behind the header (as SPM writes)."""
    given, single = float(header["vox_offset"]), b"+" in bytes(header["magic"])
    least = {348: 352, 540: 544}[int(header["sizeof_hdr"])] if single else 0
    if given == 0:
        return least
    if not math.isfinite(given) or given < least or given != int(given):
        raise FileError(f"{name}: the header says the voxels begin at byte {given:g}. The file is damaged.")
    return int(given)


def _three_axes(shape: tuple[int, ...], name: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if len(shape) >= 3:
        return shape, ()
    if len(shape) == 1:
        raise InputError(f"{name} holds a row of {shape[0]} numbers, not an image.")
    return (*shape, 1), ("The file holds a 2-D image; it is read as a volume of one slice.",)


def _scaling(header: Any, name: str) -> tuple[float, float]:
    """Slope and intercept; (1, 0) where the header has none (slope 0 or not a number, as the standard says)."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(inter):
        raise FileError(f"{name}: scl_slope is {slope:g} but scl_inter is {inter}. Repair the header.")
    return slope, inter


def _affine(header: Any, shape: tuple[int, ...], name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Voxel index to millimetres RAS+, and notes on what had to be decided."""
    from nibabel.spatialimages import HeaderDataError

    header, notes = header.copy(), []
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # qfac: "if 0, take 1" (nifti1.h, method 2)
    try:
        sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    except (HeaderDataError, ValueError) as error:
        if not header["sform_code"]:
            raise GeometryError(f"{name}: the qform is not a rotation ({error}). Export the image again.") from error
        sform, qform = header.get_sform(), None
        notes.append("The qform of the header is not a rotation; the sform is used.")
    affine = sform if sform is not None else qform
    if affine is None:
        sizes = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
        affine = np.diag([*sizes, 1.0])
        affine[:3, 3] = -(np.array(shape) - 1) / 2 * sizes
        notes.append(
            "The header has no orientation (sform and qform codes are 0): left and right, and where the image lies, "
            "are not known. Voxel axes are taken as right, anterior, superior, centred on the origin."
        )
    affine = np.array(affine, dtype=np.float64)
    unit = UNITS.get(int(header["xyzt_units"]) & 7)
    if unit is None:
        raise GeometryError(f"{name}: xyzt_units is {int(header['xyzt_units'])}, which is no unit of length.")
    notes += convert_lengths(affine, shape, [unit] * 3, name)
    if sform is not None and qform is not None:
        corner = np.array([*(np.array(shape) - 1), 1.0])
        apart = max(np.linalg.norm(((sform - qform) @ (corner * pick))[:3]) * mm_per(unit, name) for pick in _CORNERS)
        if apart > FORM_TOLERANCE_MM:
            notes.append(
                f"sform and qform of the header disagree by up to {apart:.1f} mm; the sform is used. "
                "Other programs may use the qform and show the image elsewhere."
            )
    return affine, tuple(notes)


_CORNERS = [np.array([i, j, k, 1.0]) for i in (0, 1) for j in (0, 1) for k in (0, 1)]


def _plain(error: BaseException) -> str:
    """The kind of a library's error; its text may repeat the whole path."""
    return {"EOFError": "it ends too early", "MemoryError": "not enough memory"}.get(
        type(error).__name__, "its data cannot be decoded"
    )
