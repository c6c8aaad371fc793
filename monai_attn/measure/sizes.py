"""Scores by the size of the structure: a network that is right on large tumours may be wrong on small ones.

A mean over all cases hides this, since large structures are easy, and relative errors of volume are those of the small
ones. So the rows of a comparison are put into classes by the volume of the reference, and each class has its figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError

__all__ = ["SizeClass", "by_size"]

SCORES = ("dice", "sensitivity", "precision", "assd_mm", "prediction_ml", "reference_ml")
"""The columns of a row that are read."""


@dataclass(frozen=True)
class SizeClass:
    """One structure in the cases whose reference has a volume from `lower_ml` (included) to `upper_ml` (excluded).

    - `cases`: how many there are. Without a case all figures are nan.
    - `dice_mean`, `dice_sd` (N - 1), `dice_median`, `sensitivity_mean`, `precision_mean`: between 0 and 1.
    - `assd_median_mm`: the mean surface distance of the median case, inf where most cases have no mask.
    - `volume_error`: the median over cases of (prediction - reference) / reference, with its sign; 0.1 is 10 % too
      large. `volume_error_size`: the median of its size without the sign.
    - `difference_ml`, `lower_limit_ml`, `upper_limit_ml`: the mean difference of the volumes, and the limits of
      agreement, which lie 1.96 SD below and above (Bland and Altman 1986).
    """

    name: str
    lower_ml: float
    upper_ml: float
    cases: int
    dice_mean: float
    dice_sd: float
    dice_median: float
    sensitivity_mean: float
    precision_mean: float
    assd_median_mm: float
    volume_error: float
    volume_error_size: float
    difference_ml: float
    lower_limit_ml: float
    upper_limit_ml: float

    @property
    def title(self) -> str:
        """The class in words, such as "50 to 150 ml"."""
        if self.lower_ml <= 0 and np.isinf(self.upper_ml):
            return "all sizes"
        if self.lower_ml <= 0:
            return f"below {self.upper_ml:.3g} ml"
        if np.isinf(self.upper_ml):
            return f"from {self.lower_ml:.3g} ml"
        return f"{self.lower_ml:.3g} to {self.upper_ml:.3g} ml"


def by_size(rows: Sequence[Mapping[str, Any]], edges_ml: Sequence[float] | None = None) -> list[SizeClass]:
    """The figures of each structure by the volume of its reference, smallest class first.

    - `rows`: rows of `monai_attn.measure.rows(compare(...))`, or those of a `scores.csv`, whose numbers may be text.
    - `edges_ml`: where one class ends and the next begins, in ml, such as (50, 150, 500). By default each structure has
      its own three classes with about as many cases in each: the smallest third, the middle and the largest third.

    A case without the structure in its reference has no size, and is left out. A structure that is in no reference has
    no classes, and no rows give an empty list. Raises `InputError` for edges that do not rise from above 0.

    >>> row = {"name": "cyst", "dice": 0.9, "sensitivity": 0.9, "precision": 0.9, "assd_mm": 1.0}

    >>> small, large = by_size([row | {"prediction_ml": 12, "reference_ml": 10}], edges_ml=[50])
    >>> small.title, small.cases, round(small.volume_error, 3), large.cases
    ('below 50 ml', 1, 0.2, 0)
    """
    edges = None if edges_ml is None else [float(edge) for edge in edges_ml]
    if edges is not None and any(not low < high for low, high in pairwise([0.0, *edges])):
        raise InputError(f"The edges of size classes must rise from above 0 ml, not {edges}.")
    classes: list[SizeClass] = []
    for name in dict.fromkeys(str(row["name"]) for row in rows):
        table = np.array([[float(row[key]) for key in SCORES] for row in rows if str(row["name"]) == name])
        table = table[table[:, -1] > 0]
        if len(table):
            classes += _classes(name, table, _thirds(table[:, -1]) if edges is None else edges)
    return classes


def _thirds(volumes_ml: NDArray[np.float64]) -> list[float]:
    """Edges between thirds of volumes; fewer where volumes are equal or there are less than six."""
    if len(volumes_ml) < 6:
        return []
    return sorted({float(edge) for edge in np.quantile(volumes_ml, [1 / 3, 2 / 3])} - {float(volumes_ml.min())})


def _classes(name: str, table: NDArray[np.float64], edges: Sequence[float]) -> Iterator[SizeClass]:
    """The classes of one structure; the columns of `table` are `SCORES`."""
    for low, high in pairwise([0.0, *edges, np.inf]):
        part = table[(table[:, -1] >= low) & (table[:, -1] < high)]
        yield SizeClass(name, low, float(high), len(part), *_figures(part))


def _figures(part: NDArray[np.float64]) -> list[float]:
    """The figures of a class, in the order of `SizeClass`; nan without a case."""
    if not len(part):
        return [float("nan")] * 11
    dice, sensitivity, precision, assd, predicted, referred = part.T
    difference = predicted - referred
    error = difference / referred
    spread = 1.96 * float(difference.std(ddof=1)) if len(part) > 1 else float("nan")
    mean = float(difference.mean())
    return [
        float(dice.mean()),
        float(dice.std(ddof=1)) if len(part) > 1 else float("nan"),
        float(np.median(dice)),
        float(sensitivity.mean()),
        float(np.nanmean(precision)) if not np.isnan(precision).all() else float("nan"),
        float(np.median(assd)),
        float(np.median(error)),
        float(np.median(np.abs(error))),
        mean,
        mean - spread,
        mean + spread,
    ]
