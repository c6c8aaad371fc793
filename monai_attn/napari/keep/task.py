"""One mask that is to be kept, ready to be written in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.labels import LabelTable
from monai_attn.napari.keep.rescue import write_rescue
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["MaskToKeep"]


@dataclass(frozen=True, eq=False)
class MaskToKeep:
    """What a thread needs to write one mask; `round` tells whether it was saved meanwhile.

    It is made in the window's thread, so that the writing thread asks no layer. `labels` lies on the native grid,
    `(I, J, K)`. `path` is the file of an earlier round, which is written over; None where there is none.
    """

    layer: Labels
    labels: Volume
    table: LabelTable
    sources: frozenset[str]
    provenance: dict[str, Any]
    path: Path | None
    folder: Path | None
    round: int

    def write(self) -> Path:
        """Write it; give the file."""
        return write_rescue(
            self.labels, self.table, self.sources, provenance=self.provenance, path=self.path, folder=self.folder
        )
