"""The interval around a volume: between which volumes the true one lies in 90 of 100 patients.

A bundle states two factors for each structure, which were found on patients that training never saw (docs/bundles.md,
`volume_interval`). A volume times these factors is its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monai_attn.measure.structures import Structure

__all__ = ["volume_factors", "with_interval"]

Factors = Mapping[int, tuple[float, float]]
"""For a label value the factors of the lower and the upper end."""


def volume_factors(provenance: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    """The factors by label value that the provenance of a mask holds.

    Empty where the bundle states none, and for a mask that a hand has changed: then the volume is the reader's. A mask
    with a warning has none either: it is unlike the patients that made the factors.

    >>> volume_factors({"volume_interval": {"1": [0.8, 1.5]}})
    {1: (0.8, 1.5)}
    >>> volume_factors({"volume_interval": {"1": [0.8, 1.5]}, "edited_by_hand": True})
    {}
    """
    unlike = provenance.get("edited_by_hand") or provenance.get("warnings")
    said = {} if unlike else provenance.get("volume_interval") or {}
    return {int(value): (float(low), float(high)) for value, (low, high) in said.items()}


def with_interval(structure: Structure, factors: Factors) -> Structure:
    """The structure with the interval of its volume in ml; unchanged where there are no factors, or no voxel."""
    if structure.value not in factors or not structure.voxels:
        return replace(structure, volume_low_ml=None, volume_high_ml=None)
    low, high = factors[structure.value]
    return replace(structure, volume_low_ml=structure.volume_ml * low, volume_high_ml=structure.volume_ml * high)
