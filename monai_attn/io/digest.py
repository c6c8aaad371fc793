"""The sha256 of a file: how two files are told to be the same, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["sha256"]


def sha256(path: Path) -> str:
    """The sha256 of a file's content, in 64 hexadecimal digits. Raises `OSError` when the file cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
