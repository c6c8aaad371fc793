"""Which cases of a cohort to look at first: rules that compare each case with the others. An aid, no verdict.

A rule never says that a mask is wrong: a large tumour is far from the cohort too. Each rule can be left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from monai_attn.errors import InputError
from monai_attn.labels import without_side
from monai_attn.measure.cohort_figures import FEWEST, CaseFigures, Doubt, PartFigures, robust_z

__all__ = ["RULES", "find_doubts", "in_order_of_doubt"]

FAR = 3.5
"""A robust z beyond this is far from the cohort. Iglewicz and Hoaglin 1993."""

WHOLE = 0.9
"""A structure whose largest piece holds a smaller share is in several pieces."""

UNSURE = 0.7
"""A mean probability of the winning label below this is low, whatever the cohort."""


def find_doubts(cohort: Sequence[CaseFigures], *, without: Collection[str] = ()) -> list[Doubt]:
    """All doubts about the cases of a cohort, the greatest first. `without` names rules that are left out.

    Raises `InputError` for a rule that does not exist.

    >>> [doubt.rule for doubt in find_doubts([CaseFigures("case_1", {"liver": PartFigures(0.0)})])]
    ['empty']
    """
    unknown = [name for name in without if name not in RULES]
    if unknown:
        raise InputError(f"There is no rule {unknown[0]!r}. The rules are {', '.join(RULES)}.")
    doubts = [doubt for name, rule in RULES.items() if name not in without for doubt in rule(cohort)]
    return sorted(doubts, key=lambda doubt: (-doubt.score, doubt.case, doubt.rule, doubt.structure))


def in_order_of_doubt(cohort: Sequence[CaseFigures], doubts: Iterable[Doubt]) -> list[CaseFigures]:
    """The cases, those with most doubt first; cases without a doubt keep their order."""
    scores: dict[str, float] = defaultdict(float)
    for doubt in doubts:
        scores[doubt.case] += doubt.score
    return sorted(cohort, key=lambda one: -scores[one.case])


def _failed(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    for one in cohort:
        if one.error:
            yield Doubt(one.case, "failed", "", one.error, 100.0)


def _empty(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Structures without a voxel that other cases have, and masks that are empty as a whole."""
    for one in cohort:
        if one.error:
            continue
        if not any(part.volume_ml > 0 for part in one.parts.values()):
            yield Doubt(one.case, "empty", "", "The mask is empty.", 50.0)
            continue
        for name, part in one.parts.items():
            others = [other.parts[name].volume_ml for other in cohort if other is not one and name in other.parts]
            if part.volume_ml == 0 and sum(volume > 0 for volume in others) > len(others) / 2:
                yield Doubt(one.case, "empty", name, f"No {name} was found; most other cases have it.", 30.0)


def _volume(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Volumes far from the cohort, on a logarithmic scale: half and double are equally far."""
    for name, having in _by_structure(cohort).items():
        volumes = [one.parts[name].volume_ml for one in having]
        for one, volume, z in zip(having, volumes, robust_z([math.log(x) for x in volumes]), strict=True):
            if abs(z) > FAR:
                middle = float(np.median(volumes))
                text = (
                    f"The {name} has {volume:.3g} ml; the median of the cohort is {middle:.3g} ml (robust z {z:+.1f})."
                )
                yield Doubt(one.case, "volume", name, text, min(abs(z), 20.0))


def _asymmetry(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Structures of two sides whose volumes differ otherwise than in the cohort."""
    pairs: dict[str, list[tuple[CaseFigures, float, float]]] = defaultdict(list)
    for one in cohort:
        for name, (left, right) in _sides(one.parts).items():
            if left.volume_ml > 0 and right.volume_ml > 0:
                pairs[name].append((one, left.volume_ml, right.volume_ml))
    for name, having in pairs.items():
        ratios = [math.log(one_ml / other_ml) for _, one_ml, other_ml in having]
        for (one, left_ml, right_ml), z in zip(having, robust_z(ratios), strict=True):
            if abs(z) > FAR:
                text = f"The {name} has {left_ml:.3g} ml left and {right_ml:.3g} ml right (robust z {z:+.1f})."
                yield Doubt(one.case, "asymmetry", name, text, min(abs(z), 20.0))


def _pieces(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Structures in several pieces, where most of the cohort has one."""
    for name, having in _by_structure(cohort).items():
        whole = sum(one.parts[name].largest >= WHOLE for one in having)
        if whole <= len(having) / 2:
            continue  # as lesions are, which come in any number
        for one in having:
            part = one.parts[name]
            if part.largest < WHOLE:
                text = f"The {name} is in {part.pieces} pieces; the largest holds {100 * part.largest:.0f} %."
                yield Doubt(one.case, "pieces", name, text, 5.0 + 10 * (1 - part.largest))


def _border(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Structures that touch the border of the image, where most of the cohort does not."""
    for name, having in _by_structure(cohort).items():
        if sum(one.parts[name].border for one in having) > len(having) / 2:
            continue
        for one in having:
            if one.parts[name].border:
                text = f"The {name} touches the border of the image; a part of it may lie beyond."
                yield Doubt(one.case, "border", name, text, 5.0)


def _certainty(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Structures of which the network is less sure than of the cohort, or not sure at all."""
    for name, having in _by_structure(cohort).items():
        known = [(one, sure) for one in having if (sure := one.parts[name].certainty) is not None]
        for (one, sure), z in zip(known, robust_z([each for _, each in known]), strict=True):
            if z < -FAR or sure < UNSURE:
                text = f"The network is {100 * sure:.0f} % sure of the {name} on average."
                yield Doubt(one.case, "certainty", name, text, max(min(-z, 20.0), 10 * (1 - sure)))


def _spacing(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Images whose voxels are more than half as large again, or smaller, than the median of the cohort."""
    known = [one for one in cohort if len(one.spacing_mm) == 3]
    if len(known) < FEWEST:
        return
    middle = np.median([sorted(one.spacing_mm) for one in known], axis=0)
    for one in known:
        ratio = np.asarray(sorted(one.spacing_mm)) / middle
        if ratio.max() > 1.5 or ratio.min() < 1 / 1.5:
            said, usual = (" x ".join(f"{edge:.3g}" for edge in edges) for edges in (one.spacing_mm, middle))
            yield Doubt(one.case, "spacing", "", f"Voxels of {said} mm; usual in the cohort is {usual} mm.", 4.0)


def _modality(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    """Images of another modality than most of the cohort."""
    known = [one.modality for one in cohort if one.modality]
    if not known:
        return
    usual = max(sorted(set(known)), key=known.count)
    for one in cohort:
        if one.modality and one.modality != usual:
            yield Doubt(one.case, "modality", "", f"The image is {one.modality}; most of the cohort is {usual}.", 20.0)


def _warnings(cohort: Sequence[CaseFigures]) -> Iterator[Doubt]:
    for one in cohort:
        for text in one.warnings:
            yield Doubt(one.case, "warnings", "", text, 8.0)


def _by_structure(cohort: Sequence[CaseFigures]) -> dict[str, list[CaseFigures]]:
    """The cases that have a voxel of each structure, by its name."""
    found: dict[str, list[CaseFigures]] = defaultdict(list)
    for one in cohort:
        for name, part in one.parts.items():
            if part.volume_ml > 0:
                found[name].append(one)
    return found


def _sides(parts: Mapping[str, PartFigures]) -> dict[str, tuple[PartFigures, PartFigures]]:
    """The structures that are there for both sides, by their name without the side: left, then right."""
    sides: dict[str, dict[str, PartFigures]] = defaultdict(dict)
    for name, part in parts.items():
        rest, side = without_side(name)
        if side:
            sides[rest][side] = part
    return {name: (both["left"], both["right"]) for name, both in sides.items() if len(both) == 2}


Rule = Callable[[Sequence[CaseFigures]], Iterator[Doubt]]

RULES: Mapping[str, Rule] = {
    "failed": _failed,
    "empty": _empty,
    "volume": _volume,
    "asymmetry": _asymmetry,
    "pieces": _pieces,
    "border": _border,
    "certainty": _certainty,
    "spacing": _spacing,
    "modality": _modality,
    "warnings": _warnings,
}
"""The rules by name. What each looks for stands in docs/cohorts.md."""
