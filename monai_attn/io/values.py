"""Types of voxel values: what a file's become in memory, and what memory's become in a file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError

__all__ = ["pick_volume", "storable", "tidy"]

LABEL_TYPES = (np.uint8, np.int16, np.uint16, np.int32, np.uint32)
"""What a 64-bit label map is stored as: the first that holds its values. Many viewers read no 64-bit integers."""


PART = 2**22
"""How many values are looked at together."""


def tidy(array: NDArray[np.generic], name: str) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """Values in the machine's byte order and of a type to compute with, and notes on the values.

    Whole-number types stay what they are. 16-bit floats become 32-bit. 64-bit and 128-bit floats become 32-bit too.
    Those that hold whole numbers (labels) or magnitudes that 32 bits would change become or stay 64-bit.
    Values that are not finite are kept, and a note counts them. Raises `InputError` for colours and complex numbers.
    """
    if array.dtype.names is not None:
        raise InputError(
            f"{name} holds colours ({', '.join(array.dtype.names)}), not measured values. Export the grey values."
        )
    if array.dtype.kind == "c":
        raise InputError(f"{name} holds complex numbers. Export magnitude or phase as real numbers.")
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} holds values of the type {array.dtype}, which is not an image type.")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind != "f":
        return array, ()
    array = _single(array)
    strange = array.size - int(sum(np.count_nonzero(np.isfinite(array[part])) for part in _parts(array)))
    if not strange:
        return array, ()
    return array, (f"{strange} of {array.size} voxels are not finite numbers (NaN or infinite); they are kept.",)


def _parts(array: NDArray[np.generic]) -> Iterator[tuple[slice, ...]]:
    """Indices of thin blocks along the slowest axis, so that what is computed from a block takes little memory."""
    axis = int(np.argmax(array.strides)) if array.ndim else 0
    length = array.shape[axis] if array.ndim else 1
    step = max(1, PART * length // max(array.size, 1))
    for first in range(0, length, step):
        yield (slice(None),) * axis + (slice(first, first + step),) * bool(array.ndim)


def _single(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Floats in 32 bits, or in 64 bits where 32 would change whole numbers or make a value infinite."""
    if array.dtype.itemsize <= 4:
        return array.astype(np.float32, copy=False)
    double = array.astype(np.float64, copy=False)
    single = np.empty_like(double, np.float32)
    for part in _parts(double):
        before, after = double[part], single[part]
        with np.errstate(over="ignore"):  # an overflow shows in the comparison below
            after[...] = before
        changed = (after != before) & ~np.isnan(before)
        if (changed & ((before == np.rint(before)) | np.isinf(after))).any():
            return double
    return single


def storable(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """The array in a type that NIfTI, NRRD and MetaImage all have, with every value unchanged.

    Booleans become uint8, 16-bit floats 32-bit, 64-bit integers the smallest type that holds them. Raises
    `InputError` when none does.

    >>> storable(np.array([0, 1, 300])).dtype, storable(np.array([True, False])).dtype
    (dtype('int16'), dtype('uint8'))
    """
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        raise InputError(f"Values of the type {array.dtype} fit no file. Convert them to float64 first.")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        lowest, highest = int(array.min()), int(array.max())
        for candidate in LABEL_TYPES:
            limits = np.iinfo(candidate)
            if limits.min <= lowest and highest <= limits.max:
                return array.astype(candidate)
        raise InputError(f"Whole numbers from {lowest} to {highest} fit no 32-bit type. Convert them to float64 first.")
    return array


def pick_volume(name: str, count: int, volume: int | None, *, what: str = "volumes") -> int:
    """Which of several volumes in a file is meant; `InputError` when that is not said, or not there.

    `count` is how many the file holds, and `volume` the user's choice, from 0. A single volume needs no choice.

    >>> pick_volume("t1.nii", 1, None), pick_volume("fmri.nii", 200, 12)
    (0, 12)
    """
    if volume is None:
        if count == 1:
            return 0
        raise InputError(f"{name} holds {count} {what}. Choose one with volume=0 to volume={count - 1}.")
    if not 0 <= volume < count:
        raise InputError(f"{name} has no volume {volume}: it holds {count}, counted from 0.")
    return volume
