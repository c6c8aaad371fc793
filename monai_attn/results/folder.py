"""`replace_folder`: a whole folder gets its name in one step.

For results that are a folder and not a few files. The new folder is made beside the old one, so that both renames stay
on one disk. Files of one case in a shared folder are the work of `monai_attn.results.commit`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from monai_attn.io.atomic import flush

__all__ = ["replace_folder"]


def replace_folder(folder: Path, make: Callable[[Path], object]) -> None:
    """Let `make` fill an empty folder, then put that folder in place of `folder`.

    `make` is called with the path of the empty folder. Missing parents of `folder` are made. The files directly in the
    new folder are on the disk before the folder gets its name; the former folder is removed afterwards.

    Raises `OSError`, and what `make` raises; then all is as it was. Where another process replaced the folder at the
    same moment, that new folder stands there.

    >>> with tempfile.TemporaryDirectory() as name:
    ...     target = Path(name) / "results"
    ...     replace_folder(target, lambda folder: (folder / "a.txt").write_text("new"))
    ...     [path.name for path in target.iterdir()]
    ['a.txt']
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as name:
        fresh, stale = Path(name) / "fresh", Path(name) / "stale"
        fresh.mkdir()
        make(fresh)
        for file in fresh.iterdir():
            flush(file)
        with suppress(FileNotFoundError):
            folder.rename(stale)
        try:
            fresh.rename(folder)
        except OSError:
            with suppress(OSError):  # there was none, or another process put one there
                stale.rename(folder)
            raise
