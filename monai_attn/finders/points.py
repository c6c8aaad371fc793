"""A region from one point: the box of the trained size around it, as after one click on the structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai_attn.volume import Box

__all__ = ["box_around"]


def box_around(point_mm: Sequence[float] | Any, size_mm: Sequence[float]) -> Box:
    """The box of a size around a point, both in mm along R, A and S.

    `size_mm` is what the network was trained on: `monai_attn.preflight.trained_size_mm` gives it for a bundle. Raises
    `InputError` for a negative size or a point that is not three finite numbers.

    >>> box_around((27, -21, -12), (40, 54, 44)).lower_mm
    (7.0, -48.0, -34.0)
    """
    return Box.around(tuple(float(x) for x in point_mm), tuple(float(x) for x in size_mm))
