"""The template of a finder: a small brain, a scalp drawn around it, and the masks in which images are compared.

The bundle brings the brain alone. A scalp is drawn around the brain, because without one the brain would be stretched
over the skull of an image that shows both. In an image without a skull the scalp does no harm: mutual information
asks only that one grey value of the template goes with one of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.finders.coarse_grid import itk_image
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from SimpleITK import Image

__all__ = ["Template"]

BRAIN = 0.05
"""Voxels of the template above this share of its brightest belong to the brain."""

GAP_MM = (0.0, 8.0)
SCALP_MM = (12.0, 18.0)
AIR_MM = (22.0, 28.0)
"""Distances from the brain at which the template shows a dark gap, a scalp, and no more; gaps do not count."""

SCALP = 1.25
"""The grey value of the scalp that is drawn around the brain, unlike any of the brain: a scalp may be missing."""

LOWEST_MM = -25.0
"""Below this height, counted from the middle of the brain, only the brain and its gap count: face and neck differ."""

INNER_MM = ((-75.0, 75.0), (-75.0, 60.0), (-65.0, 20.0))
"""The middle of the brain along R, A and S, counted from its centre."""


@dataclass(frozen=True, eq=False)
class Template:
    """A small image of a head or a brain in its own space, along R, A and S, with cubic voxels.

    The grey values may be of any scale; 0 is background. `volume.affine` leads to mm (RAS+) of the template.
    """

    volume: Volume

    @property
    def spacing_mm(self) -> float:
        """The edge of a voxel."""
        return self.volume.spacing_mm[0]

    @cached_property
    def levels(self) -> tuple[tuple[Image, Image], tuple[Image, Image]]:
        """Image and mask at twice the spacing, and at the spacing of the template."""
        import SimpleITK

        margin = round(AIR_MM[1] / self.spacing_mm) + 1
        fine = itk_image(self.volume) / float(np.percentile(self.volume.array.astype(np.float32), 99.5))
        fine = SimpleITK.ConstantPad(SimpleITK.Clamp(fine, SimpleITK.sitkFloat32, 0.0, 1.0), [margin] * 3, [margin] * 3)
        brain = SimpleITK.BinaryFillhole(SimpleITK.Cast(fine > BRAIN, SimpleITK.sitkUInt8))
        beyond = SimpleITK.SignedMaurerDistanceMap(brain, squaredDistance=False, useImageSpacing=True)
        array, far = SimpleITK.GetArrayFromImage(fine).T, SimpleITK.GetArrayFromImage(beyond).T
        up = np.arange(array.shape[2]) * self.spacing_mm + fine.GetOrigin()[2] - self.centre_mm[2]
        gap, scalp, air = ((far > near) & (far <= end) for near, end in (GAP_MM, SCALP_MM, AIR_MM))
        array = np.where(scalp, SCALP, array)
        used = (far <= 0) | gap | ((scalp | air) & (up >= LOWEST_MM))
        image, mask = (
            SimpleITK.GetImageFromArray(np.ascontiguousarray(one.T)) for one in (array, used.astype(np.float32))
        )
        for one in (image, mask):
            one.CopyInformation(fine)
        return (
            (SimpleITK.BinShrink(image, [2] * 3), SimpleITK.BinShrink(mask, [2] * 3) > 0.5),
            (image, mask > 0.5),
        )

    @cached_property
    def inner(self) -> Image:
        """The mask of the middle of the brain with its gap, for the last refinement: no skull, no vertex, no face."""
        import SimpleITK

        image, _ = self.levels[1]
        brain = SimpleITK.GetArrayFromImage(image).T
        brain = (brain > BRAIN) & (brain < SCALP)
        mask = SimpleITK.GetImageFromArray(np.ascontiguousarray(brain.T.astype(np.uint8)))
        mask.CopyInformation(image)
        mask = SimpleITK.BinaryDilate(SimpleITK.BinaryFillhole(mask), [1] * 3)
        array = SimpleITK.GetArrayFromImage(mask).T
        for axis, (below, above) in enumerate(INNER_MM):
            places = np.arange(array.shape[axis]) * self.spacing_mm + image.GetOrigin()[axis] - self.centre_mm[axis]
            np.moveaxis(array, axis, 0)[(places < below) | (places > above)] = 0
        inner = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
        inner.CopyInformation(image)
        return inner

    @cached_property
    def brain_mm(self) -> NDArray[np.float64]:
        """The places `(n, 3)` of the voxels of the brain, in mm (RAS+) of the template."""
        return self.volume.to_world(np.argwhere(self.volume.array > BRAIN * self.volume.array.max()))

    @cached_property
    def centre_mm(self) -> NDArray[np.float64]:
        """The middle of the template's brain, in mm (RAS+)."""
        return np.asarray((self.brain_mm.min(axis=0) + self.brain_mm.max(axis=0)) / 2, dtype=np.float64)
