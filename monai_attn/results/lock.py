"""A file that one process holds: the system releases the file when the process ends, however it ends.

`Staging` holds such a file while it works in a hidden folder. `recover` can therefore tell a folder of a process
that still works from a folder of a process that has died. The content of the file is of no importance.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["FileLock"]


class FileLock:
    """Holds a file until `release`, or until this process is gone. Works on Linux, macOS, Windows and NFS 4.

    `path` is a file in a folder that exists; with `create` the file is made when it is missing, readable by its owner
    alone. No process waits for the lock: `take` answers at once.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = FileLock(Path(folder) / "lock")
    ...     taken = lock.take()
    ...     lock.release()
    >>> taken
    True
    >>> FileLock(Path("/no/such/folder/lock")).take()
    False
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._flags = os.O_RDWR | (os.O_CREAT if create else 0)
        self._handle: int | None = None

    def take(self) -> bool:
        """True when this process now holds the file; False when another process does, or the file cannot be made."""
        try:
            handle = os.open(self.path, self._flags, 0o600)
        except OSError:
            return False
        try:
            _hold(handle)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def is_file(self, path: Path) -> bool:
        """Whether the file that is held is the file at a path; False when no file is held, or none is there."""
        try:
            return self._handle is not None and os.path.samestat(os.fstat(self._handle), path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Let go of the file; the file itself stays.

        Nothing happens when the file is not held.
        """
        if self._handle is not None:
            with suppress(OSError):
                os.close(self._handle)
            self._handle = None


def _hold(handle: int) -> None:
    """Raise `OSError` when another process holds the file."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
