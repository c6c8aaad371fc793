"""How grey values become those of a network: by their unit where they have one, else image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monai_attn.learn.fingerprint import ImageFingerprint

__all__ = ["Normalisation", "normalisation_of", "why_normalised"]


@dataclass(frozen=True)
class Normalisation:
    """How the grey values of one image become the network's: transforms of MONAI and their settings."""

    image: str
    unit: str
    transforms: tuple[Mapping[str, Any], ...]


def normalisation_of(image: ImageFingerprint) -> Normalisation:
    """How the grey values of an image are brought to about zero mean and unit variance."""
    keys = {"keys": image.name}
    if not image.unit or not image.values:
        clip = {"lower": 0.5, "upper": 99.5, "b_min": 0.0, "b_max": 1.0, "clip": True}
        return Normalisation(
            image.name,
            image.unit,
            (
                {"_target_": "ScaleIntensityRangePercentilesd", **keys, **clip},
                {"_target_": "NormalizeIntensityd", **keys},
            ),
        )
    low, high = _range(image)
    scale = {"a_min": low, "a_max": high, "b_min": -2.0, "b_max": 2.0, "clip": True}
    return Normalisation(image.name, image.unit, ({"_target_": "ScaleIntensityRanged", **keys, **scale},))


def _range(image: ImageFingerprint) -> tuple[float, float]:
    """The grey values that are told apart: those of the structures, and in CT at least from fat to soft bone.

    A tenth of the range of the structures is added on either side. Values of 800 HU and more are bone or metal all the
    same; a longer range would leave less of it to soft tissue.
    """
    low, high = image.values["p5"], image.values["p95"]
    margin = 0.1 * (high - low)
    low, high = low - margin, high + margin
    if image.unit == "HU":
        low, high = max(min(low, -300.0), -1024.0), min(max(high, 500.0), 800.0)
    return float(f"{low:.3g}"), float(f"{max(high, low + 1e-3):.3g}")


def why_normalised(image: ImageFingerprint) -> str:
    """The sentence for the plan: from which grey values to which, and why."""
    if not image.unit or not image.values:
        return (
            f"{image.name}: grey values have no unit, so each image is clipped to its 0.5 and 99.5 percentiles and "
            "brought to zero mean and unit variance."
        )
    low, high = _range(image)
    return (
        f"{image.name}: {low:g} to {high:g} {image.unit}, which hold the values of the structures and of what lies "
        "around them, become -2 to 2."
    )
