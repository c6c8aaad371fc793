"""Bodies with known answers, on grids of any spacing and orientation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_attn.labels import LabelTable
from monai_attn.volume import Volume

Inside = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""Whether points `(..., 3)` in mm lie in a body."""

SPACINGS_MM = [(1.0, 1.0, 1.0), (0.8, 0.8, 2.5), (0.7, 0.7, 5.0), (0.5, 1.0, 1.5)]
TURNS_DEG = [(0, 0, 0), (20, -35, 50)]
CENTRE_MM = np.array([31.3, -120.7, 64.9])
ONE = LabelTable.of_names({1: "body"})


def grid(
    spacing_mm: tuple[float, float, float],
    *,
    turn_deg: tuple[float, float, float] = (0, 0, 0),
    reach_mm: float = 14.0,
    flip: tuple[int, int, int] = (-1, 1, 1),
    shear: float = 0.0,
) -> Volume:
    """A grid around `CENTRE_MM` that reaches `reach_mm` to all sides; no voxel centre lies on the centre."""
    axes = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix() @ np.diag(np.multiply(spacing_mm, flip))
    axes[:, 2] += shear * axes[:, 1]
    shape = np.ceil(2 * reach_mm / np.array(spacing_mm) * (1 + abs(shear))).astype(int) + 3
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = CENTRE_MM - axes @ (shape / 2 + (0.13, -0.21, 0.08))
    return Volume(np.zeros(shape, np.uint8), affine)


def draw(inside: Inside, on: Volume, value: int = 1) -> Volume:
    """The label map of a body: a voxel belongs to it when its centre does. `inside` sees mm from `CENTRE_MM`."""
    points = on.to_world(np.stack(np.indices(on.shape), axis=-1)) - CENTRE_MM
    return on.with_array(np.where(inside(points), value, on.array).astype(on.array.dtype))


def sphere(radius_mm: float, centre_mm: tuple[float, float, float] = (0, 0, 0)) -> Inside:
    return lambda points: np.linalg.norm(points - np.array(centre_mm), axis=-1) <= radius_mm


def ellipsoid(axes_mm: tuple[float, float, float], turn_deg: tuple[float, float, float] = (0, 0, 0)) -> Inside:
    turn = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    return lambda points: np.linalg.norm(points @ turn / np.array(axes_mm), axis=-1) <= 1


def cuboid(edges_mm: tuple[float, float, float], turn_deg: tuple[float, float, float] = (0, 0, 0)) -> Inside:
    turn = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    return lambda points: (np.abs(points @ turn) <= np.array(edges_mm) / 2).all(axis=-1)


def blobs(seed: int, spacing_mm: tuple[float, float, float]) -> tuple[Volume, Volume]:
    """Two similar rough masks, as a prediction and its reference might be."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(seed)
    field = gaussian_filter(generator.normal(size=(34, 38, 22)), 3)
    other = field + 0.35 * gaussian_filter(generator.normal(size=field.shape), 2)
    affine = np.diag([*spacing_mm, 1.0])
    return Volume((field > 0.02).astype(np.uint8), affine), Volume((other > 0.02).astype(np.uint8), affine)
