"""How a network differs from the network without attention: intervals over cases and seeds, and Holm's correction.

Two trainings with the same seed are no pair: their networks begin and go differently. So the seeds of both networks
are drawn apart, and only the cases, which are the same images, are drawn together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""`(cases, seeds)`: what each training of one network scored on each case."""

RESAMPLES = 5000


@dataclass(frozen=True)
class Difference:
    """The mean over cases and seeds of one network's score less that of another.

    - `low`, `high`: the 95 % interval; nan for a single case.
    - `p`: two-sided, from the same resamples. `p_holm`: corrected for the family it was tested in.
    - `effect`: the mean difference of a case, averaged over seeds, divided by its standard deviation over cases
      (Cohen's d of pairs).
    - `seed_sd`: the standard deviation over seeds of the mean score of the network that is compared.
    """

    mean: float
    low: float
    high: float
    p: float
    effect: float
    seed_sd: float
    cases: int
    seeds: int
    p_holm: float = float("nan")


def difference(one: Scores, base: Scores, *, resamples: int = RESAMPLES, seed: int = 0) -> Difference:
    """How `one` differs from `base`, on the same cases in the same order; the numbers of seeds may differ.

    The interval is a nested bootstrap: each resample draws cases, the same for both, and seeds for each of both. A case
    without a score (nan) in any training is left out.

    >>> base = np.array([[0.5, 0.6], [0.7, 0.8], [0.9, 0.8]])
    >>> found = difference(base + 0.1, base)
    >>> round(found.mean, 3), found.cases, found.seeds
    (0.1, 3, 2)
    """
    kept = ~(np.isnan(one).any(axis=1) | np.isnan(base).any(axis=1))
    one, base = one[kept], base[kept]
    nan = float("nan")
    if not len(one):
        return Difference(nan, nan, nan, nan, nan, nan, 0, one.shape[1])
    generator = np.random.default_rng(seed)
    cases = generator.integers(len(one), size=(resamples, len(one)))
    drawn = _means(one, cases, generator) - _means(base, cases, generator)
    each = one.mean(axis=1) - base.mean(axis=1)
    mean, spread = float(each.mean()), float(each.std(ddof=1)) if len(each) > 1 else nan
    low, high = (float(edge) for edge in np.quantile(drawn, [0.025, 0.975])) if len(each) > 1 else (nan, nan)
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(2 * (tail + 1) / (resamples + 1), 1.0)
    effect = mean / spread if spread > 0 else nan
    seeds = float(one.mean(axis=0).std(ddof=1)) if one.shape[1] > 1 else nan
    return Difference(mean, low, high, p, effect, seeds, len(one), one.shape[1])


def _means(scores: Scores, cases: NDArray[np.int64], generator: np.random.Generator) -> Scores:
    """The mean of each resample `(resamples,)`: of the drawn cases, over seeds that are drawn here."""
    count = scores.shape[1]
    seeds = generator.integers(count, size=(len(cases), count))
    weights = np.stack([(seeds == number).sum(axis=1) for number in range(count)], axis=1) / count
    return np.asarray((scores[cases].mean(axis=1) * weights).sum(axis=1))


def holm(p: Sequence[float]) -> list[float]:
    """The p values corrected for being several (Holm 1979), in their order; nan stays, and does not count.

    >>> [round(one, 3) for one in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    corrected = [float("nan")] * len(p)
    order = sorted((number for number, one in enumerate(p) if not np.isnan(one)), key=lambda number: p[number])
    largest = 0.0
    for rank, number in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p[number]))
        corrected[number] = largest
    return corrected


def family(of: Mapping[str, Scores], base: str, *, resamples: int = RESAMPLES) -> dict[str, Difference]:
    """Each network but `base` against it, with p values that are corrected for their number."""
    found = {name: difference(one, of[base], resamples=resamples) for name, one in of.items() if name != base}
    corrected = holm([one.p for one in found.values()])
    return {name: replace(one, p_holm=p) for (name, one), p in zip(found.items(), corrected, strict=True)}
