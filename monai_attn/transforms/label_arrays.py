"""The loops of `label_kernels` as operations on whole arrays, for small images: NumPy is there, a compiler is not.

To load the compiler, and code that it has kept, takes half a second; these take hundredths of it for a cropped
hippocampus. Labels are the same in every voxel, since the same numbers are computed in the same order and precision.
Of certainties the exponential may differ in its last bit, in one of a thousand voxels: too little for their four
digits. `tests/transforms/test_label_arrays.py` compares both. See `label_kernels` for words and arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.volume import UPPER

__all__ = ["add_certainty", "classify", "label_cells", "label_voxels", "loops_for"]

SMALL = 1_000_000
"""So many logits, or voxels of the source, are few: these functions take less time than loading the compiler."""

FAR = np.float32(14.0)
"""As in `label_kernels`."""

CORNERS: list[list[int]] = UPPER.astype(int).tolist()
"""Steps to the corners of a cell from its first one."""

Indices = Sequence[NDArray[np.int64]]


def loops_for(numbers: int) -> ModuleType:
    """The module whose functions suit an image of so many logits or voxels: this one, or `label_kernels`.

    What is compiled already is always used.

    >>> loops_for(10**9).__name__
    'monai_attn.transforms.label_kernels'
    """
    if numbers <= SMALL and "monai_attn.transforms.label_kernels" not in sys.modules:
        return sys.modules[__name__]
    from monai_attn.transforms import label_kernels

    return label_kernels


def classify(logits: Any, codes: Any, regions: bool, low: Any, high: Any, first: int, last: int) -> bool:
    """Write the code of each voxel, as `label_kernels.classify` does; false when a logit is not finite."""
    box = _box(low, high, first, last)
    part, inner = logits[(slice(None), *box)], codes[1:-1, 1:-1, 1:-1][box]
    best = np.full(inner.shape, 0.0 if regions else -np.inf, np.float32)
    for channel, row in enumerate(part):
        more = row > best
        inner[more] = channel + 1 if regions else channel
        if not regions:
            np.copyto(best, row, where=more)
    return bool(np.isfinite(part).all())


def add_certainty(
    logits: Any, codes: Any, regions: bool, low: Any, high: Any, one: int, found: Any, first: int, last: int
) -> None:
    """Add the winner's probability of each voxel, as `label_kernels.add_certainty` does."""
    box = _box(low, high, first, last)
    inner = codes[1:-1, 1:-1, 1:-1][box]
    shown = inner != 0
    code, values = inner[shown].astype(np.intp), logits[(slice(None), *box)][:, shown]
    best = values[code - 1 if regions else code, np.arange(len(code))]
    if regions:
        share = 1.0 / (1.0 + _exp(-best).astype(np.float64))
    else:
        total = np.zeros(len(code), np.float32)
        for row in values:
            behind = best - row
            total += np.where(behind < FAR, _exp(-behind), np.float32(0.0))
        share = 1.0 / total.astype(np.float64)
    np.add.at(found[0], code, (one * share + 0.5).astype(np.int64))
    np.add.at(found[1], code, 1)


def label_cells(
    logits: Any, codes: Any, out: Any, values: Any, regions: bool, low: Any, high: Any,
    cells: Any, ends: Any, t: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Labels on a source grid whose axes run along the network's axes, as `label_kernels.label_cells` writes them."""
    bounds = [ends[0][first : last + 1], ends[1], ends[2]]
    own = [cells[0][first:last], cells[1], cells[2]]
    where = np.ix_(*(np.repeat(cell, np.diff(end)) for cell, end in zip(own, bounds, strict=True)))
    parts = [slice(end[0], end[-1]) for end in bounds]
    places = np.ix_(*(place[part] for place, part in zip(t, parts, strict=True)))
    out[tuple(parts)] = values[_codes_at(logits, codes, regions, low, high, where, places)]


def label_voxels(
    logits: Any, codes: Any, out: Any, values: Any, regions: bool, low: Any, high: Any,
    matrix: Any, lattice: Any, origin: Any, axis: int, span: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Labels on a source grid that lies askew, as `label_kernels.label_voxels` writes them."""
    i, j, k = np.ogrid[first:last, : out.shape[1], : out.shape[2]]
    cells, places = [], []
    for row, smallest, largest in zip(matrix, *lattice, strict=True):
        place = np.clip(row[0] * i + row[1] * j + row[2] * k + row[3], smallest, largest)
        nearest = np.rint(place)
        place = np.where(np.abs(place - nearest) < 1e-6, nearest, place)
        cell = np.maximum(np.minimum(np.floor(place).astype(np.int64), int(largest) - 1), int(smallest))
        cells.append(cell)
        places.append(place - cell)
    mine = (span[0] <= cells[axis]) & (cells[axis] < span[1])
    where = [cell[mine] - start for cell, start in zip(cells, origin, strict=True)]
    found = _codes_at(logits, codes, regions, low, high, where, [place[mine] for place in places])
    out[first:last][mine] = values[found]


def _box(low: Any, high: Any, first: int, last: int) -> tuple[slice, slice, slice]:
    """The voxels between `low` and `high`, of planes in [first, last)."""
    begin = max(first, low[0])
    planes = slice(begin, max(min(last, high[0] + 1), begin))
    return planes, slice(low[1], max(high[1] + 1, low[1])), slice(low[2], max(high[2] + 1, low[2]))


def _exp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The exponential function, rounded once; the compiled loops use that of the C library."""
    return np.exp(values.astype(np.float64)).astype(np.float32)


def _codes_at(
    logits: Any, codes: Any, regions: bool, low: Any, high: Any, where: Indices, places: Sequence[NDArray[np.float64]]
) -> NDArray[np.int64]:
    """The codes of points: in cell `where` by each axis, at `places` in it, 0 to 1; both of a shape, or open meshes."""
    cells = tuple(index + 1 for index in where)
    found: NDArray[np.int64] = codes[cells].astype(np.int64)
    mixed = _mixed(codes)[cells]
    if mixed.any():
        cell = [np.broadcast_to(index, found.shape)[mixed] for index in where]
        place = [np.broadcast_to(one, found.shape)[mixed] for one in places]
        found[mixed] = _decided(_corners(logits, low, high, cell), regions, *place)
    return found


def _mixed(codes: Any) -> NDArray[np.bool_]:
    """Whether the eight corners of a cell differ, for each cell by its first corner; one less than codes by axis."""
    x, y, z = (size - 1 for size in codes.shape)
    first = codes[:x, :y, :z]
    mixed = np.zeros(first.shape, np.bool_)
    for i, j, k in CORNERS[1:]:
        mixed |= codes[i : i + x, j : j + y, k : k + z] != first
    return mixed


def _corners(logits: Any, low: Any, high: Any, cell: Indices) -> NDArray[np.float32]:
    """The logits at the eight corners of each cell, `(8, C, cells)`; beyond `low` and `high` they are zero."""
    corners = np.zeros((8, len(logits), len(cell[0])), np.float32)
    for corner, steps in zip(corners, CORNERS, strict=True):
        index = [one + step for one, step in zip(cell, steps, strict=True)]
        inside = np.ones(len(cell[0]), np.bool_)
        for one, smallest, largest in zip(index, low, high, strict=True):
            inside &= (smallest <= one) & (one <= largest)
        if inside.all():
            corner[...] = logits[(slice(None), *index)]
        else:
            corner[:, inside] = logits[(slice(None), *(one[inside] for one in index))]
    return corners


def _decided(
    corners: NDArray[np.float32],
    regions: bool,
    tx: NDArray[np.float64],
    ty: NDArray[np.float64],
    tz: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The code at a point of each cell, by trilinear interpolation of its candidates, as `label_kernels` has it."""
    smallest, largest = corners.min(0), corners.max(0)
    candidate = largest >= (np.float32(0.0) if regions else smallest.max(0))
    a, b, c, d = (1 - tx) * (1 - ty), (1 - tx) * ty, tx * (1 - ty), tx * ty
    s, v = 1 - tz, corners.astype(np.float64)
    value = (
        a * (s * v[0] + tz * v[1])
        + b * (s * v[2] + tz * v[3])
        + c * (s * v[4] + tz * v[5])
        + d * (s * v[6] + tz * v[7])
    )
    if not regions:
        found: NDArray[np.int64] = np.where(candidate, value, -np.inf).argmax(0)
        return found
    positive = candidate & (value > 0.0)
    return np.where(positive.any(0), len(positive) - positive[::-1].argmax(0), 0)
