"""Lesions as connected components, found without a label per voxel for the whole volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.errors import InputError
from monai_attn.measure.blocks import Block, Mask

__all__ = ["CONNECTIVITY", "components"]

CONNECTIVITY = {
    neighbours: ndimage.generate_binary_structure(3, rank) for neighbours, rank in ((6, 1), (18, 2), (26, 3))
}
"""Voxels that touch by a face; by a face or an edge; by a face, an edge or a corner."""

CELL = 8
"""Edge in voxels of the coarse cells."""


def components(
    array: NDArray[np.integer], value: int, *, connectivity: int = 26, min_voxels: int = 1
) -> list[tuple[Block, Mask]]:
    """The connected components of one label, the largest first: the block of each, and its mask there.

    Voxels that touch lie in the same cell of 8x8x8 voxels or in cells that touch. So cells are grouped
    first, and only groups are looked at voxel by voxel.
    """
    if connectivity not in CONNECTIVITY:
        raise InputError(f"Connectivity is one of {', '.join(map(str, CONNECTIVITY))} neighbours, not {connectivity}.")
    turned = array.flags.f_contiguous and not array.flags.c_contiguous
    along_memory = array.T if turned else array
    cells = _cells(along_memory, value)
    groups, _ = ndimage.label(cells, CONNECTIVITY[26])
    found: list[tuple[Block, Mask]] = []
    for group, corner in enumerate(ndimage.find_objects(groups), 1):
        block = _scale(corner)
        mask = along_memory[block] == value
        mask &= _enlarge(groups[corner] == group, mask.shape)
        pieces, _ = ndimage.label(mask, CONNECTIVITY[connectivity])
        for piece, inner in enumerate(ndimage.find_objects(pieces), 1):
            found.append((_shift(inner, block), pieces[inner] == piece))
    if turned:
        found = [(block[::-1], mask.T) for block, mask in found]
    sizes = [int(np.count_nonzero(mask)) for _, mask in found]
    order = sorted(range(len(found)), key=lambda n: (-sizes[n], [part.start for part in found[n][0]]))
    return [found[n] for n in order if sizes[n] >= min_voxels]


def _cells(array: NDArray[np.integer], value: int) -> Mask:
    """Which cells hold a voxel of the label; slab by slab, so that no mask of the whole volume is made."""
    i, j, k = (np.arange(0, size, CELL) for size in array.shape)
    cells = np.empty((i.size, j.size, k.size), bool)
    for row, start in enumerate(i):
        plane = (array[start : start + CELL] == value).any(axis=0)  # (J, K)
        cells[row] = np.logical_or.reduceat(np.logical_or.reduceat(plane, j, axis=0), k, axis=1)
    return cells


def _enlarge(cells: Mask, shape: tuple[int, ...]) -> Mask:
    for axis in range(3):
        cells = cells.repeat(CELL, axis)
    return cells[: shape[0], : shape[1], : shape[2]]


def _scale(block: Block) -> Block:
    i, j, k = (slice(part.start * CELL, part.stop * CELL) for part in block)
    return i, j, k


def _shift(inner: Block, block: Block) -> Block:
    i, j, k = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(inner, block, strict=True))
    return i, j, k
