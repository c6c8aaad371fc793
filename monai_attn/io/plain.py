"""Opening plain files only: reading a pipe waits for ever, and reading /dev/zero never ends."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

__all__ = ["NotPlainError", "open_plain", "read_plain"]


class NotPlainError(OSError):
    """A pipe, a device, a socket or a folder where a plain file is needed."""


def open_plain(path: Path) -> BufferedReader:
    """A plain file, or the plain file that a link points to, opened for reading.

    Raises `NotPlainError` for a pipe, a device, a socket or a folder, without waiting for it.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotPlainError(errno.EINVAL, "is no plain file", str(path))
    return os.fdopen(handle, "rb")


def read_plain(path: Path) -> bytes:
    """The content of a plain file. Raises `OSError` as `open_plain` does."""
    with open_plain(path) as stream:
        return stream.read()
