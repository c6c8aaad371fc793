"""What a header may ask for, checked before any memory is taken.

A damaged header can name a size of millions of gigabytes, and a small compressed file can grow to fill the memory.
The readers of NIfTI, NRRD, MetaImage and DICOM call these checks with the numbers of the header.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from monai_attn.errors import FileError

__all__ = ["MAX_BYTES", "check_budget", "check_memory"]

MAX_BYTES = 2**33
"""8 GiB: a CT of 2048 x 2048 x 1000 voxels in 16 bit. A header that asks for more is damaged or hostile."""

DEFLATE_RATIO = 1032
"""The most that gzip and zlib can expand: 258 bytes out of 2 bits (zlib's technical notes)."""


def check_budget(name: str, shape: Sequence[int], itemsize: int, available: int, *, compressed: bool) -> int:
    """The number of bytes that the voxels of a header take; `FileError` when the file cannot hold them.

    `name` is the file's name for the message, `itemsize` the bytes of one value. `available` are the bytes of the
    file from the start of the voxels on. Compressed voxels may be `DEFLATE_RATIO` times larger than those bytes.

    Refused are a size below 1 along any axis, more than `MAX_BYTES`, and more than the file can hold.

    >>> check_budget("t1.nii", (256, 256, 180), 2, 23_593_312, compressed=False)
    23592960
    """
    if any(size < 1 for size in shape):
        raise FileError(f"{name}: the header gives the size {tuple(shape)}. The file is damaged; export it again.")
    wanted = math.prod(shape) * itemsize
    size = " x ".join(str(part) for part in shape)
    if wanted > MAX_BYTES:
        raise FileError(
            f"{name}: the header asks for {size} voxels, {wanted / 2**30:.1f} GiB; "
            f"at most {MAX_BYTES / 2**30:.0f} GiB are read. Crop the image, or export it again."
        )
    if wanted > available * (DEFLATE_RATIO if compressed else 1):
        raise FileError(
            f"{name}: the header asks for {size} voxels, {wanted} bytes, which the {available} bytes "
            f"{'of compressed data ' if compressed else ''}in the file cannot hold. "
            "The file is truncated or damaged; copy or export it again."
        )
    return wanted


def check_memory(name: str, shape: Sequence[int], itemsize: int) -> None:
    """Refuse with `FileError` what would take more than `MAX_BYTES` of memory once it is read.

    A file can pass `check_budget` and still be too large: whole numbers of 8 bits take four times as much memory when
    the header scales them to 32-bit numbers.

    >>> check_memory("ct.nii", (512, 512, 400), 4)
    """
    wanted = math.prod(shape) * itemsize
    if wanted > MAX_BYTES:
        raise FileError(
            f"{name}: {' x '.join(str(part) for part in shape)} voxels take {wanted / 2**30:.1f} GiB of memory; "
            f"at most {MAX_BYTES / 2**30:.0f} GiB are read. Crop the image."
        )
