"""An image on an awkward grid."""

from __future__ import annotations

import numpy as np

from monai_attn import Volume


def volume(shape=(40, 48, 20), spacing_mm=(0.9, 1.1, 2.4), modality="MR", fill=0.0) -> Volume:
    """Left-handed, rotated about the axis of the body by 12 degrees, anisotropic; noise from `fill` upwards."""
    turn = np.radians(12)
    affine = np.eye(4)
    affine[:3, :3] = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([-1.0, 1.0, 1.0]) @ np.diag(spacing_mm)
    values = fill + np.random.default_rng(0).uniform(0, 100, shape).astype(np.float32)
    return Volume(values, affine, modality=modality)
