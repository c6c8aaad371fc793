"""A CT of a trunk made of ellipsoids: organs and lesions whose volumes are known, on a grid of any kind.

For samples, tests and the tour of the documentation: no patient's data are in it. Measured volumes can be compared with
the exact ones of `true_ml`. It is no model of CT physics: white noise is all that is added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.labels import LabelTable
from monai_attn.volume import Box, Volume

__all__ = ["BODIES", "GRIDS", "TABLE", "ct_phantom", "true_ml"]

NAMES = {1: "liver", 2: "spleen", 3: "right kidney", 4: "left kidney", 5: "spine", 6: "lesion"}

TABLE = LabelTable.of_names(NAMES)
"""The structures of the phantom."""


@dataclass(frozen=True)
class Body:
    """An ellipsoid along the patient's axes: centre and half axes in mm along right, anterior, superior; its HU.

    `value` is its label, 0 for what is not labelled. Bodies are drawn in order; `inside` names the structure that a
    lesion takes its room from.
    """

    centre_mm: tuple[float, float, float]
    half_mm: tuple[float, float, float]
    hu: float
    value: int = 0
    inside: int = 0

    @property
    def ml(self) -> float:
        """Its exact volume.

        4/3 π abc of the half axes, in ml.
        """
        return 4 / 3 * math.pi * math.prod(self.half_mm) / 1000


BODIES = (
    Body((0, 0, 0), (165, 110, 130), -90),  # skin and fat
    Body((0, -2, 0), (148, 95, 126), 45),  # muscle
    Body((75, 10, 85), (50, 60, 32), -800),  # right lung
    Body((-75, 10, 85), (50, 60, 32), -800),  # left lung
    Body((70, 12, 10), (62, 52, 38), 62, 1),
    Body((-92, -20, 5), (28, 42, 34), 55, 2),
    Body((60, -52, -65), (23, 20, 38), 120, 3),
    Body((-60, -50, -60), (23, 20, 40), 120, 4),
    Body((0, -62, 0), (17, 18, 100), 380, 5),
    Body((85, 20, 15), (16, 16, 16), 20, 6, inside=1),
    Body((45, 5, -2), (10, 10, 10), 20, 6, inside=1),
    Body((95, -15, 0), (7, 9, 6), 20, 6, inside=1),
    Body((66, -52, -66), (8, 8, 8), 60, 6, inside=3),
)

EXTENT = Box((-175.0, -120.0, -140.0), (175.0, 120.0, 140.0))

AIR_HU, NOISE_HU = -1000.0, 12.0

GRIDS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "ct_phantom": ((2.0, 2.0, 2.0), (0.0, 0.0, 0.0)),
    "ct_phantom_anisotropic": ((0.9, 0.9, 5.0), (0.0, 0.0, 0.0)),
    "ct_phantom_oblique": ((1.4, 1.4, 3.0), (12.0, -8.0, 15.0)),
}
"""Spacing in mm, and angles in degrees about right, anterior and superior, of each sample."""


def true_ml() -> dict[int, float]:
    """The exact volume of each labelled structure: an organ's without the lesions in it.

    By label value, in ml. The lesions are counted together, as one structure of label 6.

        >>> round(true_ml()[2], 1)
        167.5
    """
    found = dict.fromkeys(NAMES, 0.0)
    for body in BODIES:
        for value, sign in ((body.value, 1), (body.inside, -1)):
            if value:
                found[value] += sign * body.ml
    return found


def ct_phantom(spacing_mm: tuple[float, float, float], angles_deg: tuple[float, float, float]) -> tuple[Volume, Volume]:
    """The image in HU, with noise, and its label map: a voxel belongs to a body when its centre does.

    `spacing_mm` goes along the voxel axes, which run to the patient's left, back and head before they are turned.
    `angles_deg` turn them about right, then anterior, then superior. The affine is in RAS+ mm.

    HU are whole numbers from -1024 to 3071 (int16), as 12-bit CT stores them. The noise is normal with a standard
    deviation of `NOISE_HU`, and the same on every call. Labels are unsigned 8-bit; 0 is background.
    """
    grid = _grid(spacing_mm, angles_deg)
    hu = np.full(grid.shape, AIR_HU, np.float32)
    labels = np.zeros(grid.shape, np.uint8)
    for body in BODIES:
        lower, upper = (np.add(body.centre_mm, np.multiply(sign, body.half_mm)) for sign in (-1, 1))
        block = grid.slices_of(Box(tuple(lower), tuple(upper)))
        inside = _inside(body, grid.crop(block))
        hu[block][inside] = body.hu
        labels[block][inside] = body.value
    hu += NOISE_HU * np.random.default_rng(20).standard_normal(grid.shape, dtype=np.float32)
    values = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Volume(values, grid.affine, modality="CT", unit="HU"), grid.with_array(labels)


def _inside(body: Body, grid: Volume) -> NDArray[np.bool_]:
    """Whether voxel centres lie in a body."""
    i, j, k = np.ogrid[tuple(slice(size) for size in grid.shape)]
    squares = np.zeros(grid.shape, np.float32)
    for row, centre, half in zip(grid.affine[:3], body.centre_mm, body.half_mm, strict=True):
        r, a, s, start = (float(x) for x in row / half)
        squares += np.square(r * i + a * j + (s * k + start - centre / half), dtype=np.float32, casting="same_kind")
    return np.asarray(squares <= 1)


def _grid(spacing_mm: tuple[float, float, float], angles_deg: tuple[float, float, float]) -> Volume:
    """Axes along left, posterior, superior, turned by the angles, around `EXTENT`."""
    x, y, z = np.radians(angles_deg)
    about_r = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_a = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_s = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    axes = about_s @ about_a @ about_r @ np.diag([-1.0, -1.0, 1.0]) * np.array(spacing_mm)
    corners = np.linalg.solve(axes, EXTENT.corners_mm.T).T
    lower, upper = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, axes @ (lower + 0.37)  # no voxel centre in the middle of a body
    shape = tuple(int(n) for n in upper - lower + 1)
    return Volume(np.broadcast_to(np.uint8(0), shape), affine)
