"""How much two masks overlap: counts of voxels, and the scores made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_attn.errors import GeometryError
from monai_attn.measure.blocks import Mask

__all__ = ["Overlap", "dice", "jaccard", "overlap_of"]


@dataclass(frozen=True)
class Overlap:
    """Voxels in both masks, only in the prediction, only in the reference. A score of nothing, 0/0, is nan."""

    both: int
    only_prediction: int
    only_reference: int

    @property
    def dice(self) -> float:
        """2|A∩B| / (|A|+|B|). Dice 1945; Sørensen 1948."""
        return _share(2 * self.both, 2 * self.both + self.only_prediction + self.only_reference)

    @property
    def jaccard(self) -> float:
        """|A∩B| / |A∪B|, intersection over union. Jaccard 1901."""
        return _share(self.both, self.both + self.only_prediction + self.only_reference)

    @property
    def sensitivity(self) -> float:
        """Share of the reference that was found; nan when the reference is empty."""
        return _share(self.both, self.both + self.only_reference)

    @property
    def precision(self) -> float:
        """Share of the prediction that is right; nan when the prediction is empty."""
        return _share(self.both, self.both + self.only_prediction)


def overlap_of(prediction: Mask, reference: Mask) -> Overlap:
    """How many voxels lie in both masks and in one mask only. Raises `GeometryError` when the shapes differ.

    >>> overlap_of(np.array([True, True, False]), np.array([True, False, False]))
    Overlap(both=1, only_prediction=1, only_reference=0)
    """
    if prediction.shape != reference.shape:
        raise GeometryError(f"Two masks of shapes {prediction.shape} and {reference.shape} cannot be compared.")
    both = int(np.count_nonzero(prediction & reference))
    return Overlap(both, int(np.count_nonzero(prediction)) - both, int(np.count_nonzero(reference)) - both)


def dice(prediction: Mask, reference: Mask) -> float:
    """Overlap of two boolean masks `(I, J, K)`, 2|A∩B| / (|A|+|B|), between 0 and 1.

    Both masks empty: nan. One mask empty: 0. Raises `GeometryError` when the shapes differ. Dice 1945; Sørensen 1948.

    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    return overlap_of(prediction, reference).dice


def jaccard(prediction: Mask, reference: Mask) -> float:
    """Overlap of two boolean masks `(I, J, K)`, |A∩B| / |A∪B|, between 0 and 1: intersection over union.

    Both masks empty: nan. One mask empty: 0. Raises `GeometryError` when the shapes differ. Jaccard 1901.

    >>> jaccard(np.array([True, True, False]), np.array([True, False, False]))
    0.5
    """
    return overlap_of(prediction, reference).jaccard


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
