"""A cohort in a few numbers: mean and median of each score over the cases, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError

__all__ = ["SCORES", "Summary", "summarise"]

SCORES = (
    "dice",
    "jaccard",
    "sensitivity",
    "precision",
    "volume_difference_ml",
    "hd_mm",
    "hd95_mm",
    "assd_mm",
    "nsd",
)
"""The fields of a `Comparison` that are summarised."""


class Scored(Protocol):
    """Something with scores and the name of what they are of; a `Comparison` is one."""

    @property
    def name(self) -> str:
        """The structure."""


@dataclass(frozen=True)
class Summary:
    """One score of one structure over a cohort: mean and median, each with an interval.

    `cases` counts all cases. `undefined` counts the cases with a score of nan, where there was nothing to compare;
    mean and median leave these out. `infinite` counts the cases with a score of inf, where one mask was empty. They
    stay in: the mean becomes inf, and so does the median when half of the cases are infinite. Intervals come from a
    percentile bootstrap over the cases (Efron 1979); they are nan with fewer than two defined cases.
    """

    name: str
    score: str
    cases: int
    undefined: int
    infinite: int
    mean: float
    mean_low: float
    mean_high: float
    median: float
    median_low: float
    median_high: float


def summarise(
    comparisons: Sequence[Scored],
    *,
    scores: Sequence[str] = SCORES,
    confidence: float = 0.95,
    resamples: int = 2000,
    generator: np.random.Generator | None = None,
) -> list[Summary]:
    """Each score of each structure over all its comparisons, one for each case: mean, median and their intervals.

    Anything with a name and the fields listed in `scores` can stand for a comparison. Intervals hold the share
    `confidence` of `resamples` bootstrap samples. They are the same every time: without a `generator` each call starts
    from seed 0. No comparisons: an empty list. Raises `InputError` for a confidence outside 0 to 1.

    >>> from collections import namedtuple
    >>> Case = namedtuple("Case", "name dice")
    >>> [liver] = summarise([Case("liver", 0.9), Case("liver", 0.8), Case("liver", float("nan"))], scores=["dice"])
    >>> round(liver.mean, 3), liver.cases, liver.undefined
    (0.85, 3, 1)
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise InputError(
            f"An interval needs a confidence between 0 and 1 and resamples, not {confidence}, {resamples}."
        )
    generator = generator or np.random.default_rng(0)
    names = dict.fromkeys(comparison.name for comparison in comparisons)
    summaries = []
    for name in names:
        cases = [comparison for comparison in comparisons if comparison.name == name]
        for score in scores:
            values = np.array([getattr(case, score) for case in cases], dtype=np.float64)
            defined = values[~np.isnan(values)]
            tails = ((1 - confidence) / 2, (1 + confidence) / 2)
            mean, median = _with_interval(defined, tails, resamples, generator)
            undefined, infinite = len(cases) - defined.size, int(np.isinf(defined).sum())
            summaries.append(Summary(name, score, len(cases), undefined, infinite, *mean, *median))
    return summaries


def _with_interval(
    values: NDArray[np.float64], tails: tuple[float, float], resamples: int, generator: np.random.Generator
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if values.size == 0:
        nothing = (float("nan"),) * 3
        return nothing, nothing
    drawn = values[generator.integers(values.size, size=(resamples, values.size))]  # (resamples, cases)
    results = []
    for centre in (np.mean, _median):
        # "inverted_cdf" takes a value that occurred, so that inf - inf never arises.
        low, high = np.quantile(centre(drawn, axis=1), tails, method="inverted_cdf")
        if values.size < 2:
            low = high = float("nan")
        results.append((float(centre(values, axis=0)), float(low), float(high)))
    return results[0], results[1]


def _median(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    ordered = np.sort(values, axis=axis)
    count = ordered.shape[axis]
    middle = ordered.take((count - 1) // 2, axis=axis) + ordered.take(count // 2, axis=axis)
    return np.asarray(middle / 2, dtype=np.float64)
