"""What a segmenter gives: a label map on the source grid, its names, and how it came to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.errors import FileError, LabelError
from monai_attn.io import atomic_path, write
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume

__all__ = ["RESEARCH_USE", "Segmentation"]

RESEARCH_USE = "Research use only; not a medical device."
"""The line that goes wherever a mask is shown or reported."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """An integer label map on the grid of the source image, the meaning of its values, and its provenance.

    `maps` holds what was asked for besides (attention, probabilities, uncertainty), each on the source grid.
    Raises `LabelError` when the labels are not whole numbers or not all in the table; an empty table names
    every value it finds "label N".
    """

    labels: Volume
    table: LabelTable
    provenance: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, Volume] = field(default_factory=dict)

    def __post_init__(self) -> None:
        array = self.labels.array
        if array.dtype.kind not in "iu":
            raise LabelError(f"A label map holds whole numbers; this one is of type {array.dtype}.")
        if len(self.table) == 0:
            values = [int(value) for value in np.unique(array) if value != 0]
            object.__setattr__(self, "table", LabelTable.of_names({value: f"label {value}" for value in values}))
        self.table.check(array)

    def mask(self, value: int) -> Volume:
        """One structure as a boolean volume. Raises `LabelError` for a value that the table does not know."""
        return self.labels.with_array(self.labels.array == self.table[value].value)

    def save(self, folder: str | Path, *, stem: str, overwrite: bool = False) -> list[Path]:
        """Write `<stem>_seg.nii.gz` and beside it `<stem>_seg.json`, the label table and provenance; give both paths.

        Each write is atomic, the mask is read back and compared, and the JSON comes last: where it stands, the mask
        is complete. Raises `FileError` when one exists and `overwrite` is false; then nothing is written.
        """
        mask, record = (Path(folder) / f"{stem}_seg{suffix}" for suffix in (".nii.gz", ".json"))
        for path in (mask, record):
            if path.exists() and not overwrite:
                raise FileError(f"{path.name} exists already. Choose another folder, or allow it with overwrite.")
        write(self.labels, mask, overwrite=overwrite)
        content = {"notice": RESEARCH_USE, "labels": self.table.to_json(), "provenance": dict(self.provenance)}
        with atomic_path(record, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
        return [mask, record]
