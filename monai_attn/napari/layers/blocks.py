"""Where labels lie: blocks of the displayed array, and of the grid's own voxels.

A block is three slices of an array. Measuring and drawing touch only the block of a label, not the whole image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monai_attn.measure.blocks import Block, find_blocks
from monai_attn.napari.layers.volumes import patient_point, placement
from monai_attn.volume import Volume

__all__ = ["displayed_blocks", "native_block"]


def displayed_blocks(array: NDArray[np.integer]) -> dict[int, Block]:
    """The block of the displayed array around each label that occurs; one pass along memory.

    Axes are those of the displayed array (S, P, L). Background is no label; an array of background alone gives {}.
    """
    return find_blocks(array)


def native_block(region: Block, grid: Volume) -> Block:
    """The block of a grid's own voxels that is shown as a block of the displayed array.

    `region` lies along S, P, L; the result lies along the voxel axes (I, J, K) of `grid`, and holds the same voxels.
    """
    scale, translate = placement(grid)
    ends = np.array([[part.start for part in region], [part.stop - 1 for part in region]]) * scale + translate
    index = np.rint([grid.to_index(patient_point(grid, end)) for end in ends]).astype(int)
    i, j, k = (slice(int(low), int(high) + 1) for low, high in zip(index.min(axis=0), index.max(axis=0), strict=True))
    return i, j, k
