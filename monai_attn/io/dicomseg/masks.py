"""What a DICOM SEG or RTSTRUCT holds: structures on one grid, which may overlap.

Two organs may share voxels in DICOM, and a label map holds one number for each voxel. So the readers give one mask for
each structure, and the user decides how they become one map.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io.budget import MAX_BYTES
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume
from monai_attn.wording import counted

__all__ = ["Masks", "Part", "check_mask_memory", "cropped", "empty_grid", "smallest_type"]

Part = tuple[tuple[int, int, int], NDArray[np.generic]]
"""Where a block of the grid begins, and its voxels: a structure without the empty space around it."""


@dataclass(frozen=True, eq=False)
class Masks:
    """The structures of one file, each a mask of its own on `grid`, in the order of `table`.

    `grid` has the geometry and no voxels set. `parts` holds each structure, cropped, by its value in `table`;
    one that is missing is empty. `fractional` is "" where a voxel is in a structure or not; else "PROBABILITY" or
    "OCCUPANCY", and the masks are numbers between 0 and 1. `notes` says what had to be decided.
    """

    grid: Volume
    table: LabelTable
    parts: Mapping[int, Part]
    fractional: str = ""
    notes: tuple[str, ...] = ()

    def mask(self, value: int) -> Volume:
        """One structure on the whole grid: boolean, or float32 from 0 to 1 in a fractional file.

        Raises `LabelError` for a value that the table does not know.

        >>> from monai_attn.labels import Label
        >>> grid = empty_grid(Volume(np.zeros((4, 4, 2), np.uint8), np.eye(4)))
        >>> table = LabelTable((Label(7, "Liver", "#a00000"),))

        >>> masks = Masks(grid, table, {7: ((1, 1, 0), np.ones((2, 2, 1), np.bool_))})
        >>> masks.mask(7).array.shape, int(masks.mask(7).array.sum())
        ((4, 4, 2), 4)
        """
        label = self.table[value]
        whole: NDArray[np.generic] = np.zeros(self.grid.shape, np.float32 if self.fractional else np.bool_)
        if label.value in self.parts:
            start, array = self.parts[label.value]
            whole[_block(start, array)] = array
        return self.grid.with_array(whole)

    def label_map(self, *, values: Sequence[int] | None = None, threshold: float | None = None) -> Volume:
        """All structures, or the structures of `values`, as one map of whole numbers; 0 is background.

        In a fractional file a voxel belongs to a structure from the fraction `threshold` on, which must be given.
        Without a structure, the map is 0 everywhere. Raises `LabelError` when two structures share voxels, since one
        number cannot stand for both, and `InputError` for a threshold that is missing or not needed.

        The map is on `grid`, in the smallest type of unsigned whole numbers that holds the values. Raises `LabelError`
        too for a value that the table does not know.

        >>> from monai_attn.labels import Label
        >>> grid = empty_grid(Volume(np.zeros((2, 1, 1), np.uint8), np.eye(4)))
        >>> table = LabelTable((Label(7, "Liver", "#a00000"),))

        >>> half = Masks(grid, table, {7: ((0, 0, 0), np.array([[[0.4]], [[0.6]]]))}, fractional="PROBABILITY")
        >>> half.label_map(threshold=0.5).array.ravel().tolist()
        [0, 7]
        """
        if self.fractional and threshold is None:
            raise InputError(
                f"The structures are fractional ({self.fractional}): say from which fraction on a voxel belongs to "
                "one, for example label_map(threshold=0.5)."
            )
        if not self.fractional and threshold is not None:
            raise InputError(f"threshold={threshold} is for fractional structures; these are yes or no. Leave it out.")
        if threshold is not None and not 0 < threshold <= 1:
            raise InputError(f"threshold={threshold} is not above 0 and at most 1.")
        chosen = [label.value for label in self.table] if values is None else [self.table[v].value for v in values]
        whole = np.zeros(self.grid.shape, smallest_type(max(chosen, default=0)))
        for value in chosen:
            if value not in self.parts:
                continue
            start, array = self.parts[value]
            inside: NDArray[np.bool_] = np.asarray(array, np.float32) >= threshold if threshold else array.astype(bool)
            block = whole[_block(start, array)]
            taken = block[inside]
            if taken.any():
                self._refuse_overlap(int(taken[taken != 0][0]), value, taken)
            block[inside] = value
        return self.grid.with_array(whole)

    def _refuse_overlap(self, first: int, second: int, taken: NDArray[np.generic]) -> None:
        """Raise `LabelError` for two structures that share voxels, with their names and the number of the voxels."""
        shared = int(np.count_nonzero(taken == first))
        raise LabelError(
            f"{self.table[first].name!r} (value {first}) and {self.table[second].name!r} (value {second}) share "
            f"{counted(shared, 'voxel')}, which a label map cannot hold. Take them one by one with mask({first}) and "
            f"mask({second}), or choose structures that do not overlap with label_map(values=[...])."
        )


def cropped(start: tuple[int, int, int], array: NDArray[np.generic]) -> Part | None:
    """The part without empty planes around it; None when nothing is set.

    `start` is where the array begins on the grid. The part is a copy, so the array may be freed.

    >>> array = np.zeros((4, 4, 2), np.bool_)
    >>> cropped((10, 0, 0), array) is None
    True

    >>> array[1, 2, 1] = True
    >>> start, inner = cropped((10, 0, 0), array)
    >>> start, inner.shape
    ((11, 2, 1), (1, 1, 1))
    """
    begin, end = [], []
    for axis in range(3):
        filled = np.flatnonzero(array.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(filled):
            return None
        begin.append(int(filled[0]))
        end.append(int(filled[-1]) + 1)
    i, j, k = (first + offset for first, offset in zip(start, begin, strict=True))
    inner = array[begin[0] : end[0], begin[1] : end[1], begin[2] : end[2]].copy()
    return (i, j, k), inner


def check_mask_memory(shapes: Iterable[Sequence[int]], itemsize: int, name: str) -> None:
    """Raise `FileError` when structures of these sizes take more memory together than is ever read.

    `itemsize` is the number of bytes of one voxel. The limit is `MAX_BYTES` for all structures together. No shapes
    pass.
    """
    wanted = sum(math.prod(shape) for shape in shapes) * itemsize
    if wanted > MAX_BYTES:
        raise FileError(
            f"{name}: its structures span {wanted / 2**30:.1f} GiB; at most {MAX_BYTES / 2**30:.0f} GiB are read. "
            "Export fewer structures, or a part of the image."
        )


def empty_grid(like: Volume) -> Volume:
    """The geometry of a volume with a false in every voxel, which takes no memory."""
    nothing = np.broadcast_to(np.bool_(False), like.shape)
    return Volume(nothing, like.affine, modality="SEG", frame_of_reference=like.frame_of_reference)


def smallest_type(highest: int) -> type[np.unsignedinteger]:
    """The smallest type that holds whole numbers up to `highest`.

    >>> smallest_type(255).__name__, smallest_type(256).__name__
    ('uint8', 'uint16')
    """
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if highest <= np.iinfo(kind).max)


def _block(start: tuple[int, int, int], array: NDArray[np.generic]) -> tuple[slice, slice, slice]:
    """The place of a part on its grid, as three slices."""
    i, j, k = (slice(first, first + size) for first, size in zip(start, array.shape, strict=True))
    return i, j, k
