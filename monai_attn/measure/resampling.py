"""A label map on another grid, by patient coordinates and nearest neighbour."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_attn.measure.blocks import check_frames, label_array
from monai_attn.volume import Volume

__all__ = ["labels_on_grid"]


def labels_on_grid(labels: Volume, grid: Volume) -> Volume:
    """A label map on the grid of another volume: at each voxel the label of the nearest voxel, in patient space.

    Voxels of the grid outside the label map are background, 0. Raises `LabelError` for fractions, and `GeometryError`
    where both have a frame of reference and these differ.

    >>> labels, grid = Volume(np.ones((2, 2, 2), np.uint8)), Volume(np.zeros((3, 2, 2)))
    >>> labels_on_grid(labels, grid).array[:, 0, 0].tolist()
    [1, 1, 0]
    """
    check_frames(labels, grid, "The two label maps")
    array = label_array(labels)
    step = np.linalg.solve(labels.affine, grid.affine)  # voxel of the grid -> voxel of the label map
    resampled = ndimage.affine_transform(
        array, step[:3, :3], step[:3, 3], output_shape=grid.shape, order=0, mode="grid-constant", cval=0
    )
    return grid.with_array(resampled)
