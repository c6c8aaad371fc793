"""Structures and lesions of one label map, measured where they are: pure functions on volumes, safe in a thread.

`Inspection` calls them for what has changed. The numbers come from `measure.structures.measure_mask` and
`measure.measure_lesions`. This file only chooses the smallest part of the volume that gives the same numbers as the
whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.labels import LabelTable
from monai_attn.measure import Lesion, Structure, measure_lesions
from monai_attn.measure.blocks import Block, join
from monai_attn.measure.structures import measure_mask
from monai_attn.volume import Volume

__all__ = [
    "LabelToMeasure",
    "MeasuredStructure",
    "NamedMap",
    "lesion_labels",
    "measure_label",
    "neighbour",
    "touching",
]

LESION_WORDS = re.compile(r"lesion|tumou?r|metasta|nodule|cancer|carcinoma|sarcoma|cyst|neoplasm", re.IGNORECASE)
"""Names of labels whose pieces are taken as lesions until the user says otherwise."""


@dataclass(frozen=True)
class MeasuredStructure:
    """One structure, measured, and its lesions if it is a lesion label, the largest first.

    Lesions are numbered from 1 in that order. Empty for other labels, and where no piece is large enough.
    """

    structure: Structure
    lesions: tuple[Lesion, ...] = ()

    @property
    def diameters_mm(self) -> tuple[float, float] | None:
        """The longest axial diameter of any lesion and the one across it; None without lesions.

        Both are in mm and from the same axial slice. The longest follows RECIST 1.1 (Eisenhauer 2009).
        """
        if not self.lesions:
            return None
        longest = max(self.lesions, key=lambda lesion: lesion.axial_diameter_mm)
        return longest.axial_diameter_mm, longest.perpendicular_diameter_mm


@dataclass(frozen=True)
class NamedMap:
    """A label map `(I, J, K)` and its names, as `measure_lesions` wants the organs."""

    labels: Volume
    table: LabelTable


def lesion_labels(table: LabelTable) -> frozenset[int]:
    """The labels whose name speaks of lesions: "liver tumour", "lung nodules".

    Only English words are known, and the answer is a suggestion that the user can change.

    >>> from monai_attn.labels import Label
    >>> lesion_labels(LabelTable((Label(1, "liver", "#aa0000"), Label(2, "liver tumour", "#00aa00"))))
    frozenset({2})
    """
    return frozenset(label.value for label in table if LESION_WORDS.search(label.name))


@dataclass(frozen=True)
class LabelToMeasure:
    """One label to measure.

    `where` is any block of the map's voxels that holds all of it; None when it has no voxel. With `old`, that still
    holds but in the block `touched`; where only what lies beside it was painted, it is not `reshaped`.
    """

    value: int
    where: Block | None
    old: MeasuredStructure | None = None
    touched: Block | None = None
    reshaped: bool = True


def measure_label(
    named: NamedMap, task: LabelToMeasure, *, image: Volume | None = None, lesions: bool = False, min_ml: float = 0.0
) -> MeasuredStructure:
    """One label, measured as `measure_structures` and `measure_lesions` do, looking only where it can have changed.

    `image` lies on the grid of the map; without it there are no intensities. With `lesions` the pieces are measured
    too, those of `min_ml` and more. A label without a voxel gives an empty structure without lesions.
    """
    labels = named.labels
    if task.old is not None and not task.reshaped:
        structure = task.old.structure
    else:
        mask, block = _tight(labels.array, task.value, task.where)
        name = named.table[task.value].name
        structure = measure_mask(mask, block, labels, image, value=task.value, name=name)
    if structure.block is None or not lesions:
        return MeasuredStructure(structure)
    box: Block = structure.block
    kept: list[Lesion] = []
    if task.old is not None and task.touched is not None and min_ml == 0:  # else the list lacks lesions to look at
        box, kept = _apart(task.touched, task.old.lesions)
    wide = _widened(box, labels.shape)  # so that neighbours and the image's border are seen
    part = NamedMap(labels.crop(wide), named.table)
    crop = image.crop(wide) if image is not None else None
    found = measure_lesions(part.labels, task.value, image=crop, organs=part, min_ml=min_ml)
    return MeasuredStructure(structure, _numbered([*kept, *(_shifted(lesion, wide) for lesion in found)]))


def touching(one: Block | None, other: Block | None) -> bool:
    """Whether two blocks share voxels or lie side by side; False where one of them is None.

    Blocks side by side count, because voxels that touch by a corner belong to one lesion.

    >>> one = (slice(0, 4), slice(0, 4), slice(0, 4))
    >>> touching(one, (slice(4, 6), slice(0, 2), slice(0, 2))), touching(one, (slice(5, 6), slice(0, 2), slice(0, 2)))
    (True, False)
    """
    if one is None or other is None:
        return False
    return all(a.start <= b.stop and b.start <= a.stop for a, b in zip(one, other, strict=True))


def neighbour(
    findings: Mapping[int, MeasuredStructure], current: tuple[int, int] | None, step: int
) -> tuple[int, int] | None:
    """The next (step 1) or previous (step -1) lesion after `current`, as (label, number), around the ends.

    In the order of labels and sizes; the first or last one without a current; None when there is no lesion.

    >>> neighbour({}, None, 1) is None
    True
    """
    order = list(_in_order(findings))
    if not order:
        return None
    if current not in order:
        return order[0 if step > 0 else -1]
    return order[(order.index(current) + step) % len(order)]


def _in_order(findings: Mapping[int, MeasuredStructure]) -> Iterator[tuple[int, int]]:
    """Every lesion as (label, number), by label and then by size."""
    for value in sorted(findings):
        yield from ((value, lesion.number) for lesion in findings[value].lesions)


def _tight(array: NDArray[np.generic], value: int, where: Block | None) -> tuple[NDArray[np.bool_], Block | None]:
    """The mask of a label and the smallest block around it; without a voxel no block.

    `where` is a block that holds all of the label.
    """
    mask = np.asarray(array[where] == value) if where is not None else np.zeros((1, 1, 1), bool)
    found = ndimage.find_objects(mask.view(np.uint8), 1)
    if where is None or not found or found[0] is None:
        return np.zeros((1, 1, 1), bool), None
    i, j, k = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(where, found[0], strict=True))
    return mask[found[0]], (i, j, k)


def _apart(touched: Block, lesions: Sequence[Lesion]) -> tuple[Block, list[Lesion]]:
    """A block around what was touched that cuts no lesion, and the lesions that lie apart from it."""
    box, apart = touched, list(lesions)
    while near := [lesion for lesion in apart if touching(lesion.block, box)]:
        for lesion in near:
            box = join(box, lesion.block) or box
        apart = [lesion for lesion in apart if lesion not in near]
    return box, apart


def _numbered(lesions: Iterable[Lesion]) -> tuple[Lesion, ...]:
    """The largest first, in the order of `measure_lesions`."""
    ordered = sorted(lesions, key=lambda lesion: (-lesion.voxels, [part.start for part in lesion.block or ()]))
    return tuple(replace(lesion, number=n, name=f"lesion {n}") for n, lesion in enumerate(ordered, 1))


def _widened(block: Block, shape: tuple[int, int, int]) -> Block:
    """A block with one voxel more on each side, as far as the volume goes."""
    i, j, k = (slice(max(part.start - 1, 0), min(part.stop + 1, size)) for part, size in zip(block, shape, strict=True))
    return i, j, k


def _shifted(lesion: Lesion, crop: Block) -> Lesion:
    """A lesion measured in a crop, with the voxel indices of the whole grid."""
    start = [part.start for part in crop]
    inner = lesion.block or crop  # a lesion always has a block; that it may be None is for empty structures
    i, j, k = (slice(a.start + b, a.stop + b) for a, b in zip(inner, start, strict=True))
    along = start[lesion.slice_axis]
    return replace(
        lesion,
        block=(i, j, k),
        diameter_slice=lesion.diameter_slice + along,
        largest_slice=lesion.largest_slice + along,
    )
