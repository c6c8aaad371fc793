"""How large each structure of a label map is, where it lies, and what the image says inside it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import Block, Mask, along_memory, check_grid, label_array, label_blocks, mask_in
from monai_attn.measure.intensity import Intensity, intensity_of
from monai_attn.measure.surfels import surface_area_mm2
from monai_attn.volume import Box, Volume

__all__ = ["Point", "Structure", "measure_mask", "measure_structures"]

Point = tuple[float, float, float]
"""Millimetres in RAS+."""

NOWHERE: Point = (float("nan"), float("nan"), float("nan"))
"""The centroid of nothing."""


@dataclass(frozen=True)
class Structure:
    """One structure, measured: volume in ml, surface in mm², centroid and box in mm of the patient (RAS+).

    A structure without a voxel has 0 voxels, 0 ml and 0 mm²; its centroid and intensities are nan, its block and box
    None. `block` holds the indices of its voxels, as `labels.crop(structure.block)` takes them. `box` is the smallest
    box in patient space around the voxels, their edges included. `touches_border` means that the structure reaches
    the first or last voxel of an axis, so that it may go on outside the image. `intensity` is None without an image.
    `volume_low_ml` and `volume_high_ml` enclose the true volume in 90 of 100 cases, where the bundle of a mask states
    that; else None.
    Definitions and sources: docs/measurements.md.
    """

    value: int
    name: str
    voxels: int
    volume_ml: float
    surface_mm2: float
    centroid_mm: Point
    block: Block | None
    box: Box | None
    touches_border: bool
    intensity: Intensity | None
    volume_low_ml: float | None = field(default=None, kw_only=True)
    volume_high_ml: float | None = field(default=None, kw_only=True)


def measure_structures(labels: Volume, table: LabelTable, image: Volume | None = None) -> list[Structure]:
    """Each structure of the table, measured: volume in ml, surface in mm², place in mm (RAS+).

    With an `image` on the same grid also its intensities inside each structure, in the unit of the image. The list is
    in the order of the table; a structure without a voxel has 0 ml.

    Raises `LabelError` when the label map holds fractions, or a label that the table does not name. Raises
    `GeometryError` when the image lies on another grid. Definitions and sources: docs/measurements.md.

    >>> labels = Volume(np.ones((10, 10, 10), np.uint8), np.diag([1, 1, 2, 1]))
    >>> [cube] = measure_structures(labels, LabelTable.of_names({1: "cube"}))
    >>> cube.voxels, cube.volume_ml, cube.centroid_mm
    (1000, 2.0, (4.5, 4.5, 9.0))
    """
    array = label_array(labels)
    if image is not None:
        check_grid(labels, image, "The label map and the image")
    measured = []
    for value, block in label_blocks(array, table).items():
        mask = mask_in(array, block, value)
        measured.append(measure_mask(mask, block, labels, image, value=value, name=table[value].name))
    return measured


def measure_mask(
    mask: Mask, block: Block | None, grid: Volume, image: Volume | None = None, *, value: int = 1, name: str = "mask"
) -> Structure:
    """One mask that covers one block of a grid, measured; the block is as small as the mask allows."""
    intensity = intensity_of(image, mask, block) if image is not None else None
    if block is None:
        return Structure(value, name, 0, 0.0, 0.0, NOWHERE, None, None, False, intensity)
    voxels = int(np.count_nonzero(mask))
    corner = grid.affine.copy()  # voxel index within the block -> mm
    corner[:3, 3] = grid.to_world([part.start for part in block])
    affine, (turned,) = along_memory(corner, mask)
    r, a, s = (float(x) for x in affine[:3] @ [*_centroid_index(turned, voxels), 1.0])
    box = _box(extreme_voxels(turned) @ affine[:3, :3].T + affine[:3, 3], grid)
    touches = any(part.start == 0 or part.stop == size for part, size in zip(block, grid.shape, strict=True))
    volume_ml, surface_mm2 = voxels * grid.voxel_ml, surface_area_mm2(turned, affine)
    return Structure(value, name, voxels, volume_ml, surface_mm2, (r, a, s), block, box, touches, intensity)


def extreme_voxels(mask: Mask) -> NDArray[np.intp]:
    """The first and last voxel of every line along K, `(N, 3)`: among them are all corners of the convex hull."""
    lines = mask.any(axis=2)
    i, j = np.nonzero(lines)
    along = mask[lines]  # (lines, K)
    first, last = along.argmax(axis=1), mask.shape[2] - 1 - along[:, ::-1].argmax(axis=1)
    return np.stack([np.tile(i, 2), np.tile(j, 2), np.concatenate([first, last])], axis=1)


def _centroid_index(mask: Mask, voxels: int) -> NDArray[np.float64]:
    per_line = np.count_nonzero(mask, axis=2)  # (I, J)
    per_plane = np.count_nonzero(mask, axis=(0, 1))  # (K,)
    sums = [per_line.sum(axis=1), per_line.sum(axis=0), per_plane]
    return np.array([float(np.arange(len(part)) @ part) / voxels for part in sums])


def _box(centres_mm: NDArray[np.float64], grid: Volume) -> Box:
    half = np.abs(grid.affine[:3, :3]).sum(axis=1) / 2  # how far a voxel reaches along R, A and S
    return Box(tuple(centres_mm.min(axis=0) - half), tuple(centres_mm.max(axis=0) + half))
