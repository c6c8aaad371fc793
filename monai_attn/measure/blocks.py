"""Where each label lies: index blocks, so that nothing after the first pass touches the whole volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.errors import GeometryError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume, same_grid

__all__ = [
    "Block",
    "Mask",
    "along_memory",
    "check_frames",
    "check_grid",
    "find_blocks",
    "join",
    "label_array",
    "label_blocks",
    "label_counts",
    "label_values",
    "mask_in",
]

Block = tuple[slice, slice, slice]
"""A box of voxel indices, as NumPy slices with start and stop."""

COUNTED = 2**16 - 1
"""Up to this number, labels are counted in a list as long as the largest; above it, they are numbered first. Atlases
have label numbers of 6e8."""

Mask = NDArray[np.bool_]
"""One structure: a boolean array `(I, J, K)`."""


def label_array(labels: Volume) -> NDArray[np.integer]:
    """The whole numbers of a label map. Raises `LabelError` on fractions, NaN and negative values."""
    if labels.array.dtype.kind == "f":
        return _whole_numbers(labels.array)
    integers: NDArray[np.integer] = labels.array.view(np.uint8) if labels.array.dtype == bool else labels.array  # type: ignore[assignment]
    if integers.dtype.kind == "i" and int(integers.min()) < 0:
        raise LabelError(f"A label map holds 0 and up; this one holds {int(integers.min())}.")
    return integers


def label_blocks(array: NDArray[np.integer], table: LabelTable) -> dict[int, Block | None]:
    """For each label of the table the block of voxels around it, None where it has no voxel.

    Raises `LabelError` when the array holds a label that the table does not name.
    """
    known = {label.value for label in table}
    found = find_blocks(array)
    unknown = [value for value in found if value not in known]
    if unknown:
        raise LabelError(_unknown(unknown, known))
    return {value: found.get(value) for value in sorted(known)}


def find_blocks(array: NDArray[np.integer]) -> dict[int, Block]:
    """The block of voxels around each label that occurs, in the order of the labels; 0 is none."""
    largest = int(array.max())
    if largest == 0:
        return {}
    values: Sequence[int] = range(1, largest + 1)
    if largest > COUNTED:
        values = label_values(array)
        array = _numbered(array, values)
    # NIfTI arrays are Fortran-ordered: walk along memory, and turn the blocks back.
    turned = array.flags.f_contiguous and not array.flags.c_contiguous
    found = ndimage.find_objects(array.T if turned else array, len(values))
    blocks = ((value, block) for value, block in zip(values, found, strict=True) if block is not None)
    return {value: block[::-1] if turned else block for value, block in blocks}


def label_values(array: NDArray[np.generic]) -> list[int]:
    """The labels that occur, in order and without 0; voxels are sorted only where numbers are too large to count."""
    if int(array.max()) > COUNTED:
        return sorted({int(value) for plane in array for value in np.unique(plane)} - {0})
    present = np.zeros(int(array.max()) + 1, bool)
    for plane in array:
        present[plane] = True
    return [int(value) for value in np.flatnonzero(present) if value]


def label_counts(array: NDArray[np.generic]) -> dict[int, int]:
    """How many voxels each label has, 0 left out; plane by plane, so that a large mask needs no copy of itself."""
    total: dict[int, int] = {}
    for plane in array:
        if plane.max() > COUNTED:
            values, counts = np.unique(plane, return_counts=True)
        else:
            every = np.bincount(plane.ravel())
            values = np.flatnonzero(every)
            counts = every[values]
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if value:
                total[value] = total.get(value, 0) + count
    return total


def _numbered(array: NDArray[np.integer], values: Sequence[int]) -> NDArray[np.integer]:
    """The array with its labels numbered from 1, in the same order of memory."""
    numbered: NDArray[np.integer] = np.zeros_like(array, np.uint16 if len(values) <= COUNTED else np.int32)
    known = np.array([0, *values], array.dtype)
    for plane, into in zip(array, numbered, strict=True):  # plane by plane: positions take eight bytes a voxel
        into[...] = np.searchsorted(known, plane)
    return numbered


def mask_in(array: NDArray[np.integer], block: Block | None, value: int) -> Mask:
    """Where a block holds a label; no block, no voxel."""
    return np.asarray(array[block] == value) if block is not None else np.zeros((1, 1, 1), bool)


def along_memory(affine: NDArray[np.float64], *masks: Mask) -> tuple[NDArray[np.float64], list[Mask]]:
    """The same masks in the same places in C order, where passes are several times faster.

    Fortran-ordered ones, as from NIfTI files, are not copied but turned: their axes come as K, J, I.
    """
    if all(mask.flags.f_contiguous for mask in masks):
        return affine[:, [2, 1, 0, 3]], [mask.T for mask in masks]
    return affine, [np.ascontiguousarray(mask) for mask in masks]


def join(one: Block | None, other: Block | None) -> Block | None:
    """The smallest block around two."""
    if one is None or other is None:
        return one or other
    i, j, k = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return i, j, k


def check_grid(volume: Volume, other: Volume, what: str) -> None:
    """Raise `GeometryError` unless the two volumes have the same voxels in the same places of one patient."""
    check_frames(volume, other, what)
    if not same_grid(volume, other):
        raise GeometryError(
            f"{what} lie on different grids: {_grid(volume)} and {_grid(other)}. Resample one onto the other first."
        )


def check_frames(volume: Volume, other: Volume, what: str) -> None:
    """Raise `GeometryError` where the frames of reference of two volumes are known and differ.

    A frame that is not known counts as agreement: NIfTI has none, and anonymisers remove it.
    """
    one, two = volume.frame_of_reference, other.frame_of_reference
    if one and two and one != two:
        raise GeometryError(
            f"{what} have different frames of reference: equal coordinates may be different places in the patient. "
            "Align them by their images. Where their coordinates are known to agree, convert one of them to NIfTI."
        )


def _whole_numbers(array: NDArray[np.generic]) -> NDArray[np.integer]:
    whole = np.empty(array.shape, np.int32)
    for index, plane in enumerate(array):  # plane by plane: no second float volume
        fits = (plane >= 0) & (plane < 2**31) & (plane == np.rint(plane))
        if not fits.all():
            raise LabelError(f"A label map holds 0 and whole numbers above; this one holds {plane[~fits][0]}.")
        whole[index] = plane
    return whole


def _grid(volume: Volume) -> str:
    spacing = "x".join(f"{edge:.3g}" for edge in volume.spacing_mm)
    origin = ", ".join(f"{x:.2f}" for x in volume.affine[:3, 3])
    size = "x".join(map(str, volume.shape))
    return f"{size} voxels of {spacing} mm, {volume.orientation}, with the first voxel at ({origin}) mm"


def _unknown(values: list[int], known: set[int]) -> str:
    return f"The label map holds {values[:5]}, which the label table {sorted({0, *known})} does not name."
