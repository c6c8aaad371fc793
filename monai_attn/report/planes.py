"""Planes of a volume as a radiologist looks at them: the axis that is cut, the letters at the edges, the place.

`monai_attn.report.drawing` and `monai_attn.report.tables` share these conventions. Planes are those of the voxel
grid: a tilted image is shown tilted, and the picture says by how many degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.volume import Volume

__all__ = ["PLANES", "Plane", "cut", "fullest", "position", "tilt_deg", "to_ras"]


@dataclass(frozen=True)
class Plane:
    """How a plane of an RAS+ array is looked at: the axis that it cuts, and the axes drawn leftwards and upwards.

    `left`, `right`, `bottom` and `top` are the letters at the edges of the picture.

    `cuts`, `across` and `up` are axes of an array with I, J, K towards right, anterior and superior.

    >>> [(plane.name, plane.left, plane.top) for plane in PLANES]
    [('axial', 'R', 'A'), ('coronal', 'R', 'S'), ('sagittal', 'A', 'S')]
    """

    name: str
    cuts: int
    across: int
    up: int
    left: str
    right: str
    bottom: str
    top: str


PLANES = (
    Plane("axial", cuts=2, across=0, up=1, left="R", right="L", bottom="P", top="A"),
    Plane("coronal", cuts=1, across=0, up=2, left="R", right="L", bottom="I", top="S"),
    Plane("sagittal", cuts=0, across=1, up=2, left="A", right="P", bottom="I", top="S"),
)
"""Radiological convention: seen from the patient's feet, front and left. In all three the axis that is drawn across,
R or A, runs leftwards."""

LETTERS = ("LR", "PA", "IS")
"""The names of the negative and the positive direction of each patient axis."""


def to_ras(volume: Volume) -> Volume:
    """The same voxels with the axes reordered and flipped so that I, J, K point right, forward and up.

    No voxel is interpolated, and the affine still leads to the same place in the patient. Modality and unit are
    kept.

    >>> turned = to_ras(Volume(np.zeros((2, 3, 4)), np.diag([-1.0, 1.0, 2.0, 1.0])))
    >>> turned.orientation, turned.shape
    ('RAS', (2, 3, 4))
    """
    order = [next(i for i, letter in enumerate(volume.orientation) if letter in pair) for pair in ("RL", "AP", "SI")]
    flip = [volume.orientation[i] in "LPI" for i in order]
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, (old, flipped) in enumerate(zip(order, flip, strict=True)):
        step[old, new] = -1 if flipped else 1
        step[old, 3] = volume.shape[old] - 1 if flipped else 0
    array = np.flip(volume.array.transpose(order), tuple(axis for axis, flipped in enumerate(flip) if flipped))
    return Volume(array, volume.affine @ step, volume.modality, volume.unit)


def fullest(mask: NDArray[np.generic], axis: int) -> int:
    """The index along an axis whose plane holds most voxels that are not 0; of several planes the middle one.

    An empty mask gives the middle plane.

    >>> fullest(np.zeros((5, 3, 3)), 0)
    2
    """
    counts = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
    fullest_ones = np.flatnonzero(counts == counts.max())
    return int(fullest_ones[len(fullest_ones) // 2])


def cut(array: NDArray[np.generic], plane: Plane, index: int) -> NDArray[np.generic]:
    """The plane of an RAS+ array as rows (upwards) and columns (leftwards on the page).

    The shape is `(size of up, size of across)`.

    >>> cut(np.zeros((2, 3, 4)), PLANES[0], 0).shape
    (3, 2)
    """
    where: list[int | slice] = [slice(None)] * 3
    where[plane.cuts] = index
    return np.asarray(array[tuple(where)].T)  # a view; np.take would copy the whole volume of a NIfTI file first


def position(volume: Volume, plane: Plane, index: ArrayLike) -> str:
    """The place of a slice in the patient, along the axis that the plane cuts: "S 12.5 mm", "R 3.0 mm".

    `index` has three numbers, voxel indices of the RAS+ array, which need not be whole.

    >>> position(Volume(np.zeros((2, 2, 9)), np.eye(4)), PLANES[0], [0, 0, 5])
    'S 5.0 mm'
    """
    along = round(float(volume.to_world(index)[plane.cuts]), 1)
    return f"{LETTERS[plane.cuts][int(along >= 0)]} {abs(along):.1f} mm"


def tilt_deg(volume: Volume, plane: Plane) -> float:
    """The angle in degrees between the slices of an RAS+ array and the plane of the patient, from their normals.

    0 for a grid along the patient's axes; never above 90.

    >>> tilt_deg(Volume(np.zeros((2, 2, 2)), np.eye(4)), PLANES[0])
    0.0
    """
    normal = np.linalg.inv(volume.affine[:3, :3])[plane.cuts]  # at right angles to the two axes in the slice
    return float(np.degrees(np.arccos(min(1.0, abs(normal[plane.cuts]) / float(np.linalg.norm(normal))))))
