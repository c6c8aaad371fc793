"""Regions from a mask: where a coarse network, or a first run, saw a structure, a second bundle looks closely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_attn.errors import InputError
from monai_attn.finders.found import Found
from monai_attn.finders.points import box_around
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array, label_blocks
from monai_attn.measure.components import components
from monai_attn.volume import Box, Volume

__all__ = ["find_in_mask"]


def find_in_mask(
    labels: Volume,
    table: LabelTable,
    *,
    margin_mm: float = 10.0,
    size_mm: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
) -> Found:
    """A box around each structure of a label map, by the name of the structure, for the next bundle's regions.

    Only the largest connected piece of a structure counts. The box reaches `margin_mm` beyond the piece, or has the
    edges `size_mm` (R, A, S) around the middle of the piece. `names` chooses structures; by default all of the table.

    A structure without a voxel gets no box, and a sentence in `problems`. Boxes are in mm (RAS+). Raises `InputError`
    for a name that the table does not have, and for a negative margin.

    >>> array = np.zeros((20, 20, 20), np.uint8)
    >>> array[5:10, 5:10, 5:10] = 1
    >>> find_in_mask(Volume(array), LabelTable.of_names({1: "kidney"}), margin_mm=3).regions["kidney"].lower_mm
    (1.5, 1.5, 1.5)
    """
    if margin_mm < 0:
        raise InputError(f"The margin around a structure is 0 mm or more, not {margin_mm:g}.")
    values = {label.name: label.value for label in table}
    unknown = [name for name in names or () if name not in values]
    if unknown:
        raise InputError(f"The mask has no structure {unknown[0]!r}; it has {', '.join(values) or 'none'}.")
    array = label_array(labels)
    blocks = label_blocks(array, table)
    regions, problems = {}, []
    for name in names or values:
        block = blocks[values[name]]
        if block is None:
            problems.append(f"The mask holds no {name}, so there is no region for it.")
            continue
        piece, _ = components(array[block], values[name])[0]
        start = np.array([part.start for part in block])
        ends = np.array([[part.start for part in piece], [part.stop for part in piece]]) + start - 0.5
        corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
        outline = labels.to_world(corners)
        lower, upper = outline.min(axis=0), outline.max(axis=0)
        if size_mm is not None:
            regions[name] = box_around((lower + upper) / 2, size_mm)
        else:
            regions[name] = Box(tuple(lower - margin_mm), tuple(upper + margin_mm))
    return Found(regions, tuple(problems))
