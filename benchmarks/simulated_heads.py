"""Heads of other people, simulated from two: for `find_regions.py`. Nothing here is used by the package.

Sources are the MNI152 brain that nilearn ships (no skull), and the head "ch2" of Debian's package mricron-data (one
person, with skull; also as a brain without skull). A neck and shoulders of noise can be pasted below ch2. Each is bent
by a smooth random warp, with enlarged ventricles, then scaled, sheared, turned and shifted, and sampled on another
grid, with parts cut off. Grey values get another contrast, a bias field, noise, clipping and another scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.volume import Volume

Points = NDArray[np.float64]

VENTRICLES_MM = (((14.0, 0.0, 22.0), 14.0), ((26.0, -42.0, 8.0), 12.0))
"""Middles (R of one side, A, S) and widths of two bulges in each lateral ventricle."""

MIDDLE_MM = np.array([0.0, -18.0, 8.0])


@dataclass(frozen=True)
class Source:
    """A real head, and the places of the voxels of each hippocampus in mm (RAS+)."""

    image: Volume
    hippocampi: dict[str, Points]


@dataclass(frozen=True)
class Simulated:
    """A simulated head, the places of each hippocampus, and the volume of the head as a multiple of the source's."""

    image: Volume
    hippocampi: dict[str, Points]
    scale: float


def simulate(source: Source, seed: int, *, cuts: bool = True) -> Simulated:
    """Another head from a source; the same seed gives the same head."""
    generator = np.random.default_rng(seed)
    uniform = generator.uniform
    linear = _turn(0, uniform(-0.35, 0.35)) @ _turn(1, uniform(-0.17, 0.17)) @ _turn(2, uniform(-0.2, 0.2))
    shear = np.eye(3)
    shear[np.triu_indices(3, 1)] = uniform(-0.05, 0.05, 3)
    linear = linear @ shear @ np.diag(uniform(0.9, 1.12, 3) * uniform(0.95, 1.05))
    shift = MIDDLE_MM + uniform(-30, 30, 3)
    warp = _warp(generator, bend_mm=uniform(2, 6), ventricles_mm=uniform(0, 9))

    def back(points: Points) -> Points:
        """Places in the new head to places in the source."""
        inner = (points - shift) @ np.linalg.inv(linear).T + MIDDLE_MM
        moved: Points = inner + warp(inner)
        return moved

    grid = _grid(generator, source.image, lambda points: (points - MIDDLE_MM) @ linear.T + shift, cuts=cuts)
    array = _sampled(source.image, grid, back)
    hippocampi = {side: _carried(points, linear, shift, warp) for side, points in source.hippocampi.items()}
    values = _values(generator, array)
    return Simulated(grid.with_array(values), hippocampi, float(np.linalg.det(linear)))


def with_neck(head: Volume, seed: int = 5) -> Volume:
    """The head with a neck and shoulders of 110 mm below it, of noise within an ellipse: no real anatomy."""
    generator = np.random.default_rng(seed)
    i, j, _ = head.shape
    count = round(110 / head.spacing_mm[2])
    texture = ndimage.gaussian_filter(generator.normal(size=(i, j, count)), 4)
    texture /= texture.std()
    x, y, z = np.mgrid[:i, :j, :count]
    below = count - z
    wide = below > 70
    radius = ((x - i / 2) / np.where(wide, 85, 55)) ** 2 + ((y - j / 2 - 5 + 0.2 * below) / np.where(wide, 60, 55)) ** 2
    top = float(np.percentile(np.asarray(head.array, np.float32), 99))
    neck = np.where(radius < 1, np.where(radius > 0.8, 0.9 * top, 0.4 * top) + 0.1 * top * texture, 0)
    affine = head.affine.copy()
    affine[:3, 3] -= affine[:3, 2] * count
    return Volume(np.concatenate([np.clip(neck, 0, top), head.array], axis=2).astype(np.float32), affine)


def _turn(axis: int, angle: float) -> NDArray[np.float64]:
    matrix = np.eye(3)
    a, b = [n for n in range(3) if n != axis]
    matrix[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    return matrix


def _warp(generator: np.random.Generator, *, bend_mm: float, ventricles_mm: float) -> Callable[[Points], Points]:
    """A smooth displacement in mm: random to about 40 mm wavelength, and inwards around the ventricles."""
    edge = 8.0
    shape = (40, 44, 60)
    start = np.array([-160.0, -180.0, -280.0])
    field = np.stack([ndimage.gaussian_filter(generator.normal(size=shape), 28 / edge) for _ in range(3)], axis=-1)
    field *= bend_mm / field.std()
    places = np.moveaxis(np.indices(shape), 0, -1) * edge + start
    for side in (-1, 1):
        for (r, a, s), width in VENTRICLES_MM:
            away = places - [side * r, a, s]
            far = np.linalg.norm(away, axis=-1, keepdims=True)
            near = (far / width) * np.exp(0.5 - 0.5 * (far / width) ** 2)
            field -= ventricles_mm * away / np.maximum(far, 1) * near

    def displaced(points: Points) -> Points:
        index = ((points - start) / edge).reshape(-1, 3).T
        moved = [ndimage.map_coordinates(field[..., n], index, order=1, mode="nearest") for n in range(3)]
        return np.stack(moved, axis=-1).reshape(points.shape)

    return displaced


def _carried(points: Points, linear: Points, shift: Points, warp: Callable[[Points], Points]) -> Points:
    """Places in the source to places in the new head: the inverse of a small warp by fixed-point iteration."""
    inner = points.copy()
    for _ in range(20):
        inner = points - warp(inner)
    carried: Points = (inner - MIDDLE_MM) @ linear.T + shift
    return carried


def _grid(generator: np.random.Generator, image: Volume, forward: Callable[[Points], Points], *, cuts: bool) -> Volume:
    """The grid of the new image: spacing, obliquity and field of view by chance."""
    uniform = generator.uniform
    corners = forward(image.bounds.corners_mm)
    lower, upper = corners.min(axis=0), corners.max(axis=0)
    if cuts and uniform() < 0.5:
        change = np.where(uniform(0, 1, 6) < 0.4, uniform(-22, 22, 6), 0)
        lower, upper = lower - change[:3], upper + change[3:]
    spacing = np.full(3, generator.choice([0.7, 0.9, 1.0, 1.2, 2.0, 2.0, 3.0]))
    if uniform() < 0.25:
        spacing[generator.integers(3)] = uniform(1.2, 4)
    turn = np.eye(3)
    if uniform() < 0.5:
        turn = _turn(0, uniform(-0.3, 0.3)) @ _turn(1, uniform(-0.15, 0.15)) @ _turn(2, uniform(-0.2, 0.2))
    size = np.maximum(4, np.round((upper - lower) / spacing)).astype(int)
    axes = turn * spacing
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = (lower + upper) / 2 - axes @ ((size - 1) / 2)
    order, signs = generator.permutation(3), generator.choice([-1, 1], 3)
    for axis in range(3):
        if signs[axis] < 0:
            affine[:3, 3] += affine[:3, axis] * (size[axis] - 1)
            affine[:3, axis] *= -1
    affine[:3, :3] = affine[:3, order]
    return Volume(np.broadcast_to(np.uint8(0), tuple(int(n) for n in size[order])), affine)


def _sampled(image: Volume, grid: Volume, back: Callable[[Points], Points]) -> NDArray[np.float32]:
    """The source at the places of the grid, slice by slice; blurred first where the grid is coarser."""
    ratio = max(grid.spacing_mm) / max(image.spacing_mm)
    array = np.asarray(image.array, np.float32)
    array = ndimage.gaussian_filter(array, 0.4 * ratio) if ratio > 1.3 else array
    out = np.empty(grid.shape, np.float32)
    plane = np.moveaxis(np.indices((1, *grid.shape[1:])), 0, -1)
    for row in range(grid.shape[0]):
        index = image.to_index(back(grid.to_world(plane + np.array([row, 0, 0]))))
        out[row] = ndimage.map_coordinates(array, np.moveaxis(index[0], -1, 0), order=1, mode="constant", cval=0)
    return out


def _values(generator: np.random.Generator, array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Other grey values: contrast, bias field, noise, clipping, scale, and whole numbers up to 255."""
    uniform = generator.uniform
    values = np.clip(array / np.percentile(array[array > 0], 99.5), 0, 1.2) ** np.exp(uniform(-0.6, 0.6))
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in array.shape), indexing="ij"), axis=-1)
    values = values * np.exp(place @ uniform(-0.4, 0.4, 3) + place**2 @ uniform(-0.3, 0.3, 3))
    if uniform() < 0.7:
        level = uniform(0, 0.08)
        values = np.hypot(values + generator.normal(0, level, array.shape), generator.normal(0, level, array.shape))
    if uniform() < 0.3:
        values = np.minimum(values, np.percentile(values, uniform(90, 99)))
    values = values * 10 ** uniform(0, 5)
    if uniform() < 0.3:
        values = np.round(values / values.max() * 255)
    return np.asarray(values, dtype=np.float32)


def mricron_folder() -> Path:
    """The folder of Debian's package mricron-data. Raises `SystemExit` where it is not installed."""
    folder = Path("/usr/share/mricron/templates")
    if not (folder / "ch2.nii.gz").is_file():
        raise SystemExit("Install Debian's package mricron-data first: apt-get install mricron-data")
    return folder
