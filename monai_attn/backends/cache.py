"""Files that are costly to make, kept in the user's cache folder under a key that names all they depend on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monai_attn.folders import cache_folder
from monai_attn.io.digest import sha256
from monai_attn.io.plain import read_plain
from monai_attn.results import replace_folder

__all__ = ["Entry"]

MANIFEST = "manifest.json"

logger = logging.getLogger(__name__)


class Entry:
    """A folder in the cache that is complete and unchanged; any other state counts as no entry.

    Its manifest is a JSON file with the SHA-256 of every other file, and with what is to be known about them. The
    folder gets its name in one step, when all files are in it. A cache that cannot be written is no error: everything
    works without the cache, only slower.
    """

    def __init__(self, *names: str) -> None:
        self.folder = cache_folder().joinpath(*names)

    def path(self, file: str) -> Path:
        """The place of a file of the entry."""
        return self.folder / file

    def read(self) -> dict[str, Any] | None:
        """What the manifest says about the entry; None where there is no entry, or where a file is damaged."""
        try:
            manifest = json.loads(read_plain(self.path(MANIFEST)))
            damaged = [name for name, digest in manifest["sha256"].items() if sha256(self.path(name)) != digest]
            about = dict(manifest["about"])
        except (FileNotFoundError, NotADirectoryError):
            if not self.folder.exists():
                return None
            damaged = ["a file is missing"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            damaged = [MANIFEST]
        if damaged:
            logger.warning("The cached %s is damaged (%s) and is made anew.", self.folder.name, ", ".join(damaged))
            return None
        return about

    def write(self, about: Mapping[str, Any], make: Callable[[Path], None] | None = None) -> bool:
        """Let `make` write files into a folder, and put the folder in place of the entry.

        False where that is not possible: no room, no right to write, or another process was faster.
        """

        def fill(fresh: Path) -> None:
            if make:
                make(fresh)
            manifest = {"about": dict(about), "sha256": {file.name: sha256(file) for file in fresh.iterdir()}}
            (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1))

        try:
            replace_folder(self.folder, fill)
        except OSError as error:  # no room, no right, or another process was faster
            logger.info("The cache cannot be written: %s", error)
            return False
        return True
