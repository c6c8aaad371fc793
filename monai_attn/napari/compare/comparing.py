"""A mask compared with a reference: scores, the map of errors, and the errors one by one. No Qt, no window."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.errors import InputError
from monai_attn.labels import Label, LabelTable
from monai_attn.measure import ERRORS, Comparison, Detection, compare, detect_lesions, error_map
from monai_attn.measure.blocks import Block, check_grid, label_array
from monai_attn.measure.lesions import find_lesions
from monai_attn.measure.structures import Point
from monai_attn.napari.layers.blocks import displayed_blocks
from monai_attn.napari.layers.styles import extended
from monai_attn.napari.structures.lesions import lesion_labels
from monai_attn.volume import Volume

__all__ = [
    "Errors",
    "LayerComparison",
    "common_table",
    "compare_steps",
    "deepest",
    "error_steps",
    "lesion_text",
]

MOST = 200
"""So many errors are listed, the largest: below there are single voxels along the surfaces."""

KINDS = tuple(label for label in ERRORS if label.name != "true positive")


@dataclass(frozen=True)
class Mistake:
    """One connected piece of one kind of error.

    `structure` is what the prediction says there, or the reference where the prediction says nothing. `place_mm` is
    its thickest spot, a voxel inside it, `thickness_mm` the diameter of the ball that fits in there.
    """

    kind: Label
    structure: str
    volume_ml: float
    thickness_mm: float
    place_mm: Point


@dataclass(frozen=True)
class Errors:
    """The map of errors, as labels of `ERRORS`, its largest errors first, and how many there are."""

    map: Volume
    largest: tuple[Mistake, ...]
    count: int


@dataclass(frozen=True)
class LayerComparison:
    """Two masks compared: the scores of each structure, lesions found and missed, and the errors."""

    prediction: Volume
    reference: Volume
    table: LabelTable
    scores: tuple[Comparison, ...]
    detections: tuple[Detection, ...]
    errors: Errors
    notes: tuple[str, ...]


def common_table(one: LabelTable, other: LabelTable) -> tuple[LabelTable, tuple[str, ...]]:
    """The labels of both tables, under the names of the first, and a sentence on each name that differs."""
    mine = {label.value: label for label in one}
    added: list[Label] = []
    notes: list[str] = []
    for label in other:
        if label.value not in mine:
            taken = {known.name for known in (*one, *added)}
            name = label.name if label.name not in taken else f"{label.name} ({label.value})"
            added.append(Label(label.value, name, label.colour, label.code))
        elif mine[label.value].name.casefold() != label.name.casefold():
            notes.append(
                f"Label {label.value} is {mine[label.value].name!r} in the prediction and {label.name!r} in the "
                "reference: they are compared by number."
            )
    return LabelTable((*one, *added)), tuple(notes)


def compare_steps(
    prediction: Volume, reference: Volume, tables: tuple[LabelTable, LabelTable], *, tolerance_mm: float = 1.0
) -> Generator[str, None, LayerComparison]:
    """Compare, for a worker: what is being done, then the result.

    Raises `GeometryError` when the grids differ, `InputError` when there is nothing to compare.
    """
    check_grid(prediction, reference, "The prediction and the reference")
    yield "Looking for labels …"
    arrays = [label_array(volume) for volume in (prediction, reference)]
    table, notes = common_table(*tables)
    table = extended(table, {value for array in arrays for value in displayed_blocks(_along_memory(array))})
    if not len(table):
        raise InputError("Both masks hold only background and nothing names labels, so there is nothing to compare.")
    yield f"Comparing {len(table)} structures …"
    scores = compare(prediction, reference, table, tolerance_mm=tolerance_mm)
    yield "Matching lesions …"
    detections = [detect_lesions(prediction, reference, value) for value in sorted(lesion_labels(table))]
    errors = yield from error_steps(prediction, reference, table)
    return LayerComparison(prediction, reference, table, tuple(scores), tuple(detections), errors, notes)


def error_steps(
    prediction: Volume, reference: Volume, table: LabelTable, value: int | None = None
) -> Generator[str, None, Errors]:
    """The errors of one structure, or with None of all, for a worker."""
    yield "Mapping errors …"
    errors = error_map(prediction, reference, value=value)
    found = []
    for kind in KINDS:
        yield f"Listing each {kind.name} …"
        found += [(kind, block, mask) for block, mask in find_lesions(errors, kind.value)]
    found.sort(key=lambda item: -int(np.count_nonzero(item[2])))
    largest = []
    for kind, block, mask in found[:MOST]:
        yield "Looking for the thickest spots …"
        largest.append(_mistake(kind, block, mask, prediction, reference, table))
    return Errors(errors, tuple(largest), len(found))


def deepest(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> tuple[tuple[int, int, int], float]:
    """The voxel of a mask farthest from outside, and the diameter in mm of the ball around it that fits in.

    Distances run to the centres of voxels outside, less half a voxel along the shortest edge; voxels at the mask's
    border have outside beside them. On sheared grids the axes are taken as if they stood at right angles.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    i, j, k = (int(n) for n in np.unravel_index(int(depth.argmax()), depth.shape))
    return (i, j, k), 2 * float(depth[i, j, k]) - min(spacing_mm)


def lesion_text(compared: LayerComparison) -> str:
    """How many lesions were found, in words; "" without lesion labels."""
    counted = ((compared.table[one.value].name, one) for one in compared.detections)
    return " ".join(
        f"Lesions of {name}: {one.matched} found, {len(one.missed)} missed, {len(one.extra)} extra."
        for name, one in counted
    )


def _mistake(
    kind: Label, block: Block, mask: NDArray[np.bool_], prediction: Volume, reference: Volume, table: LabelTable
) -> Mistake:
    source = reference if kind.name == "false negative" else prediction
    named = label_array(source.crop(block))[mask]
    values, counts = np.unique(named[named > 0], return_counts=True)
    value = int(values[counts.argmax()]) if len(values) else 0
    (i, j, k), thickness_mm = deepest(mask, prediction.spacing_mm)
    start = [part.start for part in block]
    r, a, s = (float(x) for x in prediction.to_world(np.add(start, (i, j, k))))
    volume_ml = int(np.count_nonzero(mask)) * prediction.voxel_ml
    return Mistake(kind, table[value].name if value else "", volume_ml, thickness_mm, (r, a, s))


def _along_memory(array: NDArray[np.integer]) -> NDArray[np.integer]:
    return array.T if array.flags.f_contiguous else array
