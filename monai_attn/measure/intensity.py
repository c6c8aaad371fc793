"""What an image says inside a mask: mean, median, spread, percentiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_attn.measure.blocks import Block, Mask
from monai_attn.volume import Volume

__all__ = ["Intensity", "intensity_of"]

PERCENTILES = (0, 5, 25, 50, 75, 95, 100)
"""From the smallest to the largest value; between two values linearly interpolated (NumPy's default)."""


@dataclass(frozen=True)
class Intensity:
    """Values of the image inside a mask, in the `unit` of the image: "HU", "g/ml" for SUV, "" where unknown.

    `sd` is the standard deviation, divided by N, the number of voxels. `p05` is the 5th percentile, and so on; between
    two values percentiles are linear. Voxels that are NaN or infinite are left out and counted in `not_finite`. A mask
    without a finite voxel: every number is nan.
    """

    unit: str
    mean: float
    sd: float
    minimum: float
    p05: float
    p25: float
    median: float
    p75: float
    p95: float
    maximum: float
    not_finite: int = 0


def intensity_of(image: Volume, mask: Mask, block: Block | None) -> Intensity:
    """The image's values in a mask that covers one block of its grid."""
    part = image.array[block] if block is not None else np.empty(mask.shape)
    values = part.T[mask.T] if mask.flags.f_contiguous else part[mask]  # along memory: the order does not matter
    voxels = values.size
    # Between two percentiles whole numbers of few bits would overflow.
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values.astype(np.float64)
    if values.size == 0:
        nan = float("nan")
        return Intensity(image.unit, nan, nan, nan, nan, nan, nan, nan, nan, nan, voxels)
    low, p05, p25, median, p75, p95, high = (float(value) for value in np.percentile(values, PERCENTILES))
    mean, sd = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return Intensity(image.unit, mean, sd, low, p05, p25, median, p75, p95, high, voxels - values.size)
