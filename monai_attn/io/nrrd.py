"""Reading NRRD (`.nrrd`, `.nhdr`): the header to a grid, the voxels to a volume.

Teem's definition of the format, https://teem.sourceforge.net/nrrd/format.html, without another library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError, InputError
from monai_attn.io.nrrd_header import NrrdHeader, read_nrrd_header
from monai_attn.io.stored import read_stored
from monai_attn.io.units import convert_lengths
from monai_attn.io.values import pick_volume, tidy
from monai_attn.volume import RAS_TO_LPS, Volume

__all__ = ["nrrd_volumes", "read_nrrd"]

IN_SPACE = ("domain", "space", "???", "none", "")
"""Kinds of an axis that may run through the patient; the other kinds count values, colours or time."""

SPACES = {
    "right-anterior-superior": np.eye(4),
    "left-anterior-superior": np.diag([-1.0, 1.0, 1.0, 1.0]),
    "left-posterior-superior": RAS_TO_LPS,
}
"""The three spaces of the patient, to RAS+."""

SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}
"""The short names of the three spaces."""


@dataclass(frozen=True)
class Grid:
    """The three axes of a file that run through the patient, the affine over them to RAS+, and notes."""

    axes: tuple[int, ...]
    affine: NDArray[np.float64]
    notes: tuple[str, ...]


def read_nrrd(path: Path, *, volume: int | None = None) -> Volume:
    """The image in an NRRD file, `(I, J, K)`, RAS+ millimetres.

    The first three axes that run through the patient are I, J and K. Other axes (channels, layers, time points) count
    as several volumes, and `volume` chooses one, from 0. Of two such axes the one named later in the header counts
    fastest.

    A header without a space of the patient gives a note: the axes are taken as left, posterior, superior.

    Raises `FileError` for a header or voxels that are damaged or missing. Raises `GeometryError` where the size of a
    voxel or the unit of length is not known. Raises `InputError` for an image of less than three axes, complex
    numbers, or several volumes without a choice.
    """
    header = read_nrrd_header(path)
    others = _others(header)
    count = math.prod(header.shape[axis] for axis in others)
    chosen = pick_volume(path.name, count, volume, what="values per voxel or volumes")
    grid = _grid(header)
    array = read_stored(header.stored)
    place = np.unravel_index(chosen, [header.shape[axis] for axis in others]) if others else ()
    index: list[slice | int] = [slice(None)] * len(header.shape)
    for axis, at in zip(others, place, strict=True):
        index[axis] = int(at)
    array, value_notes = tidy(array[tuple(index)], path.name)
    try:
        return Volume(array, grid.affine, notes=grid.notes + value_notes)
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error} Export the image again.") from error


def nrrd_volumes(path: Path) -> int:
    """How many values per voxel and volumes an NRRD file holds, from its header.

    Raises `FileError` for a damaged header, and `InputError` for an image of less than three axes or complex numbers.
    """
    header = read_nrrd_header(path)
    return math.prod(header.shape[axis] for axis in _others(header))


def _axes(header: NrrdHeader) -> tuple[int, ...]:
    """The first three axes that run through the patient. Raises `InputError` when there are fewer.

    A header with directions names them: the axes whose direction is not `none` and not 0. A header without directions
    has kinds and spacings: then an axis counts whose kind may be spatial and whose spacing is a number.
    """
    if header.directions is not None:
        found = [axis for axis, vector in enumerate(header.directions) if vector is not None and any(vector[:3])]
    else:
        found = [
            axis
            for axis, spacing in enumerate(header.spacings or [math.nan] * len(header.shape))
            if header.kinds[axis] in IN_SPACE and (header.spacings is None or math.isfinite(spacing))
        ]
    if len(found) < 3:
        size = tuple(header.shape[axis] for axis in found)
        raise InputError(
            f"{header.name} is {len(found)}-D, {size}. A volume has three axes; store the slices as a stack."
        )
    return tuple(found[:3])


def _others(header: NrrdHeader) -> list[int]:
    """The axes that do not run through the patient, in the header's order. Raises `InputError` for complex numbers."""
    if "complex" in header.kinds:
        raise InputError(f"{header.name} holds values that are not real numbers. Export magnitude or phase.")
    axes = _axes(header)
    return [axis for axis in range(len(header.shape)) if axis not in axes]


def _grid(header: NrrdHeader) -> Grid:
    """The grid of the image, from directions and origin, or from spacings and axis mins.

    An origin that is missing is 0. Raises `GeometryError` where the header has neither directions nor spacings, and
    for directions of fewer than three numbers.
    """
    axes, name = _axes(header), header.name
    lengths = np.eye(4)
    if header.directions is not None:
        vectors = [header.directions[axis] for axis in axes]
        if any(vector is None or len(vector) < 3 for vector in vectors):
            raise GeometryError(f"{name}: its axes are not vectors of three numbers. Export the image again.")
        lengths[:3, :3] = np.array([vector[:3] for vector in vectors if vector is not None]).T
        lengths[:3, 3] = header.origin[:3] if header.origin is not None else 0
    elif header.spacings is not None:
        lengths[:3, :3] = np.diag([header.spacings[axis] for axis in axes])
        lengths[:3, 3] = [header.first_centre(axis) for axis in axes]
    else:
        raise GeometryError(
            f"{name}: the header has neither space directions nor spacings, so the size of a voxel is not known. "
            "Add the line 'spacings: X Y Z' to the header, with the sizes in millimetres."
        )
    notes = _scale(lengths, header, axes)
    space = header.space.lower().removesuffix("-time")
    known = SPACES.get(SHORT.get(space.removesuffix("t"), space))
    if known is None:
        what = f"the space {header.space!r}, which is not the patient's" if space else "no space"
        notes += (
            f"The header has {what}: left and right are not known. Voxel axes are taken as left, posterior, superior.",
        )
    return Grid(axes, (RAS_TO_LPS if known is None else known) @ lengths, notes)


def _scale(lengths: NDArray[np.float64], header: NrrdHeader, axes: tuple[int, ...]) -> tuple[str, ...]:
    """Bring the lengths to millimetres, in place; a note where they were in another unit.

    `space units` count before `units`, and a header without both is in millimetres. Raises `GeometryError` for an
    unknown unit, and for directions whose axes have different units.
    """
    if header.space_units:
        units = list(header.space_units[:3])
    else:
        units = [header.units[axis] for axis in axes] if header.units else []
    if len(units) < 3:
        return ()
    if header.directions is not None and not header.space_units and len(set(units)) > 1:
        raise GeometryError(f"{header.name}: its axes have different units, {units}. Write the header in millimetres.")
    units = ["" if unit == "???" else unit for unit in units]
    return convert_lengths(lengths, [header.shape[axis] for axis in axes], units, header.name)
