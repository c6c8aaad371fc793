"""What a correction gives: which voxels get which value."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import LabelError
from monai_attn.volume import Volume

__all__ = ["Block", "Change", "Mask", "changed", "label_block", "widened"]

Block = tuple[slice, slice, slice]
"""A box of voxel indices, as NumPy slices with start and stop."""

Mask = NDArray[np.bool_]
"""A boolean array `(I, J, K)`."""


@dataclass(frozen=True, eq=False)
class Change:
    """Where `mask` is True in `block`, the label map becomes `value`; everywhere else it stays as it is.

    A change may hold no voxel. `in_the_way` counts the voxels that would change too, were they not protected.
    """

    block: Block
    mask: Mask
    value: int
    in_the_way: int = 0

    @property
    def voxels(self) -> int:
        """How many voxels change."""
        return int(np.count_nonzero(self.mask))

    @property
    def index(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The voxels as indices along I, J and K of the whole array, as NumPy takes them."""
        i, j, k = (inside + part.start for inside, part in zip(np.nonzero(self.mask), self.block, strict=True))
        return i, j, k

    def applied_to(self, labels: Volume) -> Volume:
        """A copy of the label map with this change, of a larger type where the value needs one; `labels` stays."""
        wide = np.promote_types(labels.array.dtype, np.min_scalar_type(self.value))
        array = labels.array.astype(wide, order="K")
        array[self.block][self.mask] = self.value
        return labels.with_array(array)


def changed(
    block: Block, wanted: Mask, array: NDArray[np.generic], value: int, protected: Collection[int] | None
) -> Change:
    """The change of those voxels of a block that are wanted and `may_become` the value."""
    mask = wanted & may_become(array, value, protected)
    return Change(block, mask, value, int(np.count_nonzero(wanted & ~mask & (array != value))))


def label_block(labels: Volume, value: int) -> Block:
    """The smallest block around a label. Raises `LabelError` when it has no voxel."""
    mask = labels.array == value
    spans = []
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if not found.size:
            raise LabelError(f"Label {value} has no voxel. Choose a label that has, or paint it first.")
        spans.append(slice(int(found[0]), int(found[-1]) + 1))
        mask = mask[(slice(None),) * axis + (spans[-1],)]
    i, j, k = spans
    return i, j, k


def widened(block: Block, margin: tuple[int, int, int], shape: tuple[int, int, int]) -> Block:
    """A block with so many voxels more on every side, as far as the image goes."""
    i, j, k = (
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(block, margin, shape, strict=True)
    )
    return i, j, k


def may_become(array: NDArray[np.generic], value: int, protected: Collection[int] | None) -> Mask:
    """Where another label may be replaced by `value`: not where it is `protected`; None protects all but background."""
    if protected is None:
        return np.asarray(array == 0)
    return np.asarray((array != value) & ~np.isin(array, list(protected)))
