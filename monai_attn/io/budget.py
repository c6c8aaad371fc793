"""What a header may ask for, checked before any memory is taken."""

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
    """The bytes a header asks for; `FileError` when they are absurd or cannot be in the file.

    `available` are the bytes of the file from the start of the voxels on.
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
    """Refuse with `FileError` what would take too much memory once it is read, such as scaled voxels of 32 bits."""
    wanted = math.prod(shape) * itemsize
    if wanted > MAX_BYTES:
        raise FileError(
            f"{name}: {' x '.join(str(part) for part in shape)} voxels take {wanted / 2**30:.1f} GiB of memory; "
            f"at most {MAX_BYTES / 2**30:.0f} GiB are read. Crop the image."
        )
