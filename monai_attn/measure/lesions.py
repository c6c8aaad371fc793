"""Every lesion by itself: the connected components of one label, measured."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.errors import InputError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import Block, Mask, check_grid, label_array
from monai_attn.measure.components import CONNECTIVITY, components
from monai_attn.measure.diameters import axial_axis, axial_diameters, diameter_3d_mm
from monai_attn.measure.structures import Point, Structure, measure_mask
from monai_attn.volume import Volume

__all__ = ["Lesion", "find_lesions", "measure_lesions"]


class NamedLabels(Protocol):
    """A label map and the names of its values; a `Segmentation` is one."""

    @property
    def labels(self) -> Volume:
        """The label map."""

    @property
    def table(self) -> LabelTable:
        """Its names."""


@dataclass(frozen=True)
class Lesion(Structure):
    """One lesion, measured: what a `Structure` has, diameters in mm, and the organ where it lies.

    Axial diameters run from outline to outline in the slices of the grid that are closest to axial. These slices lie
    across voxel axis `slice_axis` and are tilted by `slice_tilt_deg` against the axial plane of the patient.
    `diameter_slice` and `largest_slice` are indices along that axis, from 0. Ends are points in mm (RAS+). `organ` is
    the name of the label that the lesion lies in, "" without one.
    """

    number: int
    organ: str
    axial_diameter_mm: float
    perpendicular_diameter_mm: float
    axial_ends_mm: tuple[Point, Point]
    perpendicular_ends_mm: tuple[Point, Point]
    diameter_3d_mm: float
    slice_axis: int
    slice_tilt_deg: float
    diameter_slice: int
    largest_slice: int
    largest_section_mm2: float

    @property
    def who_product_mm2(self) -> float:
        """The longest axial diameter times its perpendicular (WHO 1979)."""
        return self.axial_diameter_mm * self.perpendicular_diameter_mm


def measure_lesions(
    labels: Volume,
    value: int,
    *,
    image: Volume | None = None,
    organs: NamedLabels | None = None,
    connectivity: int = 26,
    min_ml: float = 0.0,
) -> list[Lesion]:
    """The lesions of one label, measured, the largest first and numbered from 1; no lesion: an empty list.

    A lesion is a connected component of the label `value`: voxels that touch by faces (`connectivity` 6), edges too
    (18), or corners too (26). Components below `min_ml` are left out. `organs` names the organ that each lesion lies
    in: the same label map, as with a tumour beside its organ, or another one on the same grid.

    Raises `GeometryError` when grids differ, `LabelError` for fractions or a `value` below 1, `InputError` for another
    connectivity. Definitions and sources (RECIST 1.1, WHO): docs/measurements.md.

    >>> array = np.zeros((12, 6, 6), np.uint8)
    >>> array[1:4, 1:3, 1:3] = array[7:11, 1:5, 1:5] = 1
    >>> [lesion.voxels for lesion in measure_lesions(Volume(array), 1)]
    [64, 12]
    """
    if image is not None:
        check_grid(labels, image, "The label map and the image")
    if organs is not None:
        check_grid(labels, organs.labels, "The lesions and the organs")
        label_array(organs.labels)
    found = find_lesions(labels, value, connectivity=connectivity, min_ml=min_ml)
    covered = organs is not None and np.array_equal(labels.array, organs.labels.array)
    return [
        _measure(
            number, mask, block, labels, image=image, value=value, organ=_organ(mask, block, organs, covered=covered)
        )
        for number, (block, mask) in enumerate(found, 1)
    ]


def find_lesions(
    labels: Volume, value: int, *, connectivity: int = 26, min_ml: float = 0.0
) -> list[tuple[Block, Mask]]:
    """The block and the mask of each lesion, the largest first."""
    if value < 1:
        raise LabelError(f"A lesion label is 1 or more; this one is {value}.")
    if not (np.isfinite(min_ml) and min_ml >= 0):
        raise InputError(f"The smallest lesion to count has 0 ml or more, not {min_ml}.")
    least = int(np.ceil(min_ml / labels.voxel_ml - 1e-6))  # 1e-6 of a voxel: 0.1 ml of 0.001 ml are 100 voxels
    return components(label_array(labels), value, connectivity=connectivity, min_voxels=max(1, least))


def _measure(
    number: int, mask: Mask, block: Block, grid: Volume, *, image: Volume | None, value: int, organ: str
) -> Lesion:
    structure = measure_mask(mask, block, grid, image, value=value, name=f"lesion {number}")
    axis, tilt_deg = axial_axis(grid.affine)
    diameters = axial_diameters(mask, grid.affine)
    start = np.array([part.start for part in block])
    in_slice = [other for other in range(3) if other != axis]
    per_slice = np.count_nonzero(mask, axis=tuple(in_slice))
    pixel_mm2 = float(np.linalg.norm(np.cross(*grid.affine[:3, in_slice].T)))
    return Lesion(
        **{field.name: getattr(structure, field.name) for field in fields(Structure)},
        number=number,
        organ=organ,
        axial_diameter_mm=diameters.longest_mm,
        perpendicular_diameter_mm=diameters.perpendicular_mm,
        axial_ends_mm=_two_points(grid.to_world(diameters.longest_ends + start)),
        perpendicular_ends_mm=_two_points(grid.to_world(diameters.perpendicular_ends + start)),
        diameter_3d_mm=diameter_3d_mm(mask, grid.affine),
        slice_axis=axis,
        slice_tilt_deg=tilt_deg,
        diameter_slice=int(diameters.longest_ends[0, axis]) + int(start[axis]),
        largest_slice=int(per_slice.argmax()) + int(start[axis]),
        largest_section_mm2=float(per_slice.max()) * pixel_mm2,
    )


def _organ(mask: Mask, block: Block, organs: NamedLabels | None, *, covered: bool) -> str:
    """The most frequent label under the lesion; where none is, the most frequent one that touches it.

    `covered`: the organs are the label map of the lesion itself, which covers its organ there.
    """
    if organs is None:
        return ""
    array = organs.labels.array
    under = array[block][mask]
    if covered:
        own, under = under[0], under[:0]
    else:
        own = np.zeros((), array.dtype)
    if not under.any():
        wider = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in block)
        near = array[wider]
        padded = np.pad(mask, [(part.start - more.start, 1) for part, more in zip(block, wider, strict=True)])
        shell = ndimage.binary_dilation(padded, CONNECTIVITY[26]) & ~padded
        under = near[shell[tuple(map(slice, near.shape))]]
    values, counts = np.unique(under[(under != 0) & (under != own)], return_counts=True)
    return organs.table[int(values[counts.argmax()])].name if values.size else ""


def _two_points(points: NDArray[np.float64]) -> tuple[Point, Point]:
    one, other = ((float(r), float(a), float(s)) for r, a, s in points)
    return one, other
