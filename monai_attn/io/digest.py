"""The sha256 of a file: how two files are told to be the same, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

from monai_attn.io.plain import open_plain

__all__ = ["sha256"]


def sha256(path: Path) -> str:
    """The sha256 of a file's content, in 64 hexadecimal digits. A file is read a part at a time.

    Raises `OSError` when the file cannot be read, or is no plain file but a pipe or a device. An empty file has a
    digest too.
    """
    with open_plain(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
