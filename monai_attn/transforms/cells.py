"""Which cells of the network's grid hold which source voxels, where the axes of both grids run along each other.

`SourceLabels` uses the cells to fill whole blocks of the label map at once, where a bundle only flips, crops, pads
or changes the spacing. For a rotated grid `along_axes` gives None, and `label_voxels` goes from voxel to voxel. Only
numpy is needed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["along_axes", "view_of"]

ALONG = 1e-4
"""Network voxels by which a source axis may drift sideways over its whole length and still run along: float32 noise."""

WHOLE = 1e-6
"""A coordinate as near as this to a whole number is that number."""


@dataclass(frozen=True, eq=False)
class AxisCells:
    """One axis of the network's grid: the source axis along it, and where the source voxels lie, in rising order.

    - `flipped`: the source axis runs the other direction, so that the voxels are counted from its end.
    - `cell`: the first network index of the cell that holds each voxel. `place`: where in the cell, 0 to 1.
    """

    source_axis: int
    flipped: bool
    cell: NDArray[np.int64]
    place: NDArray[np.float64]

    def part(self, first: int, last: int) -> AxisCells:
        """The voxels from `first` up to, but without, `last`."""
        return AxisCells(self.source_axis, self.flipped, self.cell[first:last], self.place[first:last])

    def within(self, first: int, last: int) -> tuple[int, int]:
        """The voxels whose cells are in [first, last).

        `first` and `last` are network indices; the two numbers are positions in `cell`, for a slice. An empty range
        of cells gives two equal numbers.
        """
        begin, end = np.searchsorted(self.cell, [first, last])
        return int(begin), int(end)

    def runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The different cells, and where the voxels of each begin, with the end of the last cell.

        >>> axis = AxisCells(0, False, np.array([0, 0, 1, 3]), np.zeros(4))
        >>> cells, starts = axis.runs()
        >>> cells.tolist(), starts.tolist()
        ([0, 1, 3], [0, 2, 3, 4])
        """
        cells, starts = np.unique(self.cell, return_index=True)
        return cells, np.append(starts, len(self.cell)).astype(np.int64)


def along_axes(
    matrix: NDArray[np.float64], shape: tuple[int, ...], lattice: NDArray[np.float64]
) -> list[AxisCells] | None:
    """The source voxels of each network axis; None when the grids' axes do not run along each other.

    - `matrix` `(3, 4)`: source index to network index. `shape`: the size of the source.
    - `lattice` `(2, 3)`: network coordinates are clamped to these.

    A source voxel outside the lattice gets the outermost cell. The middle of the source decides where an axis that
    drifts within `ALONG` is taken to lie.

    >>> axes = along_axes(np.diag([0.5, 0.5, 0.5, 1.0])[:3], (4, 4, 4), np.array([[0.0] * 3, [1.0] * 3]))
    >>> axes[0].place.tolist()
    [0.0, 0.5, 1.0, 1.0]
    """
    found: list[AxisCells] = []
    length = np.maximum(np.array(shape) - 1, 1)
    for row, low, high in zip(matrix, *lattice, strict=True):
        drift = np.abs(row[:3]) * length
        axis = int(np.argmax(np.abs(row[:3])))
        if np.delete(drift, axis).max() > ALONG or axis in [one.source_axis for one in found]:
            return None
        middle = np.delete(row[:3] * (np.array(shape) - 1) / 2, axis).sum()
        where = np.clip(row[axis] * np.arange(shape[axis]) + row[3] + middle, low, high)
        whole = np.rint(where)
        where = np.where(np.abs(where - whole) < WHOLE, whole, where)
        flipped = bool(row[axis] < 0)
        where = where[::-1] if flipped else where
        cell = np.maximum(np.minimum(np.floor(where), np.floor(high) - 1), np.ceil(low))
        found.append(AxisCells(axis, flipped, cell.astype(np.int64), where - cell))
    return found


def view_of(array: NDArray[Any], axes: list[AxisCells]) -> NDArray[Any]:
    """A source array in the network's order and direction of axes; writing to it writes to the array.

    No voxel is copied. The array has the axes I, J, K; the view has the network's X, Y, Z.

    >>> axes = [AxisCells(axis, axis == 0, np.empty(0, int), np.empty(0)) for axis in range(3)]
    >>> view_of(np.arange(3)[:, None, None], axes).ravel().tolist()
    [2, 1, 0]
    """
    turned = array.transpose([one.source_axis for one in axes])
    return turned[tuple(slice(None, None, -1 if one.flipped else 1) for one in axes)]
