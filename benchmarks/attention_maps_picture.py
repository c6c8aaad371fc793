"""One picture of the maps of all networks: the best and the worst case, a plane through the middle of the structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.report.drawing import new_figure, to_png

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Seen:
    """What one network saw of one case; all arrays are `(I, J, K)` on one grid."""

    variant: str
    case: str
    image: Array
    reference: Array
    prediction: Array
    map: Array


def picture(seen: Sequence[Seen]) -> bytes:
    """A PNG with a row for each case and a column for each network; the map is coloured from 0 to its maximum."""
    cases = list(dict.fromkeys(one.case for one in seen))
    variants = list(dict.fromkeys(one.variant for one in seen))
    rows, columns = max(len(cases), 1), max(len(variants), 1)
    tallest = max((one.image.shape[2] / one.image.shape[0] for one in seen), default=1.0)
    figure = new_figure(1.9 * columns, (1.85 * tallest + 0.35) * rows, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for one in seen:
        axis = axes[cases.index(one.case), variants.index(one.variant)]
        middle = (
            round(float(np.mean(np.nonzero(one.reference)[1]))) if np.any(one.reference) else one.image.shape[1] // 2
        )
        image, reference, prediction, found = (
            np.asarray(array, np.float32)[:, middle].T for array in (one.image, one.reference, one.prediction, one.map)
        )
        axis.imshow(image, cmap="gray", origin="lower")
        axis.imshow(found, cmap="magma", vmin=0, vmax=float(np.max(one.map)), alpha=0.55, origin="lower")
        axis.contour(reference > 0, [0.5], colors="white", linewidths=0.8)
        axis.contour(prediction > 0, [0.5], colors="#30e0ff", linewidths=0.8)
        place = "best" if one.case == cases[0] else "worst"
        axis.set_title(f"{one.variant}, {place} case", fontsize=8)
    return to_png(figure)
