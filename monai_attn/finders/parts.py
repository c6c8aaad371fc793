"""One region of a case on its way through `monai.bundle run`, where each region is an item of its own.

The checked preprocessing notes in an item's meta data which region it is. The saver collects the items of a case and
joins them. The note is JSON text, because MONAI's collation leaves text as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.finders.joining import JoinedLabels, RegionLabels
from monai_attn.labels import LabelTable
from monai_attn.volume import Box, Volume

__all__ = ["REGION_KEY", "PartNote", "collect_part"]

REGION_KEY = "region"
"""Where the meta data of an item hold its note."""


@dataclass(frozen=True)
class PartNote:
    """Which region of a case an item is, and what all regions of the case need to become one label map.

    `name` is the item's region and `boxes` are those of all regions, in mm (RAS+). `labels` are the labels of each
    region in the joined map. `shape` and `affine` are the grid of the whole image. `about` goes into the record.
    """

    name: str
    boxes: Mapping[str, Box]
    labels: RegionLabels
    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_text(self) -> str:
        """The note as JSON text.

        Numbers keep all their digits; `from_text` is the inverse.
        """
        labels = {
            name: [{**asdict(label), "of": value} for value, label in row.items()] for name, row in self.labels.items()
        }
        boxes = {name: [list(box.lower_mm), list(box.upper_mm)] for name, box in self.boxes.items()}
        content = {"name": self.name, "boxes": boxes, "labels": labels, "shape": list(self.shape)}
        return json.dumps({**content, "affine": self.affine.tolist(), "about": dict(self.about)})

    @classmethod
    def from_text(cls, text: str) -> PartNote:
        """The note of which `to_text` gave the text. Raises `KeyError` or `ValueError` for other text."""
        said = json.loads(text)
        boxes = {name: Box(tuple(lower), tuple(upper)) for name, (lower, upper) in said["boxes"].items()}
        labels = {
            name: dict(zip((int(row["of"]) for row in rows), LabelTable.from_json(rows), strict=True))
            for name, rows in said["labels"].items()
        }
        i, j, k = said["shape"]
        return cls(said["name"], boxes, labels, (i, j, k), np.array(said["affine"]), said["about"])

    @property
    def whole(self) -> Volume:
        """A volume on the grid of the whole image, without values of its own."""
        return Volume(np.broadcast_to(np.uint8(0), self.shape), self.affine)


def collect_part(parts: dict[str, NDArray[np.generic]], note: PartNote, array: NDArray[np.generic]) -> Volume | None:
    """Add the labels of one region to those of its case; the joined label map when it was the last, else None.

    `parts` holds the label maps of the case so far by region. The regions may come in any order.
    """
    parts[note.name] = array
    if set(parts) != set(note.boxes):
        return None
    joined = JoinedLabels(note.whole, note.boxes, note.labels)
    for name, box in note.boxes.items():
        joined.add(name, note.whole.slices_of(box), parts[name])
    return Volume(joined.array, note.affine)
