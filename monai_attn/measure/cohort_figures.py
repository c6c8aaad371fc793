"""What is compared between the cases of a cohort: figures of each case and structure, and a doubt about a case.

`monai_attn.measure.quality` has the rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["FEWEST", "CaseFigures", "Doubt", "PartFigures", "robust_z"]

FEWEST = 5
"""Of fewer cases no distribution is known, and nothing is far from it."""

SCALE = 0.6745
"""Makes the median absolute deviation of a normal distribution its standard deviation."""


@dataclass(frozen=True)
class PartFigures:
    """One structure of a case: volume in ml, number of pieces, the share of the largest piece, and whether the
    structure touches the border of the image. `certainty` is from 0 to 1, None where it is not known.
    """

    volume_ml: float
    pieces: int = 1
    largest: float = 1.0
    border: bool = False
    certainty: float | None = None


@dataclass(frozen=True)
class CaseFigures:
    """What is compared of a case: the structures by name, and what the image was like.

    `spacing_mm` and `modality` are those of the image, () and "" where they are not known. `warnings` are those of the
    mask, and `error` says why there is no result.
    """

    case: str
    parts: Mapping[str, PartFigures] = field(default_factory=dict)
    spacing_mm: tuple[float, ...] = ()
    modality: str = ""
    warnings: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Doubt:
    """What speaks for looking at a case: the rule, the structure ("" for the whole case), a sentence, and how much."""

    case: str
    rule: str
    structure: str
    text: str
    score: float


def robust_z(values: Sequence[float]) -> list[float]:
    """How far each value is from the median, in units of the median absolute deviation; nan for a value that is nan.

    0.6745 (x - median) / MAD, after Iglewicz and Hoaglin 1993. All 0 for fewer than `FEWEST` values, and where more
    than half of the values are equal.

    >>> [round(z, 1) for z in robust_z([1.0, 2.0, 3.0, 4.0, 100.0])]
    [-1.3, -0.7, 0.0, 0.7, 65.4]
    """
    array = np.asarray(values, np.float64)
    known = array[np.isfinite(array)]
    if known.size < FEWEST:
        return [0.0] * len(values)
    middle = float(np.median(known))
    spread = float(np.median(np.abs(known - middle)))
    return [0.0 if spread == 0 and math.isfinite(x) else float(SCALE * (x - middle) / spread) for x in array]
