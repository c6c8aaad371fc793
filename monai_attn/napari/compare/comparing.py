"""A mask compared with a reference: scores, the map of errors, and the errors one by one. No Qt, no window.

The Compare panel runs `compare_steps` in a thread. The scores are those of `measure.compare`, so a table from the panel
and a table of `monai-attn compare` agree. This file adds what a window needs: names for both masks, a list of errors
from large to small, and a place to look at for each error.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from monai_attn.napari.layers.volumes import volume_of
from monai_attn.napari.structures.lesions import lesion_labels
from monai_attn.volume import Volume
from monai_attn.wording import counted

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = [
    "Errors",
    "LayerComparison",
    "common_table",
    "compare_steps",
    "deepest",
    "error_steps",
    "lesion_text",
    "snapshot",
]

MOST = 200
"""So many errors are listed, the largest: below there are single voxels along the surfaces."""

KINDS = tuple(label for label in ERRORS if label.name != "true positive")
"""The kinds of error that are listed: all labels of the map of errors but what is right."""


@dataclass(frozen=True)
class Mistake:
    """One connected piece of one kind of error, a row in the list of errors.

    `kind` is false positive, false negative or wrong structure, with its colour. `structure` is what the prediction
    says there, or the reference where the prediction says nothing. `place_mm` is the thickest spot in RAS+ mm, the
    centre of a voxel inside the piece. `thickness_mm` is the diameter of the ball that fits in there.
    """

    kind: Label
    structure: str
    volume_ml: float
    thickness_mm: float
    place_mm: Point


@dataclass(frozen=True)
class Errors:
    """The map of errors, as labels of `ERRORS`, its largest errors first, and how many there are.

    `map` is a label map `(I, J, K)` on the grid of both masks. `largest` holds at most 200 errors, ordered by voxels;
    `count` counts all. Without an error `largest` is empty and `count` is 0.
    """

    map: Volume
    largest: tuple[Mistake, ...]
    count: int


@dataclass(frozen=True)
class LayerComparison:
    """Two masks compared: the scores of each structure, lesions found and missed, and the errors.

    `prediction` and `reference` are label maps `(I, J, K)` on one grid, `table` names the labels of both. `scores`
    holds a `Comparison` for each structure, `detections` a `Detection` for each label whose name speaks of lesions.
    `notes` are sentences for the user, such as a label that has another name in each of the masks.
    """

    prediction: Volume
    reference: Volume
    table: LabelTable
    scores: tuple[Comparison, ...]
    detections: tuple[Detection, ...]
    errors: Errors
    notes: tuple[str, ...]


def common_table(one: LabelTable, other: LabelTable) -> tuple[LabelTable, tuple[str, ...]]:
    """The labels of both tables, under the names of the first, and a sentence on each name that differs.

    Labels are matched by number, and names are compared without regard to upper and lower case. A name that only the
    second table has, but that is taken already, gets its number behind it.

    >>> from monai_attn.labels import Label
    >>> mine = LabelTable((Label(1, "liver", "#aa0000"),))
    >>> other = LabelTable((Label(1, "Liver", "#00aa00"), Label(2, "spleen", "#0000aa")))

    >>> table, notes = common_table(mine, other)
    >>> [label.name for label in table], notes
    (['liver', 'spleen'], ())
    """
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

    Both masks are label maps `(I, J, K)` on one grid; `tables` holds the names of the prediction, then those of the
    reference. `tolerance_mm` is the distance up to which two surfaces count as the same in the surface Dice (NSD).

    Raises `GeometryError` when the grids differ, and `InputError` when both masks are empty and no label has a name.
    """
    check_grid(prediction, reference, "The prediction and the reference")
    yield "Looking for labels …"
    arrays = [label_array(volume) for volume in (prediction, reference)]
    table, notes = common_table(*tables)
    table = extended(table, {value for array in arrays for value in displayed_blocks(_along_memory(array))})
    if not len(table):
        raise InputError("Both masks hold only background and nothing names labels, so there is nothing to compare.")
    yield f"Comparing {counted(len(table), 'structure')} …"
    scores = compare(prediction, reference, table, tolerance_mm=tolerance_mm)
    yield "Matching lesions …"
    detections = [detect_lesions(prediction, reference, value) for value in sorted(lesion_labels(table))]
    errors = yield from error_steps(prediction, reference, table)
    return LayerComparison(prediction, reference, table, tuple(scores), tuple(detections), errors, notes)


def error_steps(
    prediction: Volume, reference: Volume, table: LabelTable, value: int | None = None
) -> Generator[str, None, Errors]:
    """The errors of one structure, or with None of all, for a worker: what is being done, then the errors.

    The pieces of each kind are ordered by their number of voxels, and only the largest 200 are described.
    """
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

    A bar of 3 x 3 voxels of 1 mm, five voxels long, holds a ball of 3 mm:

    >>> deepest(np.ones((3, 3, 5), bool), (1.0, 1.0, 1.0))
    ((1, 1, 1), 3.0)
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    i, j, k = (int(n) for n in np.unravel_index(int(depth.argmax()), depth.shape))
    return (i, j, k), 2 * float(depth[i, j, k]) - min(spacing_mm)


def lesion_text(compared: LayerComparison) -> str:
    """How many lesions were found, missed and extra, a sentence for each lesion label; "" without lesion labels."""
    counted = ((compared.table[one.value].name, one) for one in compared.detections)
    return " ".join(
        f"Lesions of {name}: {one.matched} found, {len(one.missed)} missed, {len(one.extra)} extra."
        for name, one in counted
    )


def _mistake(
    kind: Label, block: Block, mask: NDArray[np.bool_], prediction: Volume, reference: Volume, table: LabelTable
) -> Mistake:
    """Describe one piece of an error: the structure it belongs to by most of its voxels, its volume and its place.

    `mask` is the piece within `block`. A false negative takes its name from the reference, all others from the
    prediction.
    """
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
    """The array with its axes in the order of memory, in which searching the labels is fastest."""
    return array.T if array.flags.f_contiguous else array


def snapshot(layer: Layer, layers: Iterable[Layer]) -> Volume:
    """A copy of what a layer shows now: it may be painted on while it is compared."""
    volume = volume_of(layer, layers)
    return volume.with_array(volume.array.copy(order="K"))
