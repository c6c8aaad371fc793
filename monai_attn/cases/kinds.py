"""Is this file an image or a label map?"""

from __future__ import annotations

import re

import numpy as np

from monai_attn.labels import LabelTable
from monai_attn.volume import Volume

__all__ = ["is_label_map", "named_as_labels"]

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
