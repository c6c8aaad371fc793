"""Which values an image layer draws black and white: presets, the mouse, and what is remembered of each modality.

A window is written as text, the same everywhere: "40/400" is centre/width, "1-99 %" are percentiles of the image.
"""

from __future__ import annotations

from monai_attn.errors import InputError
from monai_attn.report.window import GreyWindow, parse_window, window_of
from monai_attn.volume import Volume

__all__ = ["PRESETS", "centre_width", "dragged", "kind_of", "parse_percentiles", "presets_of", "written_window"]

PRESETS = {
    "CT": {
        "soft tissue": "40/400",
        "lung": "-600/1500",
        "bone": "400/1800",
        "brain": "40/80",
        "liver": "30/150",
        "mediastinum": "50/350",
    },
    "PT": {"SUV 0-10": "5/10", "SUV 0-5": "2.5/5", "SUV 0-20": "10/20"},
    "": {"1-99 %": "1-99 %", "0.1-99.9 %": "0.1-99.9 %", "5-95 %": "5-95 %", "all values": "0-100 %"},
}
"""Windows by kind of image; the first is what an image opens with. "" has no fixed scale: MR, and whatever is unknown.

CT: Bell DJ, Murphy A et al., "Windowing (CT)", radiopaedia.org/articles/windowing-ct, but soft tissue (there 50/400 for
the abdomen) is 40/400 as in our reports. PET: SUV 0 to 10 as in our reports, its half and its double.
"""

KIND_OF_UNIT = {"HU": "CT", "g/ml": "PT"}

DOUBLING_PX = 150.0
"""Moving the mouse so many pixels to the right doubles the width; twice as many upwards move the centre by one width.

Both are relative to the window, so that the mouse feels alike for CT, SUV and MR."""


def kind_of(image: Volume) -> str:
    """Which presets fit an image: "CT", "PT", or "" for percentiles.

    The unit decides, not the modality: a CT that is not in HU, or a PET in counts, has no fixed scale.
    """
    return KIND_OF_UNIT.get(image.unit, "")


def presets_of(image: Volume) -> dict[str, str]:
    """Name and window of all presets for an image, its own kind first; percentiles are offered for every image.

    Files without a modality (most NIfTI) are offered the CT presets too.
    """
    kinds = [kind_of(image), ""] + (["CT"] if not image.modality and not image.unit else [])
    return {name: text for kind in kinds for name, text in PRESETS[kind].items()}


def written_window(image: Volume, text: str) -> GreyWindow:
    """The window that a text such as "40/400" or "1-99 %" means for an image. Raises `InputError`."""
    if text.rstrip().endswith("%"):
        return window_of(image, percentiles=parse_percentiles(text))
    return window_of(image, parse_window(text))


def parse_percentiles(text: str) -> tuple[float, float]:
    """Lower and upper percentile from "1-99 %". Raises `InputError`."""
    try:
        lower, upper = (float(part) for part in text.strip().removesuffix("%").split("-"))
    except ValueError as error:
        raise InputError(f"Percentiles are written lower-upper %, for example 1-99 %, not {text!r}.") from error
    if not 0 <= lower < upper <= 100:
        raise InputError(f"Percentiles lie between 0 and 100, the lower one first, for example 1-99 %, not {text!r}.")
    return lower, upper


def centre_width(lower: float, upper: float) -> tuple[float, float]:
    """Centre and width of the window from `lower` (black) to `upper` (white)."""
    return (lower + upper) / 2, upper - lower


def dragged(start: tuple[float, float], right_px: float, down_px: float) -> tuple[float, float]:
    """Centre and width after the mouse moved from where it was pressed: right widens, up brightens.

    The width stays above 0, however far the mouse goes; pressing and releasing in one place changes nothing.
    """
    centre, width = start
    doublings = max(-10.0, min(10.0, right_px / DOUBLING_PX))
    return centre + width * down_px / (2 * DOUBLING_PX), width * 2.0**doublings
