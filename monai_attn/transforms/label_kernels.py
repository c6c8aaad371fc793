"""The loops of `SourceLabels`, compiled; each works on a part of the volume and frees Python's lock meanwhile.

Words: a class is a channel of the logits. A code is what a voxel shows: for an argmax the class, for regions 0 (none)
or 1 + the last positive channel. A cell lies between 8 neighbouring voxels of the network's grid. Where all 8 have one
code, so has every point inside, because trilinear interpolation is a weighted mean with weights >= 0. Only in the
other cells are logits interpolated, and there only of the candidates: those classes whose largest corner reaches
the best of all the smallest corners.

Callers: `monai_attn.transforms.source_labels`, from several threads. The first call compiles, which takes seconds;
later processes read the compiled code from disk. Arrays are numpy's, logits float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

__all__ = ["add_certainty", "classify", "label_cells", "label_voxels"]

FAR = np.float32(14.0)
"""A class that is behind by so many logits has less than a millionth of the winner's probability."""

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function, compiled at its first call; kept on disk for the next process where there is a folder for it.

    Where no folder can be written, each process compiles anew.
    """
    try:
        return cast(Function, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # a read-only install and no home: nowhere to keep it
        return cast(Function, numba.njit(nogil=True)(function))


@compiled
def classify(logits: Any, codes: Any, regions: bool, low: Any, high: Any, first: int, last: int) -> bool:
    """Write the code of each voxel x in [first, last) and between `low` and `high`; false when a logit is not finite.

    `logits` `(C, X, Y, Z)`, `codes` `(X + 2, Y + 2, Z + 2)`: one voxel of background lies all around.

    `low` and `high` are the first and the last voxel `(3,)` with logits that may be used. Codes outside stay 0. Of
    equal logits the first class wins. NaN and infinite logits give False, and the caller refuses them.
    """
    best = np.empty(logits.shape[3], np.float32)
    finite = True
    for x in range(max(first, low[0]), min(last, high[0] + 1)):
        for y in range(low[1], high[1] + 1):
            best[:] = 0.0 if regions else -np.inf
            for c in range(logits.shape[0]):
                row = logits[c, x, y]
                code = c + 1 if regions else c
                for z in range(low[2], high[2] + 1):
                    value = row[z]
                    finite &= value - value == 0.0
                    if value > best[z]:
                        codes[x + 1, y + 1, z + 1] = code
                        best[z] = 0.0 if regions else value
    return finite


@compiled
def add_certainty(
    logits: Any, codes: Any, regions: bool, low: Any, high: Any, one: int, found: Any, first: int, last: int
) -> None:
    """Add the winner's probability of each voxel that is no background to `found` `(2, codes)`: sums, and counts.

    Planes x in [first, last) and voxels between `low` and `high` count; see `classify` for the arrays. Probabilities
    are those of a softmax over all classes, or of a sigmoid for regions, as whole numbers of 1 / `one`. Classes that
    are less likely than the winner by `FAR` logits are left out, which changes less than one millionth a class.
    """
    best = np.empty(logits.shape[3], np.float32)
    total = np.empty(logits.shape[3], np.float32)
    for x in range(max(first, low[0]), min(last, high[0] + 1)):
        for y in range(low[1], high[1] + 1):
            begin, end = high[2] + 1, low[2]
            for z in range(low[2], high[2] + 1):
                code = codes[x + 1, y + 1, z + 1]
                if code:
                    best[z] = logits[code - 1 if regions else code, x, y, z]
                    total[z] = 0.0
                    begin, end = min(begin, z), z + 1
            for c in range(logits.shape[0] if begin < end and not regions else 0):
                row = logits[c, x, y]
                for z in range(begin, end):
                    if codes[x + 1, y + 1, z + 1]:
                        behind = best[z] - row[z]
                        if behind < FAR:
                            total[z] += np.exp(-behind)
            for z in range(begin, end):
                code = codes[x + 1, y + 1, z + 1]
                if code:
                    share = 1.0 / (1.0 + np.exp(-best[z])) if regions else 1.0 / total[z]
                    found[0, code] += np.int64(one * share + 0.5)
                    found[1, code] += 1


@compiled
def _one_code(codes: Any, x: int, y: int, z: int) -> int:
    """The code of a cell whose corners agree, else -1; `x, y, z` index the first corner in the padded `codes`."""
    code = codes[x, y, z]
    same = (
        code == codes[x, y, z + 1]
        and code == codes[x, y + 1, z]
        and code == codes[x, y + 1, z + 1]
        and code == codes[x + 1, y, z]
        and code == codes[x + 1, y, z + 1]
        and code == codes[x + 1, y + 1, z]
        and code == codes[x + 1, y + 1, z + 1]
    )
    return int(code) if same else -1


@compiled
def _candidates(logits: Any, regions: bool, low: Any, high: Any, x: int, y: int, z: int, corner: Any, who: Any) -> int:
    """Gather the logits at a cell's corners into `corner` `(C, 8)` and its candidate classes into `who`; how many.

    Beyond `low` and `high` logits are zero.
    """
    enough = np.float32(0.0) if regions else np.float32(-np.inf)
    inside_x = (low[0] <= x <= high[0], low[0] <= x + 1 <= high[0])
    inside_y = (low[1] <= y <= high[1], low[1] <= y + 1 <= high[1])
    inside_z = (low[2] <= z <= high[2], low[2] <= z + 1 <= high[2])
    for c in range(logits.shape[0]):
        smallest, largest = np.float32(np.inf), np.float32(-np.inf)
        for k in range(8):
            i, j, m = k >> 2, (k >> 1) & 1, k & 1
            value = np.float32(0.0)
            if inside_x[i] and inside_y[j] and inside_z[m]:
                value = logits[c, x + i, y + j, z + m]
            corner[c, k] = value
            smallest, largest = min(smallest, value), max(largest, value)
        who[c] = 1 if largest >= enough else 0
        if not regions:
            enough = max(enough, smallest)
    count = 0
    for c in range(logits.shape[0]):
        if who[c] == 1:  # `enough` has grown since for an argmax: look once more
            largest = corner[c, 0]
            for k in range(1, 8):
                largest = max(largest, corner[c, k])
            if largest >= enough:
                who[count] = c
                count += 1
    return count


@compiled
def _decide(corner: Any, who: Any, count: int, regions: bool, tx: float, ty: float, tz: float) -> int:
    """The code at a point of a cell, `tx, ty, tz` in [0, 1] from its first corner; of equals the first class.

    Trilinear interpolation: the weight of each corner is the volume of the box opposite to the corner. No candidate
    gives code 0, which is background.
    """
    a, b, c, d = (1 - tx) * (1 - ty), (1 - tx) * ty, tx * (1 - ty), tx * ty
    s = 1 - tz
    best, code = 0.0 if regions else -np.inf, 0
    for n in range(count):
        v = corner[who[n]]
        value = (
            a * (s * v[0] + tz * v[1])
            + b * (s * v[2] + tz * v[3])
            + c * (s * v[4] + tz * v[5])
            + d * (s * v[6] + tz * v[7])
        )
        if value > best:
            code = who[n] + 1 if regions else who[n]
            best = 0.0 if regions else value
    return code


@compiled
def label_cells(
    logits: Any, codes: Any, out: Any, values: Any, regions: bool, low: Any, high: Any,
    cells: Any, ends: Any, t: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Labels on a source grid whose axes run along the network's axes.

    - `out`: a view of the label map in the network's order of axes.
    - `cells`: for each axis the cells that hold source voxels. `ends`: where the voxels of each cell begin and end, one
      number more than cells. `t`: each voxel's place in its cell, 0 to 1.
    - Of the first axis, the cells from number `first` up to `last` are done. `values` turns codes into labels.
    """
    corner = np.empty((logits.shape[0], 8), np.float32)
    who = np.empty(logits.shape[0], np.int64)
    for a in range(first, last):
        x = cells[0][a]
        for b in range(len(cells[1])):
            y = cells[1][b]
            c = 0
            while c < len(cells[2]):
                z = cells[2][c]
                code = _one_code(codes, x + 1, y + 1, z + 1)
                begin = ends[2][c]
                if code >= 0:
                    c += 1
                    while c < len(cells[2]) and _one_code(codes, x + 1, y + 1, cells[2][c] + 1) == code:
                        c += 1
                    for i in range(ends[0][a], ends[0][a + 1]):
                        for j in range(ends[1][b], ends[1][b + 1]):
                            out[i, j, begin : ends[2][c]] = values[code]
                    continue
                count = _candidates(logits, regions, low, high, x, y, z, corner, who)
                for i in range(ends[0][a], ends[0][a + 1]):
                    for j in range(ends[1][b], ends[1][b + 1]):
                        for k in range(begin, ends[2][c + 1]):
                            out[i, j, k] = values[_decide(corner, who, count, regions, t[0][i], t[1][j], t[2][k])]
                c += 1


@compiled
def label_voxels(
    logits: Any, codes: Any, out: Any, values: Any, regions: bool, low: Any, high: Any,
    matrix: Any, lattice: Any, origin: Any, axis: int, span: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Labels on a source grid that lies askew, for source planes from `first` up to `last`.

    - `matrix` `(3, 4)`: index of `out` to network index. `lattice` `(2, 3)`: the bounds to which it is clamped.
    - `origin`: the network index of the first voxel of `logits`.
    - Only voxels are written whose cell along `axis` is in `span`, [first, end).
    """
    corner = np.empty((logits.shape[0], 8), np.float32)
    who = np.empty(logits.shape[0], np.int64)
    cell, t, seen = np.empty(3, np.int64), np.empty(3), np.full(3, -9, np.int64)
    count = 0
    for i in range(first, last):
        for j in range(out.shape[1]):
            step = matrix[axis, 2]
            begin, end = -np.inf, np.inf
            if step != 0.0:  # only these k can be in the span, with a voxel to spare
                there = matrix[axis, 0] * i + matrix[axis, 1] * j + matrix[axis, 3]
                one, other = (span[0] - there) / step, (span[1] - there) / step
                begin, end = min(one, other) - 1.0, max(one, other) + 2.0
            for k in range(int(max(begin, 0.0)), int(min(max(end, 0.0), out.shape[2]))):
                mine = True
                for n in range(3):
                    place = matrix[n, 0] * i + matrix[n, 1] * j + matrix[n, 2] * k + matrix[n, 3]
                    place = min(max(place, lattice[0, n]), lattice[1, n])
                    if abs(place - np.rint(place)) < 1e-6:
                        place = np.rint(place)
                    cell[n] = max(min(np.int64(np.floor(place)), np.int64(lattice[1, n]) - 1), np.int64(lattice[0, n]))
                    t[n] = place - cell[n]
                    if n == axis and not span[0] <= cell[n] < span[1]:
                        mine = False
                        break
                if not mine:
                    continue
                x, y, z = cell[0] - origin[0], cell[1] - origin[1], cell[2] - origin[2]
                code = _one_code(codes, x + 1, y + 1, z + 1)
                if code < 0:
                    if x != seen[0] or y != seen[1] or z != seen[2]:
                        count = _candidates(logits, regions, low, high, x, y, z, corner, who)
                        seen[0], seen[1], seen[2] = x, y, z
                    code = _decide(corner, who, count, regions, t[0], t[1], t[2])
                out[i, j, k] = values[code]
