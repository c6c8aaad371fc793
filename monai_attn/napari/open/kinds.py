"""Is this file an image or a label map, and what are its labels called?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.errors import FileError
from monai_attn.io import stem
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.label_names import label_names
from monai_attn.labels import LabelTable
from monai_attn.segmentation import record_of
from monai_attn.volume import Volume

__all__ = ["is_label_map", "named_as_labels", "record_beside"]

WORDS = re.compile(
    r"(?<![a-z])(seg|segs|segmentations?|mask|masks|labels?|labelmap|dseg|roi|aseg|annotation|truth)(?![a-z])"
)
"""What files of label maps are called: "case_017_seg", "brain.mask", "liver-label"."""

LARGEST = 2**16 - 1
"""Labels above this are taken for values of an image."""

EVEN_SHARE = 0.75
"""In a label map at least this share of neighbours that are both above 0 are equal; in 8-bit MR it is below 0.2."""

SAMPLES = 4_000_000


def is_label_map(volume: Volume, name: str, *, table: LabelTable | None = None) -> bool:
    """Whether a volume is to be opened as labels: a table or the name says so, or its values lie in even patches.

    Images from DICOM, values below 0 and fractions never are. An empty volume is one only by name.
    """
    array = volume.array
    if volume.modality not in ("", "SEG") or array.dtype.kind not in "biuf" or not _whole(volume):
        return False
    if table is not None or named_as_labels(name):
        return True
    return array.dtype.kind in "biu" and _even(volume)


def named_as_labels(name: str) -> bool:
    """Whether a file's name speaks of labels.

    >>> named_as_labels("case_017_seg"), named_as_labels("segway")
    (True, False)
    """
    return WORDS.search(name.lower()) is not None


def record_beside(path: str | Path) -> tuple[LabelTable | None, dict[str, Any]]:
    """Label table and provenance of the JSON beside a mask, as `Segmentation.write` puts it there.

    Else the names that are within the file or in another file beside it, and no provenance; else None, nothing.

    Raises `FileError` when a JSON of ours is damaged, `LabelError` when its table is.
    """
    record = record_of(path)
    content: Any = {}
    if record.is_file():
        try:
            content = read_json_file(record)
        except FileError as error:
            if named_as_labels(stem(path)):
                raise FileError(f"{record.name}, which may name the labels beside it: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("labels"), list):
        return LabelTable.from_json(content["labels"]), dict(content.get("provenance") or {})
    named = label_names(path)
    return (named.table if named is not None else None), {}


def _whole(volume: Volume) -> bool:
    """All values are whole numbers from 0 to `LARGEST`."""
    array = volume.array
    lowest, highest = array.min(), array.max()
    if not (lowest >= 0 and highest <= LARGEST):  # also false for NaN
        return False
    return array.dtype.kind != "f" or all(bool((plane == np.rint(plane)).all()) for plane in array)


def _even(volume: Volume) -> bool:
    """Neighbours above 0 are mostly equal, in planes spread over the volume."""
    array = volume.array
    thin = int(np.argmin(array.shape))
    step = max(1, round(array.size / SAMPLES))
    planes = np.moveaxis(array, thin, 0)[::step]
    both = equal = 0
    for plane in planes:
        one, other = plane[:-1], plane[1:]
        inside = (one > 0) & (other > 0)
        both += int(np.count_nonzero(inside))
        equal += int(np.count_nonzero(inside & (one == other)))
    return both > 0 and equal >= EVEN_SHARE * both
