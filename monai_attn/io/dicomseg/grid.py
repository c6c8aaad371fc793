"""Frames of a segmentation to their places on a grid.

A DICOM SEG stores only frames in which something is marked, in any order, and each with its own place. `seg_read` needs
two answers: which grid do all frames span, and where does one frame lie on a grid. Nothing is resampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError
from monai_attn.io.budget import MAX_BYTES
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.grouping import COSINE_TOLERANCE
from monai_attn.io.dicom.stack import EVEN_MM, EVEN_SHARE, SAME_PLACE_MM, check_plane, sorted_along_normal, stack_affine
from monai_attn.io.dicomseg.masks import empty_grid
from monai_attn.io.dicomseg.source import plane_of
from monai_attn.volume import Volume

__all__ = ["SLICE_TOLERANCE", "FrameMap", "check_frame_of_reference", "grid_of_frames"]

PIXEL_TOLERANCE = 0.05
"""How far, in voxels, a pixel of a frame may lie off the grid it is put on. Headers round; other grids are far off."""

APART = 1.9
"""Frames further apart than this many times their thickness have slices between them that hold nothing."""

MOST_SLICES = 20_000
"""Ten metres in steps of half a millimetre."""

SLICE_TOLERANCE = 0.12
"""How far, in slices, a frame or contour may lie off the middle of a slice. Slices of a series themselves may lie off
their even places by a tenth of a step, a little less."""


def check_frame_of_reference(given: str, like: Volume | None, name: str) -> None:
    """Raise `GeometryError` when both are known and differ.

    `given` is the UID of the file and `name` is used in the message. A missing UID on either side counts as agreement,
    since anonymisers remove it.
    """
    if like is not None and given and like.frame_of_reference and given != like.frame_of_reference:
        raise GeometryError(
            f"{name} belongs to another frame of reference than the image: equal numbers mean other places in the "
            "patient. Give the image it was drawn on."
        )


def grid_of_frames(frames: Sequence[Frame], name: str) -> tuple[Volume, tuple[str, ...]]:
    """The regular grid that the frames span, without voxels set; slices nobody stored are filled in.

    The step is SpacingBetweenSlices where all distances are multiples of it. Without that tag it is SliceThickness
    where no two frames lie side by side and all distances are multiples of it, with a note; else the smallest distance.
    Raises `GeometryError` when the frames are not parallel or lie on no regular grid.

    Array `(I, J, K)` along (column, row, normal), affine to millimetres RAS+. Raises `FileError` when the slices
    between the frames would be too many to read. Raises `GeometryError` too for a frame that does not say where it
    lies.
    """
    for frame in frames:
        check_plane(frame, name)
    first = frames[0]
    for frame in frames:
        turned = np.abs(np.subtract(frame.orientation, first.orientation)).max()  # type: ignore[arg-type]
        if turned > COSINE_TOLERANCE or not np.allclose(frame.spacing_mm, first.spacing_mm, rtol=1e-4):  # type: ignore[arg-type]
            raise GeometryError(f"{name}: its frames differ in orientation or pixel spacing. Read it with like=image.")
    places = _one_per_place(frames)
    notes: tuple[str, ...] = ()
    if len(places) > 1:
        places, notes = _filled(places, name)
    affine, stack_notes = stack_affine(places, name)
    grid = Volume(np.broadcast_to(np.bool_(False), (first.columns, first.rows, len(places))), affine)
    return empty_grid(grid), notes + stack_notes


def _one_per_place(frames: Sequence[Frame]) -> list[Frame]:
    """The frames sorted along their normal, one for each place: segments that overlap have frames in the same place."""
    kept: list[Frame] = []
    for frame in sorted_along_normal(frames):
        if not kept or _along(frame) - _along(kept[-1]) >= SAME_PLACE_MM:
            kept.append(frame)
    return kept


def _along(frame: Frame) -> float:
    """Where a frame lies along its normal, in mm."""
    return float(np.dot(frame.normal, cast("tuple[float, ...]", frame.position)))


def _filled(places: list[Frame], name: str) -> tuple[list[Frame], tuple[str, ...]]:
    """The slices with those between that are missing, and a note on them.

    `places` are sorted frames, one for each place. The frames filled in have the pixel spacing of the frame before
    them. The distance of slices is SpacingBetweenSlices, else SliceThickness where it fits, else the smallest distance
    of two frames.
    """
    gaps = np.diff([_along(frame) for frame in places])
    stated, thick = abs(places[0].spacing_between_mm or 0.0), abs(places[0].thickness_mm or 0.0)
    apart = 0.0 if stated or gaps.min() < APART * thick else thick
    step = next(
        (one for one in (stated, apart, float(gaps.min())) if one >= SAME_PLACE_MM and _multiples(gaps, one)), None
    )
    if step is None:
        raise GeometryError(
            f"{name}: its frames are {gaps.min():.2f} to {gaps.max():.2f} mm apart, which is no regular grid. "
            "Read it with like=image, the image it was drawn on."
        )
    counts = np.rint(gaps / step).astype(int)
    if math.prod((places[0].columns, places[0].rows, int(counts.sum()) + 1)) > MAX_BYTES or counts.sum() > MOST_SLICES:
        raise FileError(
            f"{name}: its frames span {counts.sum() + 1} slices, {step:.3g} mm apart, which no scanner makes. "
            "Read it with like=image, the image it was drawn on."
        )
    filled = [places[0]]
    for before, after, count in zip(places, places[1:], counts, strict=False):
        ends = np.array(before.position), np.array(after.position)
        for between in range(1, count):
            position = ends[0] + (ends[1] - ends[0]) * between / count
            filled.append(replace(before, position=tuple(position.tolist())))
        filled.append(after)
    missing = len(filled) - len(places)
    if not missing:
        return filled, ()
    guessed = (
        f"SpacingBetweenSlices is missing and no frames lie side by side; the slices are taken to be {thick:g} mm "
        "apart, which is SliceThickness.",
    )
    return filled, (
        *(guessed if step == apart else ()),
        f"Slices between the frames that hold nothing are not stored; {missing} filled in, empty.",
    )


def _multiples(gaps: NDArray[np.float64], step: float) -> bool:
    """Whether all distances are whole multiples of a step, each within the rounding that `stack` allows.

    >>> _multiples(np.array([5.0, 10.0]), 5.0), _multiples(np.array([5.0, 7.5]), 5.0)
    (True, False)
    """
    counts = np.rint(gaps / step)
    allowed = np.minimum(np.maximum(EVEN_SHARE * step, EVEN_MM), 0.1 * step)
    return bool((counts >= 1).all() and (np.abs(gaps - counts * step) <= allowed).all())


class FrameMap:
    """Puts frames `(rows, columns)` on a grid whose axes may be swapped or reversed against theirs.

    `grid` is the image and `name` stands in messages. Viewers store a segmentation in another order of rows, columns
    and slices than the image; as long as the voxels coincide, no value changes.
    """

    def __init__(self, grid: Volume, name: str) -> None:
        self.grid, self.name = grid, name

    def place(self, frame: Frame, pixels: NDArray[np.generic]) -> tuple[tuple[int, int, int], NDArray[np.generic]]:
        """Where the slab of one frame begins on the grid, and its voxels, one thick along an axis of the grid.

        What lies outside the grid is cut off when it is empty. Raises `GeometryError` when it is not, or the
        frame lies between the voxels of the grid.

        `pixels` has the shape of the frame. The three numbers are the index `(i, j, k)` of the first voxel of the slab.
        A frame wholly outside the grid gives an empty slab, if it marks nothing.
        """
        check_plane(frame, self.name)
        steps = np.linalg.solve(self.grid.affine, plane_of(frame))  # frame index to grid index
        row_axis, column_axis = (int(np.abs(steps[:3, n]).argmax()) for n in (0, 1))
        size = np.array([frame.columns, frame.rows])
        ideal = np.zeros((3, 2))
        ideal[row_axis, 0], ideal[column_axis, 1] = np.sign(steps[row_axis, 0]), np.sign(steps[column_axis, 1])
        origin = np.rint(steps[:3, 3])
        off = np.abs(steps[:3, 3] - origin) + np.abs(steps[:3, :2] - ideal) @ (size - 1)
        normal_axis = 3 - row_axis - column_axis
        allowed = np.where(np.arange(3) == normal_axis, SLICE_TOLERANCE, PIXEL_TOLERANCE)
        if row_axis == column_axis or (off > allowed).any():
            raise GeometryError(
                f"{self.name}: frame {frame.index + 1} lies {off.max():.2f} voxels off the grid of the image. "
                "Give the image it was drawn on, or read it without one."
            )
        array = pixels.T  # (columns, rows)
        for axis, direction in enumerate((ideal[row_axis, 0], ideal[column_axis, 1])):
            array = array if direction > 0 else np.flip(array, axis)
        if row_axis > column_axis:
            array = array.T
        start = np.minimum(origin, origin + ideal @ (size - 1)).astype(int)
        return self._cut(start, np.expand_dims(array, normal_axis), frame)

    def _cut(
        self, start: NDArray[np.int64], array: NDArray[np.generic], frame: Frame
    ) -> tuple[tuple[int, int, int], NDArray[np.generic]]:
        """The slab without what lies outside the grid, and where it begins; `GeometryError` when a marked voxel lies
        outside.
        """
        size = np.array(array.shape)
        begin = np.clip(-start, 0, size)
        end = np.maximum(np.clip(np.array(self.grid.shape) - start, 0, size), begin)
        inner = array[tuple(slice(a, b) for a, b in zip(begin, end, strict=True))]
        if np.count_nonzero(inner) != np.count_nonzero(array):
            raise GeometryError(
                f"{self.name}: frame {frame.index + 1} marks voxels outside the image. "
                "Give the whole image it was drawn on, or read it without one."
            )
        i, j, k = (int(x) for x in start + begin)
        return (i, j, k), inner
