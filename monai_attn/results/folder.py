"""`replace_folder`: a whole folder gets its name in one step."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from monai_attn.io.atomic import flush

__all__ = ["replace_folder"]


def replace_folder(folder: Path, make: Callable[[Path], object]) -> None:
    """Let `make` fill an empty folder, then put that folder in place of `folder`. Raises `OSError`; then all is as it
    was, or nothing stands there when another process replaced the folder at the same moment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as name:
        fresh, stale = Path(name) / "fresh", Path(name) / "stale"
        fresh.mkdir()
        make(fresh)
        for file in fresh.iterdir():
            flush(file)
        with suppress(FileNotFoundError):
            folder.rename(stale)
        fresh.rename(folder)
