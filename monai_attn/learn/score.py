"""How good a new bundle is on cases that its training never saw, measured as everybody else measures it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from monai_attn.backends import Execution
from monai_attn.cases.labelled import LabelledCase
from monai_attn.labels import LabelTable
from monai_attn.learn.guess import Place, guess_labels
from monai_attn.measure import compare, dice, rows
from monai_attn.segmenter import Segmenter
from monai_attn.volume import Volume, same_grid

__all__ = ["KINDS", "Kind", "Scores", "mean_dice_of", "score_cases"]

Kind = Literal["unseen", "validation", "seen"]
"""What the weights knew of the cases that were scored."""

KINDS: Mapping[Kind, str] = {
    "unseen": "that the weights never saw",
    "validation": "of the validation, which chose the weights",
    "seen": "that the weights learned from, or may have learned from",
}
"""The words for it: so many cases ..."""

AT_LEAST = 3
"""Cases that are scored even when the time is over."""


@dataclass(frozen=True)
class Scores:
    """A row for each case and structure, as `monai_attn.measure.rows` gives them, and the cases that were left out.

    `kind` says what the weights knew of the cases. `cases` were scored, of `wanted`. `masks` are their label maps.
    """

    rows: tuple[dict[str, Any], ...]
    cases: tuple[str, ...]
    wanted: int
    kind: Kind
    masks: Mapping[str, PackedMask] = field(default_factory=dict)


@dataclass(frozen=True)
class PackedMask:
    """The label map of a case, compressed: those of all cases are held until the best and the worst are known."""

    packed: bytes
    shape: tuple[int, ...]
    type: str
    affine: NDArray[np.float64]

    @classmethod
    def of(cls, labels: Volume) -> PackedMask:
        """Pack a label map."""
        array = np.asarray(labels.array)
        return cls(zlib.compress(array.tobytes(), 1), array.shape, array.dtype.str, labels.affine)

    def unpacked(self) -> Volume:
        """The label map again."""
        array = np.frombuffer(zlib.decompress(self.packed), self.type)
        return Volume(array.reshape(self.shape), self.affine)


def score_cases(
    root: Path,
    cases: Sequence[LabelledCase],
    table: LabelTable,
    *,
    kind: Kind,
    deadline: float,
    places: Mapping[int, Place] | None = None,
    progress: Callable[[int, int], None] | None = None,
    execution: Execution | None = None,
) -> Scores:
    """Segment cases with a bundle and compare each mask with its reference, structure by structure.

    Structures that were not drawn, or are not to be scored, have no row. A case that would not be done by the
    `deadline` (`time.monotonic()`) is left out, and so is the rest, but three cases are always scored. Cases are taken
    evenly spaced over their list, so that those that are scored stand for all.

    `places` are the usual places of the structures (`monai_attn.learn.guess`). With them a row has the Dice of an
    ellipsoid at that place, `guess_dice`: what can be had without looking at the image.
    """
    segmenter = Segmenter.from_bundle(root, trust=True, execution=execution)
    found: list[dict[str, Any]] = []
    masks: dict[str, PackedMask] = {}
    ends: list[float] = []
    for case in _spread(cases):
        if len(ends) >= AT_LEAST and ends[-1] + _each(ends) > deadline:
            break
        images = {name: file.read() for name, file in case.images.items()}
        prediction = segment_case(segmenter, images)
        found += _rows(prediction, case.label.read(like=next(iter(images.values()))), case, table, places or {})
        masks[case.name] = PackedMask.of(prediction)
        ends.append(time.monotonic())
        if progress is not None:
            progress(len(masks), len(cases))
    return Scores(tuple(found), tuple(masks), len(cases), kind, masks)


def _each(ends: Sequence[float]) -> float:
    """Seconds of a case, by the times at which two cases or more ended. The first of them also starts the back-end.

    >>> _each([13.0, 16.0, 20.0])
    3.5
    """
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def segment_case(segmenter: Segmenter, images: Mapping[str, Volume]) -> Volume:
    """The label map of a case, also where the bundle calls its lone image otherwise than the data set."""
    lone = len(segmenter.parts.inputs) == 1
    return segmenter(next(iter(images.values())) if lone else images, force=True).labels


def mean_dice_of(scores: Scores) -> float:
    """The mean over structures of their mean Dice; nan where nothing was scored."""
    of_structures: dict[str, list[float]] = {}
    for row in scores.rows:
        if not np.isnan(row["dice"]):
            of_structures.setdefault(str(row["name"]), []).append(float(row["dice"]))
    return float(np.mean([np.mean(values) for values in of_structures.values()])) if of_structures else float("nan")


def _rows(
    prediction: Volume, reference: Volume, case: LabelledCase, table: LabelTable, places: Mapping[int, Place]
) -> list[dict[str, Any]]:
    """A row for each structure of a case that counts, and the Dice of the guess beside it."""
    wanted = LabelTable(tuple(table[value] for value in case.scored(table)))
    known = {label.value for label in wanted}
    kept = (_only(prediction, known), _only(reference, known))
    found = rows(compare(*kept, wanted, resample=not same_grid(prediction, reference)), case=case.name)
    guess = guess_labels(reference, places).array if places else None
    if guess is not None:
        true = np.asarray(reference.array)
        for row in found:
            row["guess_dice"] = dice(guess == row["value"], true == row["value"])
    return found


def _only(labels: Volume, values: set[int]) -> Volume:
    """The label map without structures of other values, which `compare` would not know."""
    array = np.asarray(labels.array)
    return labels.with_array(np.where(np.isin(array, list(values)), array, 0).astype(np.uint16))


def _spread(cases: Sequence[LabelledCase]) -> list[LabelledCase]:
    """The cases in an order in which every beginning is spread over the list: first, middle, quarters, eighths."""
    order: list[int] = []
    step = 1
    while step < 2 * len(cases):
        order += [number * len(cases) // step for number in range(step)]
        step *= 2
    return [cases[number] for number in dict.fromkeys(order)]
