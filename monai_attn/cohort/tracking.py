"""The lesions that are known of a patient so far, and what became of them at the next time point.

A lesion without a partner is kept in mind with its place, so that one that returns is neither new nor lost for the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monai_attn.measure.timepoints import Change, grouped, lesion_links
from monai_attn.volume import Volume

__all__ = ["Known", "Tracked", "track"]

OUTSIDE = 0.1
"""From this share of a lesion's voxels outside of the later image on, the lesion was not scanned as a whole."""


@dataclass(frozen=True, eq=False)
class Known:
    """Lesions of one time point: a map of their numbers, which of them are meant, and which count in the sum."""

    labels: Volume
    numbers: tuple[int, ...]
    targets: tuple[int, ...]

    def moved(self, matrix: NDArray[np.float64] | None, frame: str) -> Known:
        """The same lesions after a motion of the patient, `(4, 4)` in mm (RAS+), which leads into another frame."""
        if matrix is None:
            return self
        labels = replace(self.labels, affine=matrix @ self.labels.affine, frame_of_reference=frame)
        return replace(self, labels=labels)


@dataclass(frozen=True, eq=False)
class Tracked:
    """What became of the known lesions: the changes, and what is known now, the latest time point first.

    `whole` is false where a target lies outside of the later image, by a tenth of its voxels or more.
    """

    changes: tuple[Change, ...]
    known: tuple[Known, ...]
    whole: bool


def track(
    known: Sequence[Known], later: Volume, count: int, matrix: NDArray[np.float64] | None, *, reach_mm: float = 0.0
) -> Tracked:
    """What became of known lesions in `later`, a map of `numbered_lesions` with `count` lesions.

    `known` begins with all lesions of the time point before; the others are lesions of earlier ones that had gone.
    `matrix` leads from mm (RAS+) of the time point before to mm of this one; None where the coordinates are the same.
    Raises `GeometryError` where they cannot be, since the frames of reference are known and differ.
    """
    past = [one.moved(matrix, later.frame_of_reference) for one in known]
    names = [(source, number) for source, one in enumerate(past) for number in one.numbers]
    place = {name: index for index, name in enumerate(names)}
    links = [
        (place[source, number], len(names) + other - 1)
        for source, one in enumerate(past)
        for number, other in lesion_links(one.labels, later, reach_mm=reach_mm)
        if (source, number) in place
    ]
    outside = [_outside(one.labels, later) for one in past]
    away = {(source, number): outside[source][number] >= OUTSIDE for source, number in names}
    wanted = {(source, number) for source, one in enumerate(past) for number in one.targets}
    changes: list[Change] = []
    targets: set[int] = set()
    found: set[tuple[int, int]] = set()
    for group in grouped(len(names) + count, links):
        before = [names[index] for index in group if index < len(names)]
        after = tuple(index - len(names) + 1 for index in group if index >= len(names))
        last = tuple(number for source, number in before if source == 0)
        if after:
            found.update(before)
            targets.update(after if wanted & set(before) else ())
        if last or after:
            older = len(last) < len(before)
            changes.append(Change(last, after, older, not after and any(away[name] for name in before)))
    gone = [
        Known(
            one.labels,
            tuple(number for number in one.numbers if (source, number) not in found),
            tuple(number for number in one.targets if (source, number) not in found),
        )
        for source, one in enumerate(past)
    ]
    latest = Known(later, tuple(range(1, count + 1)), tuple(sorted(targets)))
    return Tracked(
        tuple(changes),
        (latest, *(one for one in gone if one.numbers)),
        not any(away[name] for name in wanted),
    )


def _outside(labels: Volume, grid: Volume) -> NDArray[np.float64]:
    """The share of the voxel centres of each lesion that lies outside of another grid, by the lesion's number."""
    step = np.linalg.solve(grid.affine, labels.affine)
    array = np.asarray(labels.array)
    voxels = np.argwhere(array)
    at = voxels @ step[:3, :3].T + step[:3, 3]
    inside = ((at > -0.5 - 1e-3) & (at < np.array(grid.shape) - 0.5 + 1e-3)).all(axis=1)
    numbers = array[tuple(voxels.T)]
    return np.bincount(numbers, ~inside) / np.maximum(np.bincount(numbers), 1)
