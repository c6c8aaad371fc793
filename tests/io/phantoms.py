"""Images with a known answer, oblique and anisotropic, and a way to compare them in the patient."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from monai_attn.volume import Volume

SPACING_MM = (0.7, 1.3, 2.9)
SHAPE = (5, 6, 7)


def rotation(x_deg: float, y_deg: float, z_deg: float) -> np.ndarray:
    x, y, z = np.radians([x_deg, y_deg, z_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def signed_permutations() -> list[np.ndarray]:
    """The 48 ways to lay three voxel axes along right, anterior and superior."""
    return [
        np.eye(3)[:, list(order)] * np.array(signs)
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]


def affine_of(axes: np.ndarray, spacing_mm=SPACING_MM, origin_mm=(-31.4, 27.1, -82.5), tilt=(11, -7, 19)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(*tilt) @ axes * np.array(spacing_mm)
    affine[:3, 3] = origin_mm
    return affine


def phantom(axes: np.ndarray | None = None, dtype=np.int16, shape=SHAPE, **geometry) -> Volume:
    """Every voxel has a value of its own, so that any flip or swap shows."""
    values = np.arange(np.prod(shape)).reshape(shape)
    return Volume(values.astype(dtype), affine_of(np.eye(3) if axes is None else axes, **geometry))


def assert_same_in_patient(one: Volume, other: Volume, tolerance_mm: float = 1e-3) -> None:
    """Both have the same values at the same places of the patient, whatever the order of their voxels."""
    index = np.indices(one.shape).reshape(3, -1).T
    places = one.to_world(index)
    back = np.rint(other.to_index(places)).astype(int)
    assert one.array.size == other.array.size
    assert (back >= 0).all()
    assert (back < other.shape).all()
    assert np.abs(other.to_world(back) - places).max() < tolerance_mm
    np.testing.assert_array_equal(one.array[tuple(index.T)], other.array[tuple(back.T)])
