"""Whether a mask of regions that a finder chose can be believed: volumes that no patient has, sides that differ.

A finder can be wrong without noticing. So a mask of its regions is held to wide limits, beyond which no mask is given
without `force`; the narrower limits of `check_mask` give warnings, for every mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from monai_attn.finders import RegionLabels
from monai_attn.labels import Label
from monai_attn.preflight.findings import Finding, refuse, texts
from monai_attn.preflight.made_for import MadeFor
from monai_attn.volume import Volume

__all__ = ["check_sides"]

FEW, MANY = 0.2, 3.0
"""A structure below this share of the smallest of the training, or above this multiple of the largest, is refused."""

UNEQUAL = 0.6
"""Sides whose volumes differ by more than this share of their mean get a warning."""

FAR_UNEQUAL = 1.2
"""And by more than this share, the mask is refused. A hippocampus of a third of the other differs by 1.0."""


def check_sides(made_for: MadeFor | None, labels: Volume, joined: RegionLabels, *, force: bool = False) -> list[str]:
    """The warnings on a joined mask of regions that a finder chose.

    Raises `InputError` for a structure that is missing or has a volume that is not plausible, and for sides that
    differ far too much; with `force` these sentences are warnings. Volumes are in ml; without `made_for` only the
    sides are compared.

    `joined` holds the label of each structure in each region, as in `monai_attn.finders.region_labels`.
    """
    volumes = {
        label.value: float(np.count_nonzero(labels.array == label.value)) * labels.voxel_ml
        for region in joined.values()
        for label in region.values()
    }
    findings = [*_sizes(made_for, joined, volumes), *_unequal(joined, volumes)]
    refuse(findings, force=force)
    return texts(findings, "error", "warning")


def _sizes(made_for: MadeFor | None, joined: RegionLabels, volumes: Mapping[int, float]) -> Iterator[Finding]:
    """An "error" for each structure whose volume no patient has."""
    for region in joined.values():
        for value, label in region.items():
            trained = None if made_for is None else made_for.structures.get(value)
            if trained is None:
                continue
            (least, most), found = trained.volume_ml, volumes[label.value]
            if found < FEW * least or found > MANY * most:
                yield Finding(
                    "error",
                    f"The {label.name} has {found:.3g} ml, and in the training images it had {least:.3g} to "
                    f"{most:.3g} ml: the regions may have been found in a wrong place. Look at them, or give them: "
                    "--region NAME=R0,A0,S0,R1,A1,S1.",
                )


def _unequal(joined: RegionLabels, volumes: Mapping[int, float]) -> Iterator[Finding]:
    """A warning or an "error" where left and right differ more than structures of one person usually do."""
    sides: dict[str, list[Label]] = {"left": [], "right": []}
    for region in joined.values():
        for label in region.values():
            sides.setdefault(label.laterality, []).append(label)
    left, right = (sum(volumes[label.value] for label in sides[side]) for side in ("left", "right"))
    if not sides["left"] or not sides["right"] or not left + right:
        return
    difference = abs(right - left) / ((left + right) / 2)
    if difference > UNEQUAL:
        yield Finding(
            "error" if difference > FAR_UNEQUAL else "warning",
            f"Left ({left:.3g} ml) and right ({right:.3g} ml) differ by {100 * difference:.0f} % of their mean. One "
            "side may have been missed.",
        )
