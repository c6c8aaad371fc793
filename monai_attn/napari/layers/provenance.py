"""How the labels of a layer came to be, kept in its metadata."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

__all__ = ["EDITED", "PROVENANCE", "RUN", "provenance_of"]

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
    return {**made, "edited_by_hand": True} if layer.metadata.get(EDITED) else made
