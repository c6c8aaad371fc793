"""Where the files of a bundle come from that are too large for a repository, as `large_files.yml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monai_attn.bundle.settings import read_settings

__all__ = ["LargeFile", "large_files"]

NAMES = ("large_files.yml", "large_files.yaml", "large_files.json")


@dataclass(frozen=True)
class LargeFile:
    """A file of a bundle that is kept elsewhere: its path in the bundle, its address, and its checksum, "" for none.

    >>> LargeFile("models/model.pt", "https://example.org/model.pt").hash_value
    ''
    """

    path: str
    url: str
    hash_type: str = ""
    hash_value: str = ""


def large_files(root: Path) -> tuple[LargeFile, ...]:
    """The files that a bundle keeps elsewhere; empty where it lists none. Nothing is fetched.

    Raises `BundleError` when the list cannot be read.
    """
    for name in NAMES:
        if (root / name).is_file():
            rows = read_settings(root / name).get("large_files")
            break
    else:
        return ()
    return tuple(
        LargeFile(
            str(row.get("path", "")),
            str(row.get("url", "")),
            str(row.get("hash_type") or ""),
            str(row.get("hash_val") or ""),
        )
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    )
