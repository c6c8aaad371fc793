"""The voxels that an NRRD or MetaImage header describes: raw, compressed or as text, in one file.

The readers of both formats describe the voxels in a `Stored` and call `read_stored`. Compressed voxels are decoded a
part at a time, and only as many as the header gives.
"""

from __future__ import annotations

import bz2
import gzip
import io
import math
import sys
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError
from monai_attn.io.budget import check_budget
from monai_attn.io.foreign import foreign_errors
from monai_attn.io.plain import open_plain

__all__ = ["Stored", "beside", "read_stored"]

COMPRESSED = {"gzip", "zlib", "bzip2"}
"""Encodings that make voxels smaller."""

TAIL = 2**16
"""How many bytes behind the voxels are read so that the checksum is compared."""

STEP = 2**24
"""Compressed voxels are decoded this many bytes at a time."""


@dataclass(frozen=True)
class Stored:
    """Where the voxels lie: in which file, behind how many bytes, of which type, shape and encoding.

    `shape` has the axis whose index changes fastest first. `start` counts the bytes of the file before the encoded
    voxels; -1 means that they are the last ones of the file. `skip` counts decoded bytes before the voxels.
    `length` is what the header promises for the encoded voxels, 0 when it does not say.
    """

    name: str
    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    encoding: str = "raw"
    start: int = 0
    skip: int = 0
    length: int = 0


def beside(path: Path, data_file: str) -> Path:
    """The voxel file that the header at `path` names. It must lie in the same folder.

    Raises `FileError` for a file that is missing or lies elsewhere, and for voxels that are spread over several
    files. Thus a header cannot name a file elsewhere on the computer.
    """
    if data_file.upper().split()[:1] == ["LIST"] or "%" in data_file:
        raise FileError(f"{path.name}: the voxels are spread over several files. Convert the image to one file.")
    data_file = data_file.removeprefix("./")
    if Path(data_file).name != data_file or "\\" in data_file:
        raise FileError(f"{path.name}: the file with the voxels must lie beside the header, in the same folder.")
    found = path.with_name(data_file)
    if not found.is_file():
        raise FileError(f"{path.name}: the file with the voxels that it names is not beside it. Copy both files.")
    return found


def read_stored(stored: Stored) -> NDArray[np.generic]:
    """The voxels, with axes in the order of `stored.shape`, the first one fastest; values as they are in the file.

    Raises `FileError` for what the file cannot hold, for more than 8 GiB, and for data that are truncated, that
    cannot be decoded, or whose checksum differs.
    """
    size = stored.path.stat().st_size
    wanted = math.prod(stored.shape) * stored.dtype.itemsize
    available = max(size - max(stored.start, 0), 0)
    if stored.length > available:
        raise FileError(
            f"{stored.name} is truncated: {available} bytes of {stored.length} are there. Copy or export it again."
        )
    loose = stored.encoding in COMPRESSED or stored.encoding == "text"
    check_budget(stored.name, stored.shape, stored.dtype.itemsize, available, compressed=loose)
    start = size - wanted if stored.start < 0 else stored.start
    damaged = "It is truncated or damaged: its voxels cannot be read. Copy or export it again."
    with foreign_errors(stored.name, damaged), open_plain(stored.path) as stream:
        stream.seek(start)
        if stored.encoding == "text":
            flat = _numbers(stream, stored.dtype)
        else:
            flat = np.frombuffer(_decoded(stream, stored, wanted), stored.dtype)
    if flat.size != math.prod(stored.shape):
        raise FileError(
            f"{stored.name} is truncated or damaged: its voxels cannot be read. "
            f"{flat.size} of {math.prod(stored.shape)} are there. Copy or export it again."
        )
    return flat.reshape(stored.shape, order="F")


def _decoded(stream: IO[bytes], stored: Stored, wanted: int) -> bytearray:
    """As many bytes as are wanted, or fewer where there are no more whole voxels."""
    if stored.encoding == "hex":
        data = bytearray(bytes.fromhex(stream.read().decode("ascii")))
        return _whole(data[stored.skip : stored.skip + wanted], stored)
    if stored.encoding == "zlib":
        return _inflated(stream, stored, wanted)
    open_one = {"gzip": gzip.open, "bzip2": bz2.open}.get(stored.encoding)
    source: Any = io.BufferedReader(open_one(stream)) if open_one else stream  # type: ignore[operator]
    _pass(source, stored.skip)
    data = bytearray(wanted)
    view, filled = memoryview(data), 0
    while filled < wanted:
        count = source.readinto(view[filled : filled + STEP])
        if not count:
            break
        filled += count
    view.release()
    if open_one:
        source.read(TAIL)
    del data[filled:]
    return _whole(data, stored)


def _inflated(stream: IO[bytes], stored: Stored, wanted: int) -> bytearray:
    """Data of zlib, or of gzip: MetaImage is written with either. The checksum behind the voxels is compared.

    Raises `EOFError` when the data end too early; data that hold more voxels than the header has are cut.
    """
    decoder = zlib.decompressobj(wbits=47)
    data, filled, left = bytearray(wanted), 0, stored.length or sys.maxsize
    while not decoder.eof:
        block = decoder.unconsumed_tail or stream.read(min(STEP, left))
        if not block:
            raise EOFError("the compressed data end too early")
        left -= 0 if decoder.unconsumed_tail else len(block)
        part = decoder.decompress(block, min(STEP, wanted - filled) or 1)
        if filled == wanted and part:
            break  # more voxels than the header has
        data[filled : filled + len(part)] = part
        filled += len(part)
    del data[filled:]
    return _whole(data, stored)


def _numbers(stream: IO[bytes], dtype: np.dtype[Any]) -> NDArray[np.generic]:
    """Voxels that are written as text, with blanks, line ends or commas between the numbers.

    Raises `ValueError` for a word that is no number, and for a number that does not fit the type of the voxels.
    """
    kind: Any = np.float64 if dtype.kind == "f" else np.int64
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a word that is no number is a warning of NumPy
        values = np.fromstring(stream.read().decode("ascii").replace(",", " "), kind, sep=" ")
    array = values.astype(dtype)
    if dtype.kind != "f" and (array != values).any():
        raise ValueError("a number does not fit its type")
    return array


def _pass(source: Any, count: int) -> None:
    """Read over `count` decoded bytes. Raises `EOFError` where there are fewer."""
    while count > 0:
        read = len(source.read(min(count, STEP)))
        if not read:
            raise EOFError("the file ends before the voxels")
        count -= read


def _whole(data: bytearray, stored: Stored) -> bytearray:
    """The data without the bytes of an incomplete last voxel."""
    del data[len(data) - len(data) % stored.dtype.itemsize :]
    return data
