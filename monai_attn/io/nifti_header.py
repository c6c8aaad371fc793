"""The header of a NIfTI file, as it stands there.

The header is parsed by nibabel but judged here, before any memory is taken and before nibabel repairs it:
a repaired header is a guess that nobody sees.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, cast

from monai_attn.errors import FileError
from monai_attn.io.foreign import foreign_errors
from monai_attn.io.plain import open_plain

__all__ = ["nifti_header", "nifti_pair", "nifti_scaling", "nifti_shape", "opened", "voxel_offset"]

ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
"""The two orders of bytes in a number: a header may have been written on either kind of computer."""


def nifti_pair(path: Path) -> tuple[Path, Path]:
    """The files with the header and with the voxels: twice the same path, or a `.hdr` and its `.img`.

    Either file of a pair may be given, and endings in capital letters are found. Raises `FileError` when the other
    file is not beside it.

    >>> nifti_pair(Path("t1.nii.gz"))[0].name, nifti_pair(Path("t1.nii.gz"))[1].name
    ('t1.nii.gz', 't1.nii.gz')
    """
    if path.suffix.lower() not in (".hdr", ".img"):
        return path, path
    mates = [each for each in path.parent.glob(f"{_escaped(path.stem)}.*") if each.stem == path.stem]
    found = {each.suffix.lower(): each for each in sorted(mates, key=path.__eq__)}  # the given one counts before others
    for suffix in (".hdr", ".img"):
        if suffix not in found:
            raise FileError(f"{path.name}: the {suffix} file that belongs to it is not beside it.")
    return found[".hdr"], found[".img"]


def _escaped(name: str) -> str:
    """A file name for `glob`, with the letters that `glob` takes for patterns in brackets.

    >>> _escaped("t1[2]")
    't1[[]2]'
    """
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], bool]]:
    """The file, through gzip when its first bytes say so, whatever its name; and whether they do.

    Raises `OSError` when the file cannot be opened, or is no plain file.
    """
    with open_plain(path) as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not compressed:
            yield stream, False
            return
        with gzip.GzipFile(fileobj=stream) as unzipped:
            yield cast("IO[bytes]", unzipped), True


def nifti_header(path: Path) -> Any:
    """A nibabel header as it stands in the file, unrepaired; of NIfTI-1 (348 bytes) or NIfTI-2 (540 bytes).

    Raises `FileError` for a file that is no NIfTI, for a header that is cut off, and for an unknown type of voxels. A
    number of axes that is not 1 to 7 is refused too. So is ANALYZE 7.5, which does not tell left from right.
    """
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    with foreign_errors(path, "It is truncated or damaged. Copy it again."), opened(path) as (stream, _):
        block = stream.read(540)
    kinds: dict[int, Any] = {348: Nifti1Header, 540: Nifti2Header}
    size, order = next(
        ((kind, order) for kind in kinds for order in ORDERS if kind == int.from_bytes(block[:4], order)),
        (0, ORDERS[0]),
    )
    if not size or len(block) < size:
        raise FileError(f"{path.name} is not a NIfTI file, or its header is cut off after {len(block)} bytes.")
    magic = block[344:348] if size == 348 else block[4:8]
    if magic[:3] not in (b"n+1", b"ni1", b"n+2", b"ni2"):
        raise FileError(
            f"{path.name} is an ANALYZE 7.5 file, which does not tell left from right. "
            "Export the image as NIfTI from its source."
        )
    try:
        header = kinds[size](block[:size], {"little": "<", "big": ">"}[order], check=False)
        header.get_data_dtype()
        if not 1 <= int(header["dim"][0]) <= 7:
            raise HeaderDataError("number of axes")
    except (HeaderDataError, KeyError, ValueError) as error:
        raise FileError(f"{path.name}: the header is damaged ({error}). Export the image again.") from error
    return header


def nifti_shape(header: Any) -> tuple[int, ...]:
    """The size of each axis, as the header gives it, I first; one to seven sizes."""
    return tuple(int(size) for size in header["dim"][1 : 1 + int(header["dim"][0])])


def voxel_offset(header: Any, name: str) -> int:
    """The byte at which the voxels begin. A single file that says 0 means right behind the header (as SPM writes).

    Voxels in a single file begin at byte 352 (NIfTI-1) or 544 (NIfTI-2) at the earliest. Raises `FileError` for an
    earlier byte and for a fraction.
    """
    given, single = float(header["vox_offset"]), b"+" in bytes(header["magic"])
    least = {348: 352, 540: 544}[int(header["sizeof_hdr"])] if single else 0
    if given == 0:
        return least
    if not math.isfinite(given) or given < least or given != int(given):
        raise FileError(f"{name}: the header says the voxels begin at byte {given:g}. The file is damaged.")
    return int(given)


def nifti_scaling(header: Any, name: str) -> tuple[float, float]:
    """Slope and intercept; (1, 0) where the header has none (slope 0 or not a number, as the standard says).

    The measured value, such as HU, is slope x stored value + intercept. Raises `FileError` for a slope without a
    finite intercept.
    """
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(inter):
        raise FileError(f"{name}: scl_slope is {slope:g} but scl_inter is {inter}. Repair the header.")
    return slope, inter
