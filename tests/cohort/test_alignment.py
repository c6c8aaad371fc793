"""The rigid motion between two images is found, whatever the grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_attn.cohort.alignment import align_rigid, labels_at
from monai_attn.errors import GeometryError
from monai_attn.volume import Volume

GRID = np.diag([2.0, 2.0, 3.0, 1.0])


def patient(affine: np.ndarray, shape: tuple[int, int, int], motion: np.ndarray, *, contrast: float = 1.0) -> Volume:
    """A body of soft blobs, seen after a motion of the patient (mm, RAS+)."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    at = (world - motion[:3, 3]) @ np.linalg.inv(motion[:3, :3]).T
    chance = np.random.default_rng(3)
    image = np.zeros(shape)
    for _ in range(14):
        centre, size, value = chance.uniform(20, 75, 3), chance.uniform(5, 12), chance.uniform(0.3, 1)
        image += value * np.exp(-np.square(at - centre).sum(axis=-1) / (2 * size**2))
    return Volume((1000 * image**contrast).astype(np.float32), affine)


def moved() -> np.ndarray:
    angle = np.radians(6.0)
    motion = np.eye(4)
    motion[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    motion[:3, 3] = (7.0, -4.0, 5.0)
    return motion


def test_a_turned_and_shifted_patient_is_found_on_another_grid_with_another_contrast():
    motion = moved()
    other = np.diag([-2.2, 2.0, 2.5, 1.0])
    other[0, 3] = 105.0
    first, second = patient(GRID, (48, 48, 32), np.eye(4)), patient(other, (50, 50, 40), motion, contrast=0.7)
    found = align_rigid(first, second)
    points = np.array([[30.0, 30, 30], [70, 40, 50], [45, 70, 80]])
    error = np.linalg.norm(points @ (found.matrix - motion)[:3, :3].T + (found.matrix - motion)[:3, 3], axis=1)
    assert error.max() < 1.0  # half a voxel
    assert found.angle_deg == pytest.approx(6.0, abs=0.5)
    assert found.similarity > found.before

    labels = Volume((second.array > 600).astype(np.uint8), second.affine)
    back = labels_at(labels, found, first)
    expected = ndimage.gaussian_filter(np.asarray(first.array, float), 0)
    inside = expected > np.quantile(expected, 1 - (back.array > 0).mean())
    dice = 2 * (inside & (back.array > 0)).sum() / (inside.sum() + (back.array > 0).sum())
    assert dice > 0.9


def test_the_same_image_has_not_moved_and_the_result_is_the_same_each_time():
    image = patient(GRID, (40, 40, 24), np.eye(4))
    one, other = align_rigid(image, image), align_rigid(image, image)
    assert np.allclose(one.matrix, other.matrix, atol=1e-5)
    assert np.allclose(one.matrix, np.eye(4), atol=0.1)  # a twentieth of a voxel


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(GeometryError, match="too small or sheared"):
        align_rigid(Volume(np.zeros((4, 9, 9), np.float32)), Volume(np.zeros((9, 9, 9), np.float32)))
