"""How the mask in a file came to be, by the record beside it; and whether the mask was changed since."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_attn.io.digest import sha256

__all__ = ["CHANGED", "FILES", "HAND", "provenance_beside"]

FILES = "files"
"""The key of a record under which the other files of the case stand, each with its sha256."""

HAND = "edited_by_hand"
"""The key of a mask's provenance that says that a hand changed it."""

CHANGED = "The mask was changed in another program after it was written, so it counts as edited by hand."
"""The note of such a mask."""


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
