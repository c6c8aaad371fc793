"""How the labels of a layer came to be, kept in its metadata."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari.layers import Labels, Layer

from monai_attn.cases.provenance import HAND

__all__ = ["EDITED", "MARK", "PROVENANCE", "RUN", "marked", "provenance_of", "warning_text", "warnings_of"]

MARK = "CHECK:"
"""Begins the names of layers whose mask is unlikely (`Segmentation.warnings`)."""

EDITED = "monai_attn_edited"
"""Key in a labels layer's metadata: True once it was painted on or corrected by hand."""

PROVENANCE = "monai_attn_provenance"
"""Key in a labels layer's metadata: how its segmentation came to be, where it is one."""

RUN = "monai_attn_run"
"""Key in a layer's metadata of what tells the layers of one run from those of another."""


def provenance_of(layer: Labels) -> dict[str, Any]:
    """How the labels of a layer came to be, and whether a hand changed them since.

    The keys are those that `Segmentation.write` puts into the JSON beside a mask. A mask painted from nothing gives
    `{"edited_by_hand": True}`, a mask from elsewhere that nobody changed gives {}.
    """
    made = dict(layer.metadata.get(PROVENANCE, {}))
    return {**made, HAND: True} if layer.metadata.get(EDITED) else made


def marked(name: str, warnings: Iterable[object] | None) -> str:
    """The name of a layer, which begins with `MARK` where there are warnings on its mask.

    >>> marked("brain", ["The volume is too large."]), marked("brain", ())
    ('CHECK: brain', 'brain')
    """
    return f"{MARK} {name}" if list(warnings or ()) and not name.startswith(MARK) else name


def warnings_of(layer: Layer) -> tuple[str, ...]:
    """The warnings on the mask of a layer, as the run gave them or as its file says; () for none."""
    made = layer.metadata.get(PROVENANCE)
    return tuple(str(text) for text in made.get("warnings") or ()) if isinstance(made, dict) else ()


def warning_text(layer: Layer | None) -> str:
    """The warnings on the mask of a layer as one text for a panel, "" for none."""
    warnings = warnings_of(layer) if layer is not None else ()
    return "Check this mask before it is used: " + " ".join(warnings) if warnings else ""
