"""An image in patient space, and a box in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.errors import GeometryError, InputError
from monai_attn.thumbnail import image_thumbnail

__all__ = ["RAS_TO_LPS", "Box", "ImageSource", "Volume", "same_grid"]

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""We and NIfTI speak RAS+; DICOM, ITK and our napari layers speak LPS+. Its own inverse."""

GRID_TOLERANCE = 1e-3
"""Two grids are one when no corner voxel lies further apart than this share of a voxel's edge.

Headers store float32 (NIfTI) or decimal strings (DICOM): at 500 mm from the origin they round to
about 3e-5 mm, far below a thousandth of any clinical voxel.
"""

UPPER = np.array([(corner >> 2, (corner >> 1) & 1, corner & 1) for corner in range(8)], np.bool_)
"""Which corners of a box lie at its upper end along each axis, `(8, 3)`."""

ORTHOGONAL_TOLERANCE = 1e-3
"""Cosine between two voxel axes above which a grid counts as sheared (0.06 degrees)."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image: array `(I, J, K)` and affine `(4, 4)`, voxel index to millimetres in RAS+.

    Several channels or time points are several volumes. The array may be empty of signal but not of voxels. The array
    is kept as a read-only view: a function that changes an image makes a new one.

    `modality` is DICOM's two letters: "MR", "CT", "PT". `unit` is the unit of the values: "HU" in CT, "g/ml" for SUV.
    `frame_of_reference` is DICOM's UID of the patient's coordinates. Each is "" where it is not known. `notes` are
    sentences for the user on anything the reader had to decide.

    Raises `GeometryError` or `InputError` when the array is not 3-D and numeric, or the affine not invertible.

    >>> Volume(np.zeros((40, 50, 30)), np.diag([1.0, 1.0, 2.5, 1.0]), modality="CT", unit="HU").summary
    '40 x 50 x 30 voxels of 1 x 1 x 2.5 mm, RAS, CT, HU'
    """

    array: NDArray[np.generic]
    affine: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    modality: str = ""
    unit: str = ""
    frame_of_reference: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        affine = np.array(self.affine, dtype=np.float64)
        if array.ndim != 3 or 0 in array.shape:
            raise GeometryError(
                f"A volume has three axes with at least one voxel each; this array has shape {array.shape}. "
                "Make one Volume per channel or time point."
            )
        if array.dtype.kind not in "biuf":
            raise InputError(f"A volume holds real numbers; this array is of type {array.dtype}.")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError(f"An affine is a finite 4x4 matrix; this one is {affine.tolist()}.")
        if affine[3].tolist() != [0, 0, 0, 1] and not np.allclose(affine[3], [0, 0, 0, 1]):
            raise GeometryError(f"The last row of an affine is 0 0 0 1; this one is {affine[3].tolist()}.")
        edges = np.linalg.norm(affine[:3, :3], axis=0)
        if not edges.all() or abs(np.linalg.det(affine[:3, :3] / edges)) < 1e-3:
            raise GeometryError(f"The affine {affine.tolist()} is flat: its axes do not span space.")
        view = array.view()
        view.flags.writeable = False
        affine.flags.writeable = False
        object.__setattr__(self, "array", view)
        object.__setattr__(self, "affine", affine)

    def __repr__(self) -> str:
        return f"Volume({self.summary})"

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows: the middle plane in each direction."""
        return image_thumbnail(self.array, self.affine, self.unit)

    @property
    def summary(self) -> str:
        """Size, spacing, orientation, and modality and unit where known, in one line."""
        size, spacing = " x ".join(map(str, self.shape)), " x ".join(f"{edge:.4g}" for edge in self.spacing_mm)
        known = [text for text in (self.modality, self.unit) if text]
        return ", ".join([f"{size} voxels of {spacing} mm", self.orientation, *known])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along I, J and K."""
        i, j, k = self.array.shape
        return i, j, k

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel along I, J and K, in millimetres; positive whatever the orientation."""
        i, j, k = (float(edge) for edge in np.linalg.norm(self.affine[:3, :3], axis=0))
        return i, j, k

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres, exact for sheared grids too."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit vectors (columns) of the voxel axes in RAS+."""
        directions: NDArray[np.float64] = self.affine[:3, :3] / np.array(self.spacing_mm)
        return directions

    @property
    def is_sheared(self) -> bool:
        """Whether the voxel axes are not at right angles, as after a gantry tilt."""
        cosines = self.directions.T @ self.directions - np.eye(3)
        return bool(np.abs(cosines).max() > ORTHOGONAL_TOLERANCE)

    @property
    def orientation(self) -> str:
        """Where the axes I, J, K point, by closest patient direction: "RAS", "LPS", "PIR", ..."""
        world = _closest_world_axes(self.directions)
        signs = [self.directions[axis, voxel_axis] > 0 for voxel_axis, axis in enumerate(world)]
        return "".join(("LR", "PA", "IS")[axis][int(sign)] for axis, sign in zip(world, signs, strict=True))

    @property
    def oblique_deg(self) -> float:
        """Largest angle between a voxel axis and the patient axis it is closest to."""
        world = _closest_world_axes(self.directions)
        cosines = [abs(self.directions[axis, voxel_axis]) for voxel_axis, axis in enumerate(world)]
        return float(np.degrees(np.arccos(np.clip(min(cosines), 0.0, 1.0))))

    def to_world(self, index: ArrayLike) -> NDArray[np.float64]:
        """Voxel indices `(..., 3)` to millimetres RAS+; whole numbers are voxel centres.

        >>> Volume(np.zeros((40, 50, 30)), np.diag([1.0, 1.0, 2.5, 1.0])).to_world([10, 20, 4]).tolist()
        [10.0, 20.0, 10.0]
        """
        world = np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return np.asarray(world, dtype=np.float64)

    def to_index(self, point_mm: ArrayLike) -> NDArray[np.float64]:
        """Points `(..., 3)` in millimetres RAS+ to voxel indices, not rounded."""
        offset = np.asarray(point_mm, dtype=np.float64) - self.affine[:3, 3]
        return np.asarray(np.linalg.solve(self.affine[:3, :3], offset[..., None])[..., 0], dtype=np.float64)

    def with_array(self, array: NDArray[np.generic]) -> Volume:
        """Another array on this grid. Raises `GeometryError` when its shape differs."""
        if array.shape != self.shape:
            raise GeometryError(f"An array of shape {array.shape} does not fit the grid {self.shape}.")
        return replace(self, array=array)

    def slices_of(self, box: Box) -> tuple[slice, slice, slice]:
        """The voxels whose centres may lie in the box: the smallest index block around it.

        Raises `GeometryError` when the box and the image do not meet.
        """
        index = self.to_index(box.corners_mm)
        lower = np.maximum(np.ceil(index.min(axis=0) - 1e-6), 0).astype(int)
        upper = np.minimum(np.floor(index.max(axis=0) + 1e-6) + 1, self.shape).astype(int)
        if (upper <= lower).any():
            raise GeometryError(f"The region {box} lies outside the image, which spans {self.bounds}.")
        i, j, k = (slice(int(a), int(b)) for a, b in zip(lower, upper, strict=True))
        return i, j, k

    def crop(self, block: tuple[slice, slice, slice]) -> Volume:
        """The voxels of an index block, where they were in space.

        Raises `GeometryError` for an empty block, and for slices with a step: they are another grid.
        """
        if any(part.step not in (None, 1) for part in block):
            raise GeometryError(f"A block takes each voxel between its ends, so its slices have no step: {block}.")
        shift = np.eye(4)
        shift[:3, 3] = [part.indices(size)[0] for part, size in zip(block, self.shape, strict=True)]
        return replace(self, array=self.array[block], affine=self.affine @ shift)

    @property
    def bounds(self) -> Box:
        """The smallest box of patient space around all voxel centres."""
        corners = self.to_world(_corners(np.zeros(3), np.array(self.shape) - 1.0))
        return Box(tuple(corners.min(axis=0)), tuple(corners.max(axis=0)))


@dataclass(frozen=True)
class Box:
    """A box in patient millimetres, RAS+, between two opposite corners.

    Raises `InputError` when a corner is not three finite numbers, or the lower corner exceeds the upper one.

    >>> Box.around((27, -21, -12), (36, 52, 40)).lower_mm
    (9.0, -47.0, -32.0)
    """

    lower_mm: tuple[float, float, float]
    upper_mm: tuple[float, float, float]

    def __post_init__(self) -> None:
        lower, upper = (tuple(float(x) for x in corner) for corner in (self.lower_mm, self.upper_mm))
        if len(lower) != 3 or len(upper) != 3 or not np.isfinite([*lower, *upper]).all():
            raise InputError(f"A region needs two corners of three finite numbers in mm, not {lower} and {upper}.")
        if any(b < a for a, b in zip(lower, upper, strict=True)):
            raise InputError(f"A region's lower corner {lower} must not exceed its upper corner {upper} (mm, RAS+).")
        object.__setattr__(self, "lower_mm", lower)
        object.__setattr__(self, "upper_mm", upper)

    @classmethod
    def around(cls, centre_mm: Sequence[float], size_mm: Sequence[float]) -> Box:
        """The box of a size around a centre, both in mm along R, A and S. A negative size raises `InputError`."""
        centre, half = np.asarray(centre_mm, float), np.asarray(size_mm, float) / 2
        return cls(tuple(centre - half), tuple(centre + half))

    @property
    def corners_mm(self) -> NDArray[np.float64]:
        """The eight corners, `(8, 3)`."""
        return _corners(np.array(self.lower_mm), np.array(self.upper_mm))

    def __str__(self) -> str:
        spans = (f"{a:.1f}..{b:.1f}" for a, b in zip(self.lower_mm, self.upper_mm, strict=True))
        return "R {} A {} S {} mm".format(*spans)


ImageSource = str | Path | Volume
"""One image: its file, its DICOM folder, or the image itself."""


def same_grid(one: Volume, other: Volume) -> bool:
    """Whether two volumes have the same voxels in the same places (see `GRID_TOLERANCE`)."""
    if one.shape != other.shape:
        return False
    if np.array_equal(one.affine, other.affine):
        return True
    corners = _corners(np.zeros(3), np.array(one.shape) - 1.0)
    apart = np.linalg.norm(one.to_world(corners) - other.to_world(corners), axis=1).max()
    return bool(apart <= GRID_TOLERANCE * min(one.spacing_mm))


def _corners(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(UPPER, upper, lower).astype(np.float64)


def _closest_world_axes(directions: NDArray[np.float64]) -> list[int]:
    """For each voxel axis the patient axis it follows; each patient axis is given once.

    The axes are given away best match first, so that a 45-degree oblique still gets three different letters.
    """
    remaining = np.abs(directions)
    world = [0, 0, 0]
    for _ in range(3):
        axis, voxel_axis = np.unravel_index(int(np.argmax(remaining)), (3, 3))
        world[int(voxel_axis)] = int(axis)
        remaining[axis, :] = -1
        remaining[:, voxel_axis] = -1
    return world
