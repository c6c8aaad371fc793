"""A region from one point: the box of the trained size around it, as after one click on the structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monai_attn.volume import Box, Volume

__all__ = ["box_around", "share_inside"]


def box_around(point_mm: Sequence[float] | Any, size_mm: Sequence[float]) -> Box:
    """The box of a size around a point, both in mm along R, A and S.

    `size_mm` is what the network was trained on: `monai_attn.preflight.trained_size_mm` gives it for a bundle. Raises
    `InputError` for a negative size or a point that is not three finite numbers.

    >>> box_around((27, -21, -12), (40, 54, 44)).lower_mm
    (7.0, -48.0, -34.0)
    """
    return Box.around(tuple(float(x) for x in point_mm), tuple(float(x) for x in size_mm))


def share_inside(box: Box, image: Volume) -> float:
    """The share of a box in mm (RAS+) that lies in the image, 0 to 1, sampled at 1000 points."""
    steps = [np.linspace(low, high, 10) for low, high in zip(box.lower_mm, box.upper_mm, strict=True)]
    index = image.to_index(np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3))
    return float(np.all((index >= -0.5) & (index <= np.array(image.shape) - 0.5), axis=1).mean())
