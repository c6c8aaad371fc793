"""Maps of a network, brought to the grid of the source image by patient coordinates.

For attention maps and probabilities, which have a value at each voxel and no class. Labels come from
`monai_attn.transforms.source_labels`, because interpolated labels would be no labels. The segmenter calls
`maps_on_source` when maps are asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Activationsd
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from monai_attn.errors import BundleError
from monai_attn.transforms.labels_on_source import LabelsOnSourced

__all__ = ["classes_exclude", "maps_on_source"]

SLAB_VOXELS = 2**22
"""Source voxels that are brought back at once: 50 MB of coordinates."""

EDGE = 1.0
"""Voxels of the network's grid around it that take the value of its edge; beyond, nothing was seen."""


def maps_on_source(maps: Tensor, image: Tensor) -> NDArray[np.float32]:
    """Maps `(C, X, Y, Z)` on the network's grid to `(C, I, J, K)` on the grid of the source image.

    `image` is the preprocessed image `(N, channels, X, Y, Z)`; its metadata say where both grids lie. Maps are
    interpolated linearly, as labels are inverted. Voxels of the source outside the network's grid are 0. Raises
    `BundleError` when the image has lost its metadata.

    The values beyond the outermost voxel centres repeat the edge for one voxel of the network's grid. A batch of one
    is taken; of a larger batch the metadata of the first image count. Work goes in slabs along I, so that memory
    stays small.
    """
    if not isinstance(image, MetaTensor) or not {"original_affine", "spatial_shape"} <= set(image.meta):
        raise BundleError("The bundle's preprocessing loses where the image lies, so maps cannot be brought back.")
    affine, source_affine = (_matrix(one) for one in (image.affine, image.meta["original_affine"]))
    to_network = np.linalg.solve(affine, source_affine)
    i, j, k = (int(size) for size in np.asarray(image.meta["spatial_shape"]).reshape(-1)[:3])
    sizes = np.array(maps.shape[1:], dtype=np.float64)
    values = maps.detach().float().cpu()[None]
    out = np.zeros((maps.shape[0], i, j, k), dtype=np.float32)
    step = max(1, SLAB_VOXELS // (j * k))
    for start in range(0, i, step):
        stop = min(start + step, i)
        rows = [np.arange(start, stop), np.arange(j), np.arange(k)]
        index = np.stack(np.meshgrid(*rows, indexing="ij"), axis=-1)
        place = index @ to_network[:3, :3].T + to_network[:3, 3]  # (i, j, k, 3) on the network's grid
        inside = ((place > -EDGE) & (place < sizes - 1 + EDGE)).all(axis=-1)
        # grid_sample wants the last axis first, and -1 and 1 for the outer voxel centres
        scaled = torch.from_numpy(2 * place / np.maximum(sizes - 1, 1) - 1).flip(-1).float()
        part = grid_sample(values, scaled[None], mode="bilinear", padding_mode="border", align_corners=True)[0]
        out[:, start:stop] = part.numpy() * inside
    return out


def _matrix(affine: Any) -> NDArray[np.float64]:
    """One 4x4 matrix, also of a batch of one."""
    matrices: NDArray[np.float64] = np.asarray(torch.as_tensor(affine).cpu(), dtype=np.float64).reshape(-1, 4, 4)
    first: NDArray[np.float64] = matrices[0]
    return first


def classes_exclude(postprocessing: Any) -> bool:
    """Whether a bundle's last transforms take one class per voxel.

    It is false for regions that may overlap, with a sigmoid each.

    `Activationsd` with a sigmoid and `LabelsOnSourced` with `regions` both mean regions; everything else means
    classes.

    >>> classes_exclude(LabelsOnSourced("pred")), classes_exclude(LabelsOnSourced("pred", regions=[1, 2]))
    (True, False)
    """
    for transform in getattr(postprocessing, "transforms", [postprocessing]):
        if isinstance(transform, LabelsOnSourced):
            return transform.labels.regions is None
        if isinstance(transform, Activationsd) and any(transform.sigmoid):
            return False
    return True
