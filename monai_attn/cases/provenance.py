"""The record of a mask: what it says, which files it names, and whether the mask was changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_attn.io.digest import sha256
from monai_attn.io.plain import read_plain

__all__ = ["CHANGED", "FILES", "HAND", "named_files", "provenance_beside", "read_manifest"]

FILES = "files"
"""The key of a record under which the other files of the case stand, each with its sha256."""

HAND = "edited_by_hand"
"""The key of a mask's provenance that says that a hand changed it."""

CHANGED = "The mask was changed in another program after it was written, so it counts as edited by hand."
"""The note of such a mask."""


def read_manifest(record: Path) -> dict[str, Any] | None:
    """What a record of ours says; None for a file that is missing, unreadable, or no record of ours.

    A record is ours when it is a JSON object with the key "labels" and an object under "provenance". A pipe or a
    device under the name of a record gives None, without waiting for the pipe.
    """
    try:
        content = json.loads(read_plain(record))
    except (OSError, ValueError, RecursionError):
        return None
    ours = isinstance(content, dict) and isinstance(content.get("provenance"), dict) and "labels" in content
    return content if ours else None


def named_files(record: Path) -> dict[str, Any]:
    """The files that a record names, each with the noted SHA-256; none without a record of ours. No file is read.

    Names that contain a folder are left out.
    """
    named = (read_manifest(record) or {}).get(FILES)
    return (
        {name: digest for name, digest in named.items() if Path(name).name == name} if isinstance(named, dict) else {}
    )


def provenance_beside(mask: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance in the record beside a mask, `edited_by_hand` where the mask is not the one that was written.

    The record names the sha256 of its files; a mask of which it has none was changed, or made anew, by another program.
    A record of an earlier version names no files, and is believed. A record without provenance gives {}.

    Raises `OSError` for a mask that cannot be read.
    """
    made = record.get("provenance")
    said = dict(made) if isinstance(made, Mapping) else {}
    files = record.get(FILES)
    if not isinstance(files, Mapping) or not files or said.get(HAND) or sha256(mask) in files.values():
        return said
    return {**said, HAND: True}
