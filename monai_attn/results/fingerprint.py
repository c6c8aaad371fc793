"""What a case was made from, in two digests: of the files as the file system lists them, and of the voxels.

Both digests are SHA-256 in hexadecimal letters. A record keeps them under the key `input`, and the next run compares
them to learn whether a finished case still belongs to its images. A digest cannot be turned back into an image or a
name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.folders import files_in
from monai_attn.volume import Volume

__all__ = ["files_digest", "voxels_digest"]


def files_digest(images: Mapping[str, Path | Sequence[Path]], choice: Any = None) -> str:
    """A digest of names, sizes and times of the files of a case, and of what was chosen in them (series, volume).

    Reads no content, so that a thousand cases take a moment. The same digest means the same images; another digest
    only that the files were copied or changed, which `voxels_digest` decides. Holds no path and no name in clear.

    `images` maps the bundle's name of an image ("t1", "ct") to a file, a folder or files; the files below a folder all
    count. `choice` is anything that JSON or `str` can write. Raises `OSError` for a path that does not exist.

    >>> files_digest({}) == files_digest({}, choice=None)
    True
    >>> files_digest({}) == files_digest({}, choice=3)
    False
    """
    listed = {
        name: sorted(_files(path) if isinstance(path, Path) else (one for each in path for one in _named(each)))
        for name, path in images.items()
    }
    return hashlib.sha256(json.dumps([listed, choice], default=str).encode()).hexdigest()


def voxels_digest(image: Volume) -> str:
    """A digest of an image as it was read: size, type, voxels and place in the patient.

    The voxels count plane by plane along K, so that no second copy of the whole image is made. The affine (mm, RAS+)
    counts to six digits after the point. Modality, unit and file name do not count.

    >>> image = Volume(np.zeros((2, 3, 4), np.int16), np.eye(4))
    >>> voxels_digest(image) == voxels_digest(Volume(np.zeros((2, 3, 4), np.int16), np.eye(4)))
    True
    >>> voxels_digest(image) == voxels_digest(Volume(np.ones((2, 3, 4), np.int16), np.eye(4)))
    False
    """
    digest = hashlib.sha256()
    array = np.asarray(image.array)
    affine = np.ascontiguousarray(np.round(image.affine, 6) + 0.0)
    digest.update(json.dumps([list(array.shape), array.dtype.str]).encode())
    digest.update(affine.tobytes())
    for plane in np.moveaxis(array, 2, 0):
        digest.update(np.ascontiguousarray(plane).tobytes())
    return digest.hexdigest()


def _named(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of one file among others."""
    status = path.stat()
    yield path.name, status.st_size, status.st_mtime_ns


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name below `path`, size and time of each file; of a link those of the file that it leads to."""
    if not path.is_dir():
        status = path.stat()
        yield "", status.st_size, status.st_mtime_ns
        return
    for one in files_in(path):
        status = one.stat() if one.exists() else one.lstat()
        yield one.relative_to(path).as_posix(), status.st_size, status.st_mtime_ns
