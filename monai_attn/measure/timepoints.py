"""Lesions at two time points: which is which, what is new, gone, merged or split, and the RECIST 1.1 sum as an aid.

Both label maps lie on one grid, after registration. Research use: a radiologist chooses target lesions and decides on
the response. Source: Eisenhauer et al. 2009, RECIST 1.1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from monai_attn.errors import InputError
from monai_attn.measure.blocks import check_grid
from monai_attn.measure.lesions import Lesion, find_lesions
from monai_attn.measure.resampling import labels_on_grid
from monai_attn.volume import Volume

__all__ = [
    "Change",
    "Response",
    "grouped",
    "lesion_links",
    "match_over_time",
    "numbered_lesions",
    "recist_response",
    "target_lesions",
]

MIN_TARGET_MM = 10.0
"""The shortest longest axial diameter of a target lesion. Lymph nodes, which have another rule, are not told apart."""

MAX_TARGETS, MAX_PER_ORGAN = 5, 2
"""So many target lesions in all, and in one organ."""

PARTIAL, PROGRESS, PROGRESS_MM = -0.30, 0.20, 5.0
"""Partial response from this change against the first sum; progress from this change, and by so much, against the least
sum."""


@dataclass(frozen=True)
class Change:
    """What became of lesions: their numbers at the earlier and at the later time point.

    `kind` is "same" (one and one), "new", "gone", "merged" (several became one), "split" (one became several) or
    "several" (several and several that overlap). A lesion that was there `before` the earlier time point, and not at
    it, has "returned". A lesion is "not_scanned" where its place lies `outside` of the later image.
    """

    earlier: tuple[int, ...]
    later: tuple[int, ...]
    before: bool = False
    outside: bool = False

    @property
    def kind(self) -> str:
        """The change in a word."""
        if not self.earlier:
            return "returned" if self.before else "new"
        if not self.later:
            return "not_scanned" if self.outside else "gone"
        one, other = len(self.earlier) > 1, len(self.later) > 1
        return {(False, False): "same", (True, False): "merged", (False, True): "split"}.get((one, other), "several")


def match_over_time(
    earlier: Volume,
    later: Volume,
    value: int,
    *,
    connectivity: int = 26,
    min_ml: float = 0.0,
    reach_mm: float = 0.0,
) -> list[Change]:
    """What became of each lesion of the label `value`: lesions that overlap are the same, or parts of the same.

    The numbers are those of `measure_lesions` with the same options. With `reach_mm` lesions also belong together whose
    boxes are no further apart than that along each axis, as small lesions after an imperfect registration. The list
    begins with what was there before; new lesions come last.

    Raises `GeometryError` when the grids differ, and `InputError` for a negative `reach_mm`.

    >>> before, after = np.zeros((8, 3, 3), np.uint8), np.zeros((8, 3, 3), np.uint8)

    >>> before[0:2] = before[3:5] = after[0:5] = after[7:] = 1

    >>> [change.kind for change in match_over_time(Volume(before), Volume(after), 1)]
    ['merged', 'new']
    """
    one, other = (
        numbered_lesions(labels, value, connectivity=connectivity, min_ml=min_ml) for labels in (earlier, later)
    )
    check_grid(one, other, "The earlier and the later label map")
    before, after = (int(numbered.array.max(initial=0)) for numbered in (one, other))
    links = lesion_links(one, other, reach_mm=reach_mm)
    groups = grouped(before + after, [(first - 1, before + second - 1) for first, second in links])
    return [
        Change(
            tuple(index + 1 for index in group if index < before),
            tuple(index - before + 1 for index in group if index >= before),
        )
        for group in groups
    ]


def numbered_lesions(labels: Volume, value: int, *, connectivity: int = 26, min_ml: float = 0.0) -> Volume:
    """A label map in which every lesion of the label `value` has its number of `measure_lesions`, from 1.

    >>> numbered_lesions(Volume(np.array([[[7, 0, 7, 7]]])), 7).array.tolist()
    [[[2, 0, 1, 1]]]
    """
    found = find_lesions(labels, value, connectivity=connectivity, min_ml=min_ml)
    array = np.zeros(labels.shape, np.int32)
    for number, (block, mask) in enumerate(found, 1):
        array[block][mask] = number
    return labels.with_array(array)


def lesion_links(earlier: Volume, later: Volume, *, reach_mm: float = 0.0) -> set[tuple[int, int]]:
    """The pairs of lesions that belong together, from two maps of `numbered_lesions` on grids of their own.

    Both grids are looked at: a flat lesion may lie between the voxel centres of thick slices. The maps are in the
    coordinates of one patient, after registration. Raises `InputError` for a negative `reach_mm`.

    >>> thick = Volume(np.ones((2, 2, 1), np.int32), np.diag([1.0, 1.0, 5.0, 1.0]))

    >>> thin = Volume(np.ones((2, 2, 1), np.int32), np.eye(4))

    >>> lesion_links(thick, thin)
    {(1, 1)}
    """
    if not reach_mm >= 0:
        raise InputError(f"The reach is 0 mm or more, not {reach_mm}.")
    found: set[tuple[int, int]] = set()
    for one, other in ((earlier, labels_on_grid(later, earlier)), (labels_on_grid(earlier, later), later)):
        found |= _overlapping(one, other) | (_near(one, other, reach_mm) if reach_mm else set())
    return found


def grouped(total: int, links: Collection[tuple[int, int]]) -> list[list[int]]:
    """The numbers 0 to `total` - 1 in groups that links hold together, each group at the place of its first number.

    >>> grouped(4, [(0, 2)])
    [[0, 2], [1], [3]]
    """
    if not total:
        return []
    rows, columns = [one for one, _ in links], [other for _, other in links]
    graph = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(total, total))
    _, groups = connected_components(graph, directed=False)
    return [np.flatnonzero(groups == group).tolist() for group in dict.fromkeys(groups.tolist())]


def target_lesions(lesions: Sequence[Lesion]) -> list[Lesion]:
    """The largest lesions that can be targets: from 10 mm, at most five, and at most two of an organ.

    Lesions of which no organ is known count as of one organ.
    """
    chosen: list[Lesion] = []
    for lesion in sorted(lesions, key=lambda one: (-one.axial_diameter_mm, one.number)):
        organ = sum(one.organ == lesion.organ for one in chosen)
        if lesion.axial_diameter_mm >= MIN_TARGET_MM and organ < MAX_PER_ORGAN and len(chosen) < MAX_TARGETS:
            chosen.append(lesion)
    return chosen


@dataclass(frozen=True)
class Response:
    """The sum of diameters at a time point in mm, its changes as shares, and the category as an aid.

    `category` is "CR", "PR", "SD" or "PD"; "" at the first time point, and where there was no target lesion. It is
    "NE", not evaluable, where a target was not scanned as a whole and nothing else shows progress.
    """

    sum_mm: float
    from_first: float
    from_least: float
    category: str


def recist_response(
    sums_mm: Sequence[float], new: Sequence[bool], whole: Sequence[bool] | None = None
) -> list[Response]:
    """The response at each time point from the sums of the longest axial diameters of the target lesions, in mm.

    `new` says of each time point whether lesions are there that were not there at any earlier one. Complete response:
    the sum is 0. Progress: 20 % and 5 mm above the least sum so far, or a new lesion. Partial response: 30 % below the
    first sum. Shares are nan where they would be divided by 0. No time point gives an empty list.

    `whole` says of each time point whether all targets were scanned; without it they were. A sum that lacks a target
    is never the least one.

    >>> [one.category for one in recist_response([50.0, 30.0, 40.0, 0.0], [False] * 4)]
    ['', 'PR', 'PD', 'CR']

    >>> [one.category for one in recist_response([50.0, 0.0, 50.0], [False] * 3, [True, False, True])]
    ['', 'NE', 'SD']
    """
    found: list[Response] = []
    complete = [True] * len(sums_mm) if whole is None else list(whole)
    for number, (total, fresh) in enumerate(zip(sums_mm, new, strict=True)):
        if number == 0:
            found.append(Response(total, 0.0, 0.0, ""))
            continue
        first = sums_mm[0]
        least = min([first, *(one for one, kept in zip(sums_mm[:number], complete, strict=False) if kept)])
        from_first, from_least = _share(total, first), _share(total, least)
        grown = total - least >= PROGRESS_MM and (least == 0 or from_least >= PROGRESS)
        if fresh or grown:
            category = "PD"
        elif not first:
            category = ""
        elif not complete[number]:
            category = "NE"
        elif total == 0:
            category = "CR"
        else:
            category = "PR" if from_first <= PARTIAL else "SD"
        found.append(Response(total, from_first, from_least, category))
    return found


def _share(value: float, of: float) -> float:
    return (value - of) / of if of else float("nan")


def _overlapping(earlier: Volume, later: Volume) -> set[tuple[int, int]]:
    """The pairs of lesions that share a voxel."""
    one, other = (np.asarray(numbered.array, np.int64) for numbered in (earlier, later))
    both = (one > 0) & (other > 0)
    pairs = np.stack([one[both], other[both]], axis=1)
    return {(int(first), int(second)) for first, second in np.unique(pairs, axis=0)}


def _near(earlier: Volume, later: Volume, reach_mm: float) -> set[tuple[int, int]]:
    """The pairs of lesions whose blocks are no further apart than `reach_mm` along each axis."""
    reach = np.floor(reach_mm / np.asarray(earlier.spacing_mm) + 1e-6)
    blocks = [ndimage.find_objects(np.asarray(one.array)) for one in (earlier, later)]
    return {
        (one, other)
        for one, first in enumerate(blocks[0], 1)
        for other, second in enumerate(blocks[1], 1)
        if first is not None
        and second is not None
        and all(
            max(a.start, b.start) - min(a.stop, b.stop) <= far for a, b, far in zip(first, second, reach, strict=True)
        )
    }
