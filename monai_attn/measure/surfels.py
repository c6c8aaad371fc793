"""The area of a mask's surface, by counting where lines in 13 directions cross it (Cauchy and Crofton)."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from monai_attn.measure.blocks import Mask
from monai_attn.volume import UPPER

__all__ = ["neighbourhoods", "surface_area_mm2", "surfel_areas_mm2"]

CORNERS = UPPER.astype(int)
"""The eight voxels of a 2x2x2 neighbourhood; voxel n is bit n of its code."""

DIRECTIONS = np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])
"""The 13 lines through a voxel and its 26 neighbours, in steps of I, J, K."""

FULL = 255
"""The code of a neighbourhood inside the mask; 0 is one outside. All others hold a piece of surface."""

NORMALS = 2000
"""Directions of test planes, evenly over the sphere: 1.6 degrees apart, the weights settle to 0.1 %."""


def surface_area_mm2(mask: Mask, affine: NDArray[np.float64]) -> float:
    """Area in mm² of the surface of a boolean mask `(I, J, K)`; an empty mask has 0.

    `affine` `(4, 4)` takes voxel indices to mm. The faces of voxels at the edge of the array count as surface.
    The method is Crofton's formula: changes between inside and outside are counted along 13 directions, each with a
    weight that suits the shape of the voxels. The area converges for smooth bodies. A flat face along cubic voxels
    comes out 7 % small, a small box along the voxels more (docs/measurements.md). Sources: Legland, Kiêu, Devaux 2007;
    Ohser, Mücklich 2000, chapter 4.

    >>> points = np.indices((25, 25, 25)) - 12
    >>> ball = np.linalg.norm(points, axis=0) <= 10
    >>> round(surface_area_mm2(ball, np.eye(4)) / (4 * np.pi * 10**2), 2)
    1.0
    """
    areas = surfel_areas_mm2(affine)
    # Plane by plane: bincount works on a copy of eight bytes a voxel.
    return float(sum(np.bincount(plane.ravel(), minlength=FULL + 1) @ areas for plane in neighbourhoods(mask)))


def neighbourhoods(mask: Mask) -> NDArray[np.uint8]:
    """The code of every 2x2x2 neighbourhood, `(I+1, J+1, K+1)`; neighbourhood n lies between voxels n-1 and n."""
    codes: NDArray[np.uint8] = np.pad(mask, 1).view(np.uint8)
    for axis, bits in enumerate((4, 2, 1)):  # as in CORNERS
        along = np.moveaxis(codes, axis, 0)
        codes = np.moveaxis(along[:-1] | along[1:] << np.uint8(bits), 0, axis)
    return codes


def surfel_areas_mm2(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much surface each of the 256 neighbourhoods holds: its share of Crofton's sum."""
    return _areas(tuple(affine[:3, :3].ravel()))


@lru_cache(maxsize=32)
def _areas(axes: tuple[float, ...]) -> NDArray[np.float64]:
    weights = dict(zip(map(tuple, DIRECTIONS.tolist()), _direction_weights(axes), strict=True))
    inside = (np.arange(FULL + 1)[:, None] >> np.arange(8)) & 1  # (256, 8)
    areas = np.zeros(FULL + 1)
    for one, other in combinations(range(8), 2):
        step = CORNERS[other] - CORNERS[one]
        shared = 2 ** int((step == 0).sum())  # an edge lies in four neighbourhoods, a face's diagonal in two
        direction = max(tuple(step.tolist()), tuple((-step).tolist()))
        areas += (inside[:, one] != inside[:, other]) * weights[direction] / shared
    areas.flags.writeable = False
    return areas


def _direction_weights(axes: tuple[float, ...]) -> NDArray[np.float64]:
    """The area in mm² that one crossing along each direction stands for.

    A plane of normal n has |n·v| / voxel volume crossings along v per mm². The weights, none negative,
    make the sum over directions as near to 1 as can be for planes of all orientations, and 1 on average.
    Unlike the usual Voronoi weights they suit thick slices and sheared grids.
    """
    matrix = np.array(axes).reshape(3, 3)
    turn = np.arange(NORMALS) + 0.5  # a Fibonacci spiral
    height, angle = 1 - 2 * turn / NORMALS, np.pi * (1 + np.sqrt(5)) * turn
    radius = np.sqrt(1 - height**2)
    normals = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    crossings = np.abs(normals @ (matrix @ DIRECTIONS.T)) / abs(np.linalg.det(matrix))  # (normals, 13)
    scale = crossings.mean()  # so that the solver's tolerance does not depend on the unit
    weights: NDArray[np.float64] = _never_negative(crossings / scale, np.ones(NORMALS)) / scale
    weights /= float((crossings @ weights).mean())
    return weights


def _never_negative(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The x, none below 0, for which `matrix @ x` is nearest to `target`, by least squares.

    The method is that of Lawson and Hanson (1974), as in `scipy.optimize.nnls`. That package takes a fifth of a second
    to load, which a command that measures one mask would have to wait for.

    >>> _never_negative(np.eye(2), np.array([3.0, -1.0])).tolist()
    [3.0, 0.0]
    """
    found = np.zeros(matrix.shape[1])
    used = np.zeros(len(found), np.bool_)
    tolerance = 10 * np.finfo(np.float64).eps * np.linalg.norm(matrix, 1) * max(matrix.shape)
    while not used.all():
        gain = np.where(used, -np.inf, matrix.T @ (target - matrix @ found))
        if gain.max() <= tolerance:
            break
        used[gain.argmax()] = True
        while True:
            free = np.zeros_like(found)  # the best with what is used, of any sign
            free[used] = np.linalg.lstsq(matrix[:, used], target, rcond=None)[0]
            below = used & (free <= 0)
            if not below.any():
                break
            found += (found[below] / (found[below] - free[below])).min() * (free - found)  # as far as none is below 0
            used &= found > 1e-15
            found[~used] = 0
        found = free
    return found
