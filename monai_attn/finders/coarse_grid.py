"""An image on a coarse grid along the patient's axes, for the registration with a template.

Positions stay in millimetres of the patient, RAS+, also inside SimpleITK, which does not mind what its axes are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.volume import Volume

if TYPE_CHECKING:
    from SimpleITK import Image

__all__ = ["coarse_image", "itk_image", "largest_voxels"]

PERCENTILES = (0.5, 99.5)
"""Grey values are cut at these percentiles, and then scaled to 0 to 1."""

LARGEST_MM = 1200.0
"""No edge of the coarse grid is longer, so that a damaged header cannot ask for all the memory."""


def coarse_image(image: Volume, spacing_mm: float) -> Image:
    """An image averaged to cubic voxels along R, A and S, with grey values from 0 to 1 and 0 outside the image.

    Blocks of small voxels are averaged, then interpolated. Sheared and oblique grids are followed exactly. Voxels that
    are no finite numbers count as 0. A constant image becomes 0.
    """
    import SimpleITK

    blocks, affine = _averaged(image, spacing_mm)
    low, high = np.percentile(blocks, PERCENTILES)
    scaled = np.clip((blocks - low) / (high - low), 0, 1) if high > low else np.zeros_like(blocks)
    bounds = Volume(blocks, affine).bounds
    lower, upper = np.array(bounds.lower_mm), np.array(bounds.upper_mm)
    edge_mm = np.minimum(upper - lower, LARGEST_MM)
    size = np.maximum(np.ceil(edge_mm / spacing_mm) + 1, 4)
    to_index = SimpleITK.AffineTransform(3)
    inverse = np.linalg.inv(affine)
    to_index.SetMatrix(inverse[:3, :3].ravel().tolist())
    to_index.SetTranslation(inverse[:3, 3].tolist())
    source = SimpleITK.GetImageFromArray(np.ascontiguousarray(scaled.T.astype(np.float32)))  # its world is the index
    grid = SimpleITK.Image([int(edge) for edge in size], SimpleITK.sitkFloat32)
    grid.SetSpacing([spacing_mm] * 3)
    grid.SetOrigin(((lower + upper) / 2 - (size - 1) * spacing_mm / 2).tolist())
    return SimpleITK.Resample(source, grid, to_index, SimpleITK.sitkLinear, 0.0, SimpleITK.sitkFloat32)


def itk_image(volume: Volume) -> Image:
    """A volume whose axes are R, A and S, as an image of SimpleITK in millimetres, RAS+, of float32."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.array.T.astype(np.float32)))
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(volume.affine[:3, 3].tolist())
    return image


def largest_voxels(image: Image) -> NDArray[np.float64]:
    """The places `(n, 3)` in mm (RAS+) of the voxels that are brighter than the background, by Otsu's threshold.

    Only the largest connected piece counts. A blank image gives no place. Source: Otsu 1979.
    """
    import SimpleITK

    bright = SimpleITK.OtsuThreshold(image, 0, 1)
    pieces = SimpleITK.RelabelComponent(SimpleITK.ConnectedComponent(bright))
    index = np.argwhere(SimpleITK.GetArrayViewFromImage(pieces).T == 1)  # (I, J, K)
    return np.asarray(index * np.array(image.GetSpacing()) + np.array(image.GetOrigin()), dtype=np.float64)


def _averaged(image: Volume, spacing_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The means of blocks of voxels whose edges do not exceed the spacing, and the affine of the block centres."""
    steps = [max(1, int(spacing_mm / edge + 1e-3)) for edge in image.spacing_mm]
    steps = [min(step, size) for step, size in zip(steps, image.shape, strict=True)]
    counts = [size // step for size, step in zip(image.shape, steps, strict=True)]
    whole = tuple(slice(0, count * step) for count, step in zip(counts, steps, strict=True))
    array = np.nan_to_num(np.asarray(image.array[whole], dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    (i, j, k), (a, b, c) = counts, steps
    means = array.reshape(i, a, j, b, k, c).mean(axis=(1, 3, 5))
    shift = np.eye(4)
    shift[:3, :3] = np.diag(steps)
    shift[:3, 3] = (np.array(steps) - 1) / 2
    return means, np.asarray(image.affine @ shift, dtype=np.float64)
