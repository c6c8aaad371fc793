"""Predictions compared with references, pair by pair, and the cohort in a few numbers.

`monai-attn compare` and the cohort report call this module. The scores themselves are computed in
`monai_attn.measure`; here masks are read, labels are named and tables are put together. Masks stay as they are on
the disk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.cohort.attempt import attempt
from monai_attn.cohort.measure import find_label
from monai_attn.cohort.pairs import Pair
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.labels import Label, LabelTable
from monai_attn.measure import (
    ERRORS,
    SCHEMA,
    Comparison,
    Detection,
    compare,
    detect_lesions,
    error_map,
    labels_on_grid,
    rows,
    summarise,
)
from monai_attn.measure.blocks import label_array
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume, same_grid

__all__ = ["Compared", "Criteria", "compare_pair", "comparison_rows", "complete"]

LESION_SCORES = ("lesion_sensitivity", "lesion_precision", "lesion_f1", "panoptic_quality")
"""The scores of a detection that are averaged over the cases."""

NOTHING = Volume(np.zeros((1, 1, 1), np.uint8))
"""A mask without any label, compared with itself for a structure that is in neither mask of a case."""


@dataclass(frozen=True)
class Criteria:
    """How predictions are compared with references; docs/measurements.md defines the scores.

    `tolerance_mm` belongs to the surface Dice, and `resample` allows another grid. `lesions` are labels by name or
    number, whose pieces of at least `min_ml` are matched above the overlap `min_iou`. `connectivity` (6, 18 or 26)
    says which voxels touch. Raises `InputError` for values outside their range.

    Distances are in mm, volumes in ml, overlaps are shares.

    >>> Criteria(tolerance_mm=2.0, lesions=("tumour",)).min_iou
    0.1
    """

    tolerance_mm: float = 1.0
    resample: bool = False
    lesions: tuple[str, ...] = ()
    connectivity: int = 26
    min_ml: float = 0.0
    min_iou: float = 0.1

    def __post_init__(self) -> None:
        for name, what in (("tolerance_mm", "The tolerance of the surface Dice in mm"), ("min_ml", "A volume in ml")):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{what} is 0 or more, not {value}.")
        if not 0 <= self.min_iou < 1:
            raise InputError(f"Two lesions match above an IoU from 0 to less than 1, not {self.min_iou}.")


@dataclass(frozen=True)
class Compared:
    """What came of one pair: `error` is "" when the pair was compared; `detections` are by the lesion label's name.

    `files` are the error map and its record, `notes` what the readers decided about both masks. `left_out` are label
    values that are not scored in this case, see `LabelledCase.scored`.
    """

    case: str
    error: str
    comparisons: tuple[Comparison, ...] = ()
    detections: Mapping[str, Detection] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Scores:
    """The scores of a detection in the form that `summarise` takes."""

    name: str
    lesion_sensitivity: float
    lesion_precision: float
    lesion_f1: float
    panoptic_quality: float


def compare_pair(
    pair: Pair,
    criteria: Criteria | None = None,
    *,
    table: LabelTable | None = None,
    errors_to: Path | None = None,
    overwrite: bool = False,
) -> Compared:
    """Compare the two masks of a pair, and write the map of errors to `errors_to`; never raises for a bad case.

    A pair that cannot be compared gives a `Compared` with `error`, and no scores.

    The labels are named by `table`, else by the JSON beside either mask, else "label N". Two names for one label
    are an error.

    The map of errors `(I, J, K)` lies on the grid of the reference, with the labels of `monai_attn.measure.ERRORS`.
    """
    criteria = criteria or Criteria()
    with attempt() as work:
        return _compare(pair, criteria, table=table, errors_to=errors_to, overwrite=overwrite)
    return Compared(pair.case, work.error)


def complete(cases: Sequence[Compared]) -> list[Compared]:
    """The same cases, each with a comparison for every structure that any case has, under one name.

    Without a label table, the masks of a case name only the labels that they hold. A structure that is in neither
    mask of a case, but in another case, is compared all the same, nothing with nothing. So no summary drops the case.
    A case that has another name for a label than the cases before it gets an error.

    >>> complete([])
    []
    """
    names: dict[int, str] = {}
    agreed = []
    for case in cases:
        own = {one.value: one.name for one in case.comparisons}
        differs = [value for value in own if {own[value], names.get(value, own[value])} - {own[value], _default(value)}]
        if differs:
            one = f"Label {differs[0]} is {own[differs[0]]!r} here and {names[differs[0]]!r} in the cases before."
            agreed.append(Compared(case.case, f"{one} Name the labels of all with a bundle, or compare them apart."))
            continue
        names |= {value: name for value, name in own.items() if names.get(value, _default(value)) == _default(value)}
        agreed.append(case)
    tolerance_mm = next((one.tolerance_mm for case in agreed for one in case.comparisons), 0.0)
    return [case if case.error else _filled(case, names, tolerance_mm) for case in agreed]


def comparison_rows(cases: Sequence[Compared], *, summary: bool = True) -> list[dict[str, Any]]:
    """Flat rows: per case a comparison per structure, a detection per lesion label, or its error; then the summary.

    Cases with an error have no scores and are not in the summary, whose `cases` counts the others.

    Volumes are in ml, distances in mm. No case gives no row, and an undefined score is nan.

    >>> rows_of = comparison_rows([Compared("case_1", "There is no reference of this case.")], summary=False)
    >>> rows_of[0]["kind"], rows_of[0]["error"]
    ('error', 'There is no reference of this case.')
    """
    table: list[dict[str, Any]] = []
    for case in cases:
        table += rows(case.comparisons, case=case.case)
        for label, detection in case.detections.items():
            table += ({**row, "name": label} for row in rows([detection], case=case.case))
        if case.error:
            table.append({"schema": SCHEMA, "case": case.case, "kind": "error", "error": case.error})
    if summary:
        table += rows(summarise([one for case in cases for one in case.comparisons]))
        scores = [_scores(label, one) for case in cases for label, one in case.detections.items()]
        table += rows(summarise(scores, scores=LESION_SCORES))
    return table


def _compare(
    pair: Pair, criteria: Criteria, *, table: LabelTable | None, errors_to: Path | None, overwrite: bool
) -> Compared:
    """The comparison of one pair. Raises `AttnError` for whatever keeps the pair from being compared."""
    if pair.prediction is None or pair.reference is None:
        side = "prediction" if pair.prediction is None else "reference"
        raise FileError(f"There is no {side} of this case, so there is nothing to compare.")
    prediction = Segmentation.load(pair.prediction, table=table)
    reference = _reference(pair, pair.reference, table)
    names = table or _one_table(prediction.table, reference.table, criteria.lesions)
    maps = prediction.labels, reference.labels
    if criteria.resample and not same_grid(*maps):
        maps = labels_on_grid(*maps), reference.labels
    detections = {}
    for label in [find_label(names, text) for text in criteria.lesions]:
        detections[label.name] = detect_lesions(
            *maps,
            label.value,
            min_iou=criteria.min_iou,
            connectivity=criteria.connectivity,
            min_ml=criteria.min_ml,
        )
    compared = compare(*maps, names, tolerance_mm=criteria.tolerance_mm)
    left_out: frozenset[int] = frozenset()
    if pair.labelled is not None and pair.table is not None:
        left_out = frozenset(label.value for label in pair.table) - frozenset(pair.labelled.scored(pair.table))
        compared = [one for one in compared if one.value not in left_out]
        detections = {name: one for name, one in detections.items() if one.value not in left_out}
    files: list[Path] = []
    if errors_to is not None:
        of = {"prediction": pair.prediction.name, "reference": pair.reference.name}
        errors = Segmentation(error_map(*maps), ERRORS, of)
        files = errors.write(errors_to, overwrite=overwrite)
    notes = dict.fromkeys(note for side in (prediction, reference) for note in side.labels.notes)
    return Compared(pair.case, "", tuple(compared), detections, tuple(files), tuple(notes), left_out)


def _reference(pair: Pair, path: Path, table: LabelTable | None) -> Segmentation:
    """The reference mask of a pair: a file with its names, or the mask of a data set with the names of that."""
    if pair.labelled is None or pair.table is None:
        return Segmentation.load(path, table=table)
    labels = pair.labelled.label.read()
    return Segmentation(labels.with_array(label_array(labels)), pair.table)


def _one_table(prediction: LabelTable, reference: LabelTable, lesions: Sequence[str]) -> LabelTable:
    """The labels of both maps, a name before a mere "label N". A lesion label given by number may be in neither."""
    named: dict[int, Label] = {}
    numbers = LabelTable.of_names({int(text): _default(int(text)) for text in lesions if text.isdigit()})
    for label in (*reference, *prediction, *numbers):
        known = named.setdefault(label.value, label)
        if known.name == _default(label.value):
            named[label.value] = label
        elif label.name not in (known.name, _default(label.value)):
            raise LabelError(
                f"Label {label.value} is {label.name!r} in the prediction and {known.name!r} in the reference. "
                "Correct the names beside one of them, or name the labels of both with a bundle."
            )
    return LabelTable(tuple(named.values()))


def _default(value: int) -> str:
    """The name of a label that nobody has named."""
    return f"label {value}"


def _filled(case: Compared, names: Mapping[int, str], tolerance_mm: float) -> Compared:
    """The case with a comparison for each of these labels that is scored in it, in the order of their values."""
    found = {one.value: replace(one, name=names[one.value]) for one in case.comparisons}
    missing = LabelTable.of_names(
        {value: name for value, name in names.items() if value not in found and value not in case.left_out}
    )
    found |= {one.value: one for one in compare(NOTHING, NOTHING, missing, tolerance_mm=tolerance_mm)}
    detections = {names[one.value]: one for one in case.detections.values()}
    return replace(case, comparisons=tuple(found[value] for value in sorted(found)), detections=detections)


def _scores(label: str, found: Detection) -> _Scores:
    """The scores of one detection under the name of its label."""
    return _Scores(label, found.sensitivity, found.precision, found.f1, found.panoptic_quality)
