"""How far two surfaces lie apart: Hausdorff distance, its 95th percentile, mean distance, surface Dice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError
from monai_attn.measure.blocks import Mask
from monai_attn.measure.surfels import neighbourhoods, surfel_areas_mm2

__all__ = ["SurfaceDistances", "boundary", "distances_between", "normalised_surface_dice", "surface_distances"]

ROUNDING = 1e-5
"""By this share a distance may exceed the tolerance, since headers store float32. A distance of one voxel's edge counts
within a tolerance of that edge in every orientation of the grid."""


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """From each boundary voxel of one mask to the nearest of the other, centre to centre.

    Both masks empty: nothing to measure, every number is nan. One empty: every number is inf.
    """

    to_reference_mm: NDArray[np.float64]
    to_prediction_mm: NDArray[np.float64]

    @property
    def hd_mm(self) -> float:
        """Hausdorff distance: the largest distance, either way."""
        return self.percentile_mm(100)

    @property
    def hd95_mm(self) -> float:
        """The larger of the two directed 95th percentiles (as MONAI; MedPy pools both directions)."""
        return self.percentile_mm(95)

    @property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: the mean over the boundary voxels of both masks together."""
        pooled = np.concatenate([self.to_reference_mm, self.to_prediction_mm])
        return float(pooled.mean()) if pooled.size else float("nan")

    def percentile_mm(self, percent: float) -> float:
        """The larger of the two directed percentiles, linear between two distances."""
        if not 0 <= percent <= 100:
            raise InputError(f"A percentile lies between 0 and 100; this one is {percent}.")
        both = [distances for distances in (self.to_reference_mm, self.to_prediction_mm) if distances.size]
        if not both:
            return float("nan")
        if any(np.isinf(distances).any() for distances in both):
            return float("inf")
        return max(float(np.percentile(distances, percent)) for distances in both)


def surface_distances(prediction: Mask, reference: Mask, affine: NDArray[np.float64]) -> SurfaceDistances:
    """Distances in mm between the boundary voxels of two masks `(I, J, K)`, from centre to centre.

    `affine` `(4, 4)` takes voxel indices to mm. Distances are exact on oblique, anisotropic and sheared grids. Both
    masks empty: every number is nan. One mask empty: every number is inf.

    >>> one = np.zeros((5, 5, 9), bool)
    >>> one[2, 2, 2] = True
    >>> surface_distances(one, np.roll(one, 3, axis=2), np.diag([1, 1, 2.5, 1])).hd_mm
    7.5
    """
    return SurfaceDistances(*distances_between(boundary(prediction), boundary(reference), affine))


def normalised_surface_dice(
    prediction: Mask, reference: Mask, affine: NDArray[np.float64], tolerance_mm: float
) -> float:
    """Share of the surfaces of two masks that lies within `tolerance_mm` of the other surface, by area, 0 to 1.

    The surface is sampled at the corners of voxels; each sample weighs the area in its 2x2x2 neighbourhood. Both masks
    empty: nan. One mask empty: 0. Raises `InputError` for a tolerance below 0. Source: Nikolov et al. 2021
    (surface-distance), with the areas of `surface_area_mm2`.

    >>> one = np.zeros((9, 9, 9), bool)
    >>> one[2:6, 2:6, 2:6] = True
    >>> normalised_surface_dice(one, np.roll(one, 1, axis=0), np.eye(4), tolerance_mm=1.0)
    1.0
    """
    if not (np.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise InputError(f"The tolerance of the surface Dice is 0 mm or more; this one is {tolerance_mm}.")
    codes = [neighbourhoods(mask) for mask in (prediction, reference)]
    one, other = (code + np.uint8(1) > 1 for code in codes)  # neither 0 nor 255, in one pass
    weights = [surfel_areas_mm2(affine)[code[piece]] for code, piece in zip(codes, (one, other), strict=True)]
    area = sum(float(weight.sum()) for weight in weights)
    if area == 0:
        return float("nan")
    distances = distances_between(one, other, affine)
    reach_mm = tolerance_mm * (1 + ROUNDING)
    within = (float(weight[far <= reach_mm].sum()) for weight, far in zip(weights, distances, strict=True))
    return sum(within) / area


def boundary(mask: Mask) -> Mask:
    """The voxels of a mask with one of their six neighbours outside; beyond the array is outside."""
    inner = mask.copy()
    for axis in range(3):
        along, kept = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        kept[1:] &= along[:-1]
        kept[:-1] &= along[1:]
        kept[0] = kept[-1] = False
    return mask & ~inner


def distances_between(
    one: Mask, other: Mask, affine: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From each True of one array, in C order, the distance to the nearest True of the other; and back.

    Infinite where there is none.
    """
    places = [np.flatnonzero(points) for points in (one, other)]
    points_mm = [np.stack(np.unravel_index(place, one.shape), axis=1) @ affine[:3, :3].T for place in places]
    shared = [other.ravel()[places[0]], one.ravel()[places[1]]]  # 0 mm apart: look only for the rest
    there = _nearest(points_mm[0], points_mm[1], shared[0])
    back = _nearest(points_mm[1], points_mm[0], shared[1])
    return there, back


def _nearest(
    points_mm: NDArray[np.float64], others_mm: NDArray[np.float64], shared: NDArray[np.bool_]
) -> NDArray[np.float64]:
    distances = np.where(shared, 0.0, np.inf)
    if len(others_mm) and not shared.all():
        from scipy.spatial import cKDTree  # a tenth of a second that most commands need not wait for

        distances[~shared] = cKDTree(others_mm, balanced_tree=False).query(points_mm[~shared])[0]
    return distances
