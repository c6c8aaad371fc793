"""A phantom seen by three scanners: T1, CT and PET of one patient, each on a grid of its own."""

from __future__ import annotations

import numpy as np

from monai_attn import Volume

CENTRES = {"t1": (10.0, -5.0, 20.0), "ct": (-14.0, 4.0, 12.0), "pet": (6.0, 18.0, -2.0)}
"""Where each image shows a ball of its own, mm RAS+."""

RADIUS_MM = 8.0

BALL_ML = 4 / 3 * np.pi * RADIUS_MM**3 / 1000

MODALITIES = {"t1": "MR", "ct": "CT", "pet": "PT"}


def turned(z_deg: float, x_deg: float) -> np.ndarray:
    """A rotation about the third, then about the first axis."""
    a, b = np.radians(z_deg), np.radians(x_deg)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return about_z @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])


AXES = {
    "t1": turned(17, -9) @ np.diag([-1.1, 1.3, 2.4]),  # left-handed, oblique, anisotropic
    "ct": np.array([[0, 0, 1.5], [-1.2, 0, 0], [0, -1.2, 0]]),  # K to the right, I to the back, J down
    "pet": np.diag([-4.0, -4.0, 3.3]),
}
SHAPES = {"t1": (56, 50, 28), "ct": (60, 60, 44), "pet": (18, 20, 20)}
MIDDLES = {"t1": (0.0, 2.0, 8.0), "ct": (-3.0, 5.0, 6.0), "pet": (3.0, 3.0, 2.0)}
"""Edge vectors of a voxel, voxels, and the place of the middle: none is that of another image."""


def ball(points_mm: np.ndarray, centre_mm: tuple[float, ...], radius_mm: float = RADIUS_MM) -> np.ndarray:
    """1 inside, 0 outside, and a ramp of 4 mm, the coarsest voxel's edge, across the surface."""
    distance = np.linalg.norm(points_mm - np.array(centre_mm), axis=-1)
    return np.clip((radius_mm - distance) / 4 + 0.5, 0, 1).astype(np.float32)


def grid(name: str) -> Volume:
    """The grid of an image, empty."""
    affine = np.eye(4)
    affine[:3, :3] = AXES[name]
    affine[:3, 3] = np.array(MIDDLES[name]) - AXES[name] @ (np.array(SHAPES[name]) - 1) / 2
    return Volume(np.zeros(SHAPES[name], np.float32), affine, modality=MODALITIES[name])


def places(volume: Volume) -> np.ndarray:
    """The centres of all voxels, `(I, J, K, 3)` mm RAS+."""
    return volume.to_world(np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1))


def image(name: str, centre_mm: tuple[float, ...] | None = None) -> Volume:
    """An image of the ball that it shows, or of one elsewhere."""
    empty = grid(name)
    return empty.with_array(ball(places(empty), CENTRES[name] if centre_mm is None else centre_mm))


def images(*names: str) -> dict[str, Volume]:
    """The named images, each with its own ball; all without names."""
    return {name: image(name) for name in names or CENTRES}


def balls_of(mask: np.ndarray, volume: Volume) -> dict[str, tuple[float, float]]:
    """Of each ball found in a mask: how far its centre is from where it belongs in mm, and its volume in ml.

    Each voxel counts for the nearest of `CENTRES`; balls without a voxel are left out.
    """
    points = places(volume)[mask]
    names = list(CENTRES)
    distances = [np.linalg.norm(points - np.array(CENTRES[name]), axis=-1) for name in names]
    nearest = np.argmin(distances, axis=0) if len(points) else np.array([])
    found = {name: points[nearest == place] for place, name in enumerate(names) if np.any(nearest == place)}
    return {
        name: (float(np.linalg.norm(own.mean(axis=0) - CENTRES[name])), len(own) * volume.voxel_ml)
        for name, own in found.items()
    }
