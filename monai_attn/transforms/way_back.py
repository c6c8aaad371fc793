"""From the grid that a network sees to the grid of the source image, as numbers read from the image itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from monai.data import MetaTensor
from numpy.typing import NDArray

from monai_attn.errors import BundleError, GeometryError
from monai_attn.volume import UPPER

__all__ = ["WayBack", "way_back"]

Matrix = NDArray[np.float64]

SAME_GRID = 1e-3
"""MONAI's own tolerance: a resampling that moves no axis by more leaves the voxels as they are."""

UNRECORDED_EDGE = 1.5
"""Voxels of the network's grid by which a resampling that nobody recorded may stop short of the image's edge."""


@dataclass(frozen=True, eq=False)
class WayBack:
    """Where each voxel of the source image lies on the network's grid.

    - `matrix` `(4, 4)`: source index to network index.
    - `valid` `(2, 3)`: first and last network index with logits to use; beyond them logits are zero.
    - `lattice` `(2, 3)`: network coordinates are clamped to these bounds, as a border-padded resampling does.
    - `region` `(2, 3)`: first and last source index that can have a label; the rest is background.

    All indices are voxels, with 0 at the centre of the first voxel. Affines lead from voxel index to mm, RAS+.
    """

    source_shape: tuple[int, int, int]
    source_affine: Matrix
    network_shape: tuple[int, int, int]
    matrix: Matrix
    valid: NDArray[np.int64]
    lattice: Matrix
    region: NDArray[np.int64]


def way_back(image: MetaTensor) -> WayBack:
    """Where a preprocessed image `(channels, *network grid)` came from: what `Invertd` would undo, as one affine map.

    The map comes from the affines. The record of applied transforms says what was cropped and padded, before and after
    the one resampling. Beyond a crop logits are zero, as `Invertd` pads; what was padded is cut off.

    Raises `BundleError` for a transform that is no crop, pad, flip, reorientation or resampling, and for two
    resamplings. Raises `GeometryError` when the metadata are missing, or the image was cut without a record.
    """
    here = np.asarray(image.affine.cpu(), dtype=np.float64)
    shape = tuple(int(size) for size in image.shape[1:])
    if len(shape) != 3 or "original_affine" not in image.meta or "spatial_shape" not in image.meta:
        raise GeometryError(
            f"The image of shape {tuple(image.shape)} does not say which grid it came from. Load it with LoadVolumed "
            "or LoadImaged, and keep its metadata."
        )
    source_affine = np.asarray(image.meta["original_affine"], dtype=np.float64)
    source_shape = tuple(int(size) for size in np.asarray(image.meta["spatial_shape"]))
    walk = _Walk(here, shape)
    for name, info, size in reversed(list(_steps(image.applied_operations))):
        walk.undo(name, info, size)
    walk.arrive(source_affine, source_shape)
    lattice, valid, region = walk.boxes()
    matrix = np.linalg.solve(here, source_affine)
    return WayBack(source_shape, source_affine, shape, matrix, valid, lattice, region)  # type: ignore[arg-type]


def _steps(operations: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any], tuple[int, ...]]]:
    """Name, record and size before of each transform, a crop and pad in one taken apart."""
    for operation in operations:
        if not operation.get("do_transforms", True):
            continue
        info, name = dict(operation.get("extra_info") or {}), str(operation["class"])
        size = tuple(int(edge) for edge in operation["orig_size"])
        if "crop_info" in info:
            yield from _steps([info["crop_info"], info["pad_info"]])
        elif "cropped" in info:
            yield "crop", {"edges": np.reshape(info["cropped"], (3, 2))}, size
            yield from _steps([info["pad_info"]] if "pad_info" in info else [])
        elif "padded" in info:
            yield "pad", {"edges": np.array([[int(low), int(high)] for low, high in info["padded"]][1:])}, size
        else:
            yield name, info, size


class _Walk:
    """The transforms undone one by one. `inside` are the voxels of the present grid that have a value."""

    def __init__(self, affine: Matrix, shape: tuple[int, ...]) -> None:
        self.affine = affine
        self.size = shape
        self.to_network = np.eye(4)  # index on the present grid to index on the network's
        self.inside = self._whole()
        self.met: tuple[Matrix, Matrix] | None = None  # lattice and valid box, once the resampling is met

    def _whole(self) -> Matrix:
        return np.array([[0.0] * len(self.size), [edge - 1.0 for edge in self.size]])

    def undo(self, name: str, info: Mapping[str, Any], size: tuple[int, ...]) -> None:
        if name in ("crop", "pad"):
            shift = info["edges"][:, 0] * (1.0 if name == "crop" else -1.0)
            step = np.eye(4)
            step[:3, 3] = -shift
            self.inside = self.inside + shift
        elif name == "Flip":
            step = _flip(info["axes"], size)
            self.inside = _box(step, self.inside)  # its own inverse
        elif name == "Orientation":
            step = self._from(info["original_affine"])
            self.inside = _box(np.asarray(np.linalg.inv(step), dtype=np.float64), self.inside)
        elif name in ("SpatialResample", "ResampleToMatch"):
            step = self._from(info["src_affine"])
            if self.size == size and np.allclose(step, np.eye(4), atol=SAME_GRID):
                return
            self._resample(str(info["padding_mode"]))
        elif name == "Resize":
            step = _resize(size, self.size, info["align_corners"] is True)
            if self.size == size:
                return
            self._resample("border")
        else:
            raise BundleError(
                f"{name} moves the image in a way that LabelsOnSourced does not undo. Use Invertd and AsDiscreted."
            )
        self.to_network, self.size = self.to_network @ step, size
        whole = self._whole()
        if name in ("SpatialResample", "ResampleToMatch", "Resize"):
            self.inside = whole
        self.inside = np.array([np.maximum(self.inside[0], whole[0]), np.minimum(self.inside[1], whole[1])])

    def _from(self, affine_before: Any) -> Matrix:
        """Index before to index after a transform, by the affines of both grids."""
        after = self.affine @ self.to_network
        return np.asarray(np.linalg.solve(after, np.asarray(affine_before)), dtype=np.float64)

    def _resample(self, padding_mode: str) -> None:
        if self.met is not None or padding_mode not in ("border", "zeros"):
            raise BundleError(
                "LabelsOnSourced undoes one resampling, with padding_mode border or zeros, and this bundle's "
                f"preprocessing has {'a second one' if self.met else f'padding_mode {padding_mode}'}. "
                "Use Invertd and AsDiscreted."
            )
        lattice = _box(self.to_network, self._whole())
        beyond = np.array([[-np.inf], [np.inf]]) if padding_mode == "zeros" else 0.0
        self.met = lattice + beyond, _box(self.to_network, self.inside)

    def arrive(self, affine: Matrix, shape: tuple[int, ...]) -> None:
        """At the source grid; a difference that no record explains must be one resampling of the whole image."""
        step = self._from(affine)
        source = np.array([[0.0] * 3, np.array(shape) - 1.0])
        ends = _apply(step, _corners(source))
        if self.size != shape or np.abs(ends - _corners(source)).max() > SAME_GRID * max(shape):
            gaps = np.concatenate([-ends.min(axis=0), ends.max(axis=0) - np.array(self.size) + 1])
            if gaps.max() > UNRECORDED_EDGE:
                raise GeometryError(
                    f"The image of {shape} voxels reaches {gaps.max():.3g} voxels beyond the grid of {self.size} that "
                    "the network was given, and no transform is recorded that cut it. Use MONAI's own transforms."
                )
            self._resample("border")
            self.inside = source
        elif self.met is None:  # no resampling: the voxels are those of the network's grid
            self.met = _box(self.to_network, self._whole()), _box(self.to_network, self.inside)
            self.inside = source

    def boxes(self) -> tuple[Matrix, NDArray[np.int64], NDArray[np.int64]]:
        assert self.met is not None
        lattice, valid = self.met
        clamp = np.array([np.maximum(lattice[0], valid[0] - 1), np.minimum(lattice[1], valid[1] + 1)])
        return clamp, np.rint(valid).astype(np.int64), np.rint(self.inside).astype(np.int64)


def _flip(axes: Any, size: tuple[int, ...]) -> Matrix:
    """The matrix `(4, 4)` that mirrors axes of a grid of this size; None mirrors all axes."""
    step = np.eye(4)
    for axis in range(3) if axes is None else np.atleast_1d(axes):
        step[axis, axis], step[axis, 3] = -1.0, size[axis] - 1.0
    return step


def _resize(before: tuple[int, ...], after: tuple[int, ...], align_corners: bool) -> Matrix:
    step = np.eye(4)
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        scale = (new - 1) / max(old - 1, 1) if align_corners else new / old
        step[axis, axis], step[axis, 3] = scale, 0.0 if align_corners else (scale - 1) / 2
    return step


def _apply(matrix: Matrix, points: Matrix) -> Matrix:
    """Points `(n, 3)`, mapped by a matrix `(4, 4)`."""
    moved: Matrix = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _corners(box: Matrix) -> Matrix:
    """The eight corners `(8, 3)` of a box `(2, 3)`."""
    corners: Matrix = np.where(UPPER, box[1], box[0])
    return corners


def _box(matrix: Matrix, box: Matrix) -> Matrix:
    """The box that a map of axes onto axes makes of a box of whole indices."""
    moved = np.rint(_apply(matrix, _corners(box)))
    return np.array([moved.min(axis=0), moved.max(axis=0)])
