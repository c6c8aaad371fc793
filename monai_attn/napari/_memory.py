"""The window last chosen for each kind of image, kept beside napari's own settings."""

from __future__ import annotations

import json
from pathlib import Path

from monai_attn.io.atomic import write_bytes_atomic

__all__ = ["remember_window", "remembered_window"]

FILE = "monai-attn-windows.json"

_HERE: dict[str, str] = {}
"""What was chosen in this process: all that is remembered where napari keeps no settings."""


def remember_window(kind: str, text: str) -> None:
    """Keep a window such as "40/400" for a kind of image (`_windows.kind_of`), also for the next start.

    Kind "" has no scale: of it only percentiles are kept, for the numbers of one MR say nothing about the next.
    """
    if not kind and not text.rstrip().endswith("%"):
        return
    _HERE[kind] = text
    path = memory_file()
    if path is not None:
        write_bytes_atomic(path, json.dumps(_kept(path) | _HERE, indent=1).encode(), overwrite=True)


def remembered_window(kind: str) -> str | None:
    """The window last chosen for a kind of image; None when there was none or the file is not one of ours."""
    return (_kept(memory_file()) | _HERE).get(kind)


def memory_file() -> Path | None:
    """Beside napari's own settings; None where those are not kept."""
    from napari.settings import get_settings

    path = get_settings().config_path
    return Path(path).with_name(FILE) if path else None


def _kept(path: Path | None) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
        return {str(kind): str(text) for kind, text in kept.items()}
    except (OSError, ValueError, AttributeError):  # none yet, or edited by hand: the next choice replaces it
        return {}
