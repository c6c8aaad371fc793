"""What a bundle computes, on the grid of the source image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_attn.errors import BundleError, LabelError
from monai_attn.transforms.save import label_map
from monai_attn.volume import Volume, same_grid

__all__ = ["checked_labels", "in_whole"]


def checked_labels(prediction: Any, grid: Volume, bundle: str) -> NDArray[np.generic]:
    """The label map `(I, J, K)` in whole numbers, from the output of a bundle's last transform.

    Raises `BundleError` for values that are no whole numbers, and for a grid other than that of the source image.
    """
    try:
        labels = label_map(_in_three_axes(torch.as_tensor(prediction).cpu().numpy(), grid))
    except LabelError as error:
        raise BundleError(f"The bundle {bundle} gives no label map: {error}") from error
    if labels.shape != grid.shape or not _same_place(prediction, grid):
        raise BundleError(
            f"The bundle {bundle} leaves its labels on a grid of {labels.shape}; the image has {grid.shape}. Its "
            "postprocessing must end with Invertd, which brings them back."
        )
    return labels


def in_whole(array: NDArray[np.generic], block: tuple[slice, ...], whole: Volume) -> NDArray[np.generic]:
    """The array of a block of voxels, in an array of the size of the whole image; 0 elsewhere."""
    full = np.zeros(whole.shape, dtype=array.dtype)
    full[block] = array
    return full


def _in_three_axes(values: NDArray[Any], grid: Volume) -> NDArray[Any]:
    """Values `(1, I, J)` or `(I, J)` of a picture as `(I, J, 1)`; others as they are."""
    return values.reshape(grid.shape) if values.shape in ((1, *grid.shape[:2]), grid.shape[:2]) else values


def _same_place(prediction: Any, grid: Volume) -> bool:
    """Whether a prediction lies on the grid; a prediction without an affine is trusted."""
    affine = getattr(prediction, "affine", None)  # a MetaTensor has one; a bundle may give a plain tensor
    if affine is not None and affine.shape != (4, 4):
        return True  # a picture has no place in a patient
    return affine is None or same_grid(grid, Volume(grid.array, np.asarray(affine.cpu(), dtype=np.float64)))
