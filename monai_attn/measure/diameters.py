"""Diameters as with calipers: the longest in an axial slice, the one across it, the longest in 3-D."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.errors import InputError
from monai_attn.measure.blocks import Mask

__all__ = ["axial_axis", "axial_diameters", "diameter_3d_mm", "outline"]


@dataclass(frozen=True)
class AxialDiameters:
    """The longest diameter in a slice and the longest one at right angles to it in that slice.

    The ends are voxel indices, not rounded: two points `(2, 3)` each.
    """

    longest_mm: float
    perpendicular_mm: float
    longest_ends: NDArray[np.float64]
    perpendicular_ends: NDArray[np.float64]


def axial_axis(affine: NDArray[np.float64]) -> tuple[int, float]:
    """The voxel axis across the slices that are closest to axial, and their tilt against it in degrees.

    Slices are planes of voxels; their normal, not the axis across them, is compared with the patient's
    long axis (the two differ on sheared grids).
    """
    normals = np.linalg.inv(affine[:3, :3])  # row n is at right angles to the two other voxel axes
    cosines = np.abs(normals[:, 2]) / np.linalg.norm(normals, axis=1)
    axis = int(np.argmax(cosines))
    return axis, float(np.degrees(np.arccos(min(1.0, cosines[axis]))))


def axial_diameters(mask: Mask, affine: NDArray[np.float64]) -> AxialDiameters:
    """The longest diameter over all axial slices, and its perpendicular (RECIST 1.1; WHO 1979).

    Each connected piece of a slice is measured by itself, from outline to outline (see `outline`);
    like calipers, a diameter bridges concavities. Raises `InputError` for an empty mask.
    """
    axis, _ = axial_axis(affine)
    plane_axes = [other for other in range(3) if other != axis]
    plane = np.linalg.qr(affine[:3, plane_axes])[1]  # (2, 2): in-plane index -> mm
    sections = sorted(_sections(mask, axis, plane), key=lambda section: -section[0])
    best: AxialDiameters | None = None
    for at_most, index, points in sections:
        if best is not None and at_most <= best.longest_mm:
            break
        hull = points[_hull(points @ plane.T)]  # counter-clockwise
        longest, across = _longest_and_across(hull @ plane.T)
        length = float(np.linalg.norm(np.subtract(*longest)))
        if best is None or length > best.longest_mm:
            width = float(np.linalg.norm(np.subtract(*across)))
            ends = [np.insert(pair @ np.linalg.inv(plane).T, axis, index, axis=1) for pair in (longest, across)]
            best = AxialDiameters(length, width, ends[0], ends[1])
    if best is None:
        raise InputError("An empty mask has no diameter.")
    return best


def diameter_3d_mm(mask: Mask, affine: NDArray[np.float64]) -> float:
    """The longest distance between two points of the outline, in any direction. The mask must not be empty."""
    points = outline(mask) @ affine[:3, :3].T
    return float(_distances(points[_hull(points)]).max())


def outline(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Points half-way between voxels inside and their neighbours outside, in index units, `(N, dimensions)`.

    Only the first and last on each line of voxels: among them are all corners of the convex hull. They are corners of
    the marching-cubes mesh too, whose diameter IBSI defines. One voxel measures its edge, a bar of 20 voxels measures
    20 edges, and round bodies come out about 0.7 pixels long.
    """
    points = []
    for axis in range(mask.ndim):
        along = np.moveaxis(mask, axis, -1)
        lines = np.argwhere(along.any(axis=-1))
        hits = along[tuple(lines.T)]  # (lines, voxels)
        first = hits.argmax(axis=1) - 0.5
        last = hits.shape[1] - hits[:, ::-1].argmax(axis=1) - 0.5
        points += [np.insert(lines.astype(float), axis, end, axis=1) for end in (first, last)]
    return np.concatenate(points)


def _sections(mask: Mask, axis: int, plane: NDArray[np.float64]) -> Iterator[tuple[float, int, NDArray[np.float64]]]:
    """Of each connected piece of each slice: an upper bound of its diameter, the slice, its outline."""
    touching = np.zeros((3, 3, 3), bool)
    touching[(slice(None),) * axis + (1,)] = True  # eight neighbours within the slice, none across
    pieces, _ = ndimage.label(mask, touching)
    for number, block in enumerate(ndimage.find_objects(pieces), 1):
        piece = (pieces[block] == number).take(0, axis=axis)
        start = [part.start for other, part in enumerate(block) if other != axis]
        sides = [plane @ (np.array(piece.shape) * (1, sign)) for sign in (1, -1)]  # the diagonals of its box
        yield max(float(np.linalg.norm(side)) for side in sides), block[axis].start, outline(piece) + start


def _longest_and_across(
    hull: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of the diameter of a convex polygon (corners in order), and of the widest chord across it."""
    first, last = sorted(np.unravel_index(int(np.argmax(_distances(hull))), (len(hull), len(hull))))
    longest = hull[[first, last]]
    along = (longest[1] - longest[0]) / np.linalg.norm(longest[1] - longest[0])
    frame = np.array([along, [-along[1], along[0]]])
    turned = (hull - longest[0]) @ frame.T  # x along the diameter, y across
    one_side = turned[first : last + 1]
    other_side = np.concatenate([turned[last:], turned[: first + 1]])[::-1]
    x = turned[:, 0]  # the width is linear between corners, so that it is widest at one
    y = np.stack([np.interp(x, side[:, 0], side[:, 1]) for side in (one_side, other_side)])
    widest = int(np.argmax(np.abs(y[0] - y[1])))
    ends = np.array([[x[widest], y[0, widest]], [x[widest], y[1, widest]]])
    return longest, ends @ frame + longest[0]


def _hull(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which points `(N, dimensions)` are corners of the convex hull of all; in a plane in their order around it."""
    from scipy.spatial import ConvexHull  # takes a tenth of a second to load, for lesions only

    corners: NDArray[np.intp] = ConvexHull(points).vertices
    return corners


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance of each point to each other one, `(N, N)`."""
    from scipy.spatial.distance import pdist, squareform

    table: NDArray[np.float64] = squareform(pdist(points))
    return table
