"""The file of a claim: how it gets its place in one step, what it says, and whether its owner lives.

`monai_attn.results.claims` decides with these functions which process works on which case.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

from monai_attn.results.lock import FileLock

__all__ = ["is_alive", "is_free", "machine", "owner_of", "place_of", "take_place"]


def place_of(folder: Path, case: str, number: int) -> Path:
    """Where the claim of this number lies."""
    return folder / f"{case}.{number}"


def take_place(fresh: Path, path: Path, lock: FileLock) -> FileLock | None:
    """Give a claim its place, and give the lock of the file there; None where another claim is.

    A hard link is the one step on which network file systems agree.
    """
    try:
        os.link(fresh, path)
    except FileExistsError:
        return lock if lock.is_file(path) else None  # the link may be made, and only the server's answer lost
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links: FAT and exFAT say EPERM, a `PermissionError`
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return None
        lock.release()
        lock = FileLock(path, create=False)
        path.write_bytes(fresh.read_bytes())
        lock.take()
    return lock


def owner_of(path: Path) -> dict[str, object]:
    """What a claim says of its owner; nothing while the claim is being written. Raises `OSError` where it is gone."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_alive(path: Path, owner: dict[str, object], now: float, lease_s: float) -> bool:
    """Whether the owner of a claim lives, as far as a file can tell. Raises `OSError` where the claim is gone."""
    if owner.get("machine") == machine() and is_free(path):
        return False
    return now - path.stat().st_mtime < lease_s


def is_free(path: Path) -> bool:
    """Whether no process of this computer holds the lock of a claim."""
    lock = FileLock(path, create=False)
    free = lock.take()
    lock.release()
    return free


@cache
def machine() -> str:
    """What tells this computer, since its last start, from others; within it the locks of the system can be trusted."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname()
