"""The window of grey values: which values are drawn black and white, and the words for them in a picture.

Radiologists know a window as centre and width, as in 40/400 HU; drawing needs the darkest and the brightest value.
The conversion is centre ± width / 2. Stored voxels do not change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_attn.errors import InputError
from monai_attn.volume import Volume

__all__ = ["GreyWindow", "parse_window", "window_of"]

BY_UNIT = {"HU": (40.0, 400.0), "g/ml": (5.0, 10.0)}
"""Centre and width of the window by unit: soft tissue in CT, SUV 0 to 10 in PET."""

PERCENTILES = (1.0, 99.0)
"""The window of an image without a known unit, in percent of its finite values."""

SAMPLES = 2_000_000
"""Percentiles are those of about so many voxels, evenly spread, which is accurate enough for grey values."""


@dataclass(frozen=True)
class GreyWindow:
    """Values at or below `lower` are black, at or above `upper` white; `text` names it in every picture.

    `lower` and `upper` have the unit of the image.
    """

    lower: float
    upper: float
    text: str


def window_of(
    image: Volume, wanted: tuple[float, float] | None = None, *, percentiles: tuple[float, float] | None = None
) -> GreyWindow:
    """The window of an image: the wanted (centre, width), else the window for the unit of the image.

    Without a known unit the window covers 1-99 % of the finite values.

    `percentiles` asks for a window of these percentiles, whatever the unit. An image without a finite value gets 0
    to 1, and an even image a window of width 1 at least.

    >>> image = Volume(np.zeros((2, 2, 2)), np.eye(4), "CT", "HU")
    >>> window_of(image).text, window_of(image, (50.0, 350.0)).lower
    ('window 40/400 HU', -125.0)
    """
    centre_width = wanted or (None if percentiles else BY_UNIT.get(image.unit))
    if centre_width is not None:
        centre, width = centre_width
        return GreyWindow(centre - width / 2, centre + width / 2, f"window {centre:g}/{width:g} {image.unit}".rstrip())
    step = max(1, round((image.array.size / SAMPLES) ** (1 / 3)))
    values = image.array[::step, ::step, ::step].astype(np.float32)
    values = values[np.isfinite(values)]
    share = percentiles or PERCENTILES
    lower, upper = (float(value) for value in np.percentile(values, share)) if values.size else (0.0, 1.0)
    if upper <= lower:  # an even image
        lower, upper = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return GreyWindow(lower, upper if upper > lower else lower + 1, f"window {share[0]:g}-{share[1]:g} % of the image")


def parse_window(text: str) -> tuple[float, float]:
    """Centre and width from a text such as "40/400". Raises `InputError` for any other text.

    Both numbers have the unit of the image.

    >>> parse_window("40/400")
    (40.0, 400.0)
    """
    try:
        centre, width = (float(part) for part in text.split("/"))
    except ValueError as error:
        raise InputError(f"A window is written centre/width, for example 40/400, not {text!r}.") from error
    if not (np.isfinite([centre, width]).all() and width > 0):
        raise InputError(f"A window has a finite centre and a width above 0, for example 40/400, not {text!r}.")
    return centre, width
