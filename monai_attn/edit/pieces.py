"""Holes and pieces of a structure."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy import ndimage

from monai_attn.edit.change import Change, changed, label_block
from monai_attn.errors import InputError
from monai_attn.volume import Volume

__all__ = ["close_holes", "keep_largest"]

RANK = {6: 1, 18: 2, 26: 3}
"""Voxels that touch by a face; by a face or an edge; by a face, an edge or a corner: as in `measure`."""


def close_holes(
    labels: Volume, value: int, *, axis: int | None = None, protected: Collection[int] | None = None
) -> Change:
    """Add to a label the holes that it encloses: voxels from which no path over voxel faces leads out.

    With `axis` 0, 1 or 2, holes are closed slice by slice across that axis, where a tunnel is a hole too. Other labels
    in a hole stay untouched; with `protected`, only the protected labels do. A hollow that is open to the border of
    the image is no hole. No hole: a change without voxels. Raises `LabelError` for a label without a voxel, and
    `InputError` for another axis.

    >>> array = np.ones((3, 3, 3), np.uint8)
    >>> array[1, 1, 1] = 0
    >>> close_holes(Volume(array), 1).voxels
    1
    """
    if axis not in (None, 0, 1, 2):
        raise InputError(f"Slices lie across axis 0, 1 or 2, or None for holes in space; this one is {axis}.")
    block = label_block(labels, value)
    array = labels.array[block]
    faces = ndimage.generate_binary_structure(3, 1)
    if axis is not None:
        np.moveaxis(faces, axis, 0)[[0, 2]] = False  # no way out through other slices
    filled = ndimage.binary_fill_holes(array == value, faces)
    return changed(block, filled, array, value, protected)


def keep_largest(labels: Volume, value: int, *, connectivity: int = 26) -> Change:
    """Take from a label all pieces but the largest piece; the voxels taken away become background.

    Voxels belong to one piece when they touch by faces (`connectivity` 6), edges too (18), or corners too (26). Of two
    pieces of equal size, the first piece in the array stays. Raises `LabelError` for a label without a voxel, and
    `InputError` for another connectivity.
    """
    if connectivity not in RANK:
        raise InputError(f"Connectivity is one of {', '.join(map(str, RANK))} neighbours, not {connectivity}.")
    block = label_block(labels, value)
    pieces, _ = ndimage.label(labels.array[block] == value, ndimage.generate_binary_structure(3, RANK[connectivity]))
    largest = np.bincount(pieces.ravel())[1:].argmax() + 1
    return Change(block, (pieces != 0) & (pieces != largest), 0)
