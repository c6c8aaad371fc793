"""Which lesions were found: one lesion of the prediction to one of the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_attn.errors import InputError
from monai_attn.measure.blocks import Block, Mask, check_grid
from monai_attn.measure.lesions import find_lesions
from monai_attn.measure.resampling import labels_on_grid
from monai_attn.volume import Volume

__all__ = ["Detection", "Match", "detect_lesions"]

PANOPTIC_IOU = 0.5
"""Above it a match is unique, whatever the assignment (Kirillov et al. 2019)."""


@dataclass(frozen=True)
class Match:
    """A lesion of the prediction that is one of the reference; numbers as `measure_lesions` gives them."""

    prediction: int
    reference: int
    iou: float
    dice: float


@dataclass(frozen=True)
class Detection:
    """Lesions matched, missed and extra, by the numbers that `measure_lesions` gives.

    No lesion on either side: the scores are nan. Lesions on one side only: F1 and `panoptic_quality` are 0;
    `sensitivity` is nan without a lesion in the reference, `precision` without a lesion in the prediction.
    `panoptic_quality` is the sum of IoU over pairs above 0.5, divided by TP + FP/2 + FN/2 at 0.5.
    """

    value: int
    min_iou: float
    matches: tuple[Match, ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    panoptic_quality: float

    @property
    def matched(self) -> int:
        """How many lesions were found."""
        return len(self.matches)

    @property
    def sensitivity(self) -> float:
        """Share of the reference's lesions that were found."""
        return _share(self.matched, self.matched + len(self.missed))

    @property
    def precision(self) -> float:
        """Share of the predicted lesions that are in the reference."""
        return _share(self.matched, self.matched + len(self.extra))

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _share(2 * self.matched, 2 * self.matched + len(self.missed) + len(self.extra))


def detect_lesions(
    prediction: Volume,
    reference: Volume,
    value: int,
    *,
    min_iou: float = 0.1,
    connectivity: int = 26,
    min_ml: float = 0.0,
    resample: bool = False,
) -> Detection:
    """Which lesions of the reference were found: lesions of both maps are matched one to one.

    A lesion is a connected component of the label `value`, of at least `min_ml`, with `connectivity` 6, 18 or 26.
    Among all matchings the one with the largest total IoU is taken. A pair counts above `min_iou`. No lesion on
    either side: scores are nan.

    Raises `GeometryError` when the grids differ and `resample` is not set, and `InputError` for a `min_iou` outside
    0 to 1. Source of `panoptic_quality`: Kirillov et al., CVPR 2019.

    >>> reference = Volume(np.array([[[1, 1, 1, 0, 1, 1]]]))
    >>> prediction = Volume(np.array([[[1, 1, 1, 0, 0, 0]]]))
    >>> detect_lesions(prediction, reference, 1).missed
    (2,)
    """
    if not 0 <= min_iou < 1:
        raise InputError(f"Two lesions match above an IoU between 0 and 1; this one is {min_iou}.")
    if resample:
        prediction = labels_on_grid(prediction, reference)
    check_grid(prediction, reference, "The prediction and the reference")
    found = find_lesions(prediction, value, connectivity=connectivity, min_ml=min_ml)
    expected = find_lesions(reference, value, connectivity=connectivity, min_ml=min_ml)
    iou = np.array([[_iou(one, other) for other in expected] for one in found]).reshape(len(found), len(expected))
    pairs = _assign(iou, min_iou)
    matches = tuple(Match(p + 1, r + 1, float(iou[p, r]), float(2 * iou[p, r] / (1 + iou[p, r]))) for p, r in pairs)
    sure = sum(float(iou[pair]) for pair in _assign(iou, PANOPTIC_IOU))
    return Detection(
        value=value,
        min_iou=min_iou,
        matches=matches,
        missed=_without(len(expected), {match.reference for match in matches}),
        extra=_without(len(found), {match.prediction for match in matches}),
        panoptic_quality=_share(sure, (len(found) + len(expected)) / 2),
    )


def _assign(iou: np.ndarray[tuple[int, int], np.dtype[np.float64]], above: float) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment  # takes a fifth of a second to load

    counted = np.where(iou > above, iou, 0.0)  # so that no pair below is preferred to one above
    rows, columns = linear_sum_assignment(counted, maximize=True)
    return [(int(p), int(r)) for p, r in zip(rows, columns, strict=True) if counted[p, r] > 0]


def _iou(one: tuple[Block, Mask], other: tuple[Block, Mask]) -> float:
    (block, mask), (second, reference) = one, other
    start = [max(a.start, b.start) for a, b in zip(block, second, strict=True)]
    stop = [min(a.stop, b.stop) for a, b in zip(block, second, strict=True)]
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return 0.0
    common = [
        part[tuple(slice(a - s.start, b - s.start) for a, b, s in zip(start, stop, where, strict=True))]
        for part, where in ((mask, block), (reference, second))
    ]
    both = int(np.count_nonzero(common[0] & common[1]))
    return both / (int(np.count_nonzero(mask)) + int(np.count_nonzero(reference)) - both)


def _without(count: int, numbers: set[int]) -> tuple[int, ...]:
    return tuple(number for number in range(1, count + 1) if number not in numbers)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
