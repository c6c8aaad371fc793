"""Left against right: the volume of each paired structure on both sides, and an index of their asymmetry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monai_attn.labels import Label, LabelTable, without_side
from monai_attn.measure.structures import Structure

__all__ = ["Sides", "measure_sides"]


@dataclass(frozen=True)
class Sides:
    """A paired structure on both sides, measured: volumes in ml, and the asymmetry index in percent.

    The field `head_scale` is the volume of the head as a multiple of the template's head. The scaled volumes are those
    in a head of the template's size. These three are None where head size was not asked for, or no registration
    measured it. The index and the scale are defined in docs/measurements.md.

    >>> Sides.of("hippocampus", 3.0, 5.0).asymmetry_percent
    50.0
    """

    name: str
    left_ml: float
    right_ml: float
    asymmetry_percent: float
    head_scale: float | None = None
    left_scaled_ml: float | None = None
    right_scaled_ml: float | None = None

    @classmethod
    def of(cls, name: str, left_ml: float, right_ml: float, head_scale: float | None = None) -> Sides:
        """The asymmetry index 100 (R - L) / ((R + L) / 2) of the volumes R and L, and volumes scaled to the head.

        The index is positive where the right side is larger, 0 for equal sides, 200 where the left side is empty, and
        nan where both are.
        """
        total = left_ml + right_ml
        index = 200.0 * (right_ml - left_ml) / total if total else float("nan")
        scaled = (None, None) if head_scale is None else (left_ml / head_scale, right_ml / head_scale)
        return cls(name, left_ml, right_ml, index, head_scale, *scaled)


def measure_sides(
    structures: Sequence[Structure], table: LabelTable, *, head_scale: float | None = None
) -> list[Sides]:
    """The paired structures of a label map, left against right; where parts have one code, their sum comes last.

    Two labels are a pair when one has the laterality "left" and one "right", and their names differ by these words
    only. `structures` are those that `measure_structures` gave. No pair: an empty list. Volumes are in ml.

    Definition of the index: docs/measurements.md.
    """
    volumes = {one.value: one.volume_ml for one in structures}
    pairs = [pair for pair in _pairs(table) if all(one.value in volumes for one in pair)]
    sides = [Sides.of(_plain(left), volumes[left.value], volumes[right.value], head_scale) for left, right in pairs]
    groups: dict[str, list[tuple[Label, Label]]] = {}
    for left, right in pairs:
        if left.code is not None and left.code == right.code:
            groups.setdefault(left.code.meaning, []).append((left, right))
    for meaning, parts in groups.items():
        if len(parts) > 1:
            both = [sum(volumes[pair[side].value] for pair in parts) for side in (0, 1)]
            sides.append(Sides.of(f"{meaning.lower()}, all parts", both[0], both[1], head_scale))
    return sides


def _pairs(table: LabelTable) -> Iterator[tuple[Label, Label]]:
    right = {_plain(label): label for label in table if label.laterality == "right"}
    for label in table:
        if label.laterality == "left" and _plain(label) in right:
            yield label, right[_plain(label)]


def _plain(label: Label) -> str:
    """The name of a label without its side.

    >>> _plain(Label(1, "left anterior hippocampus", "#ff0000", laterality="left"))
    'anterior hippocampus'
    """
    return without_side(label.name)[0]
