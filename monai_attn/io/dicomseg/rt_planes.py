"""The slices of one structure of an RTSTRUCT: filled, and interpolated where only every second one is drawn.

Planning systems often draw every second or third slice and interpolate between them, without a word in the file. What
is drawn and what is interpolated matters for volumes in ml, so each structure says it in a note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monai_attn.io.dicomseg.combine import Joined, joined
from monai_attn.io.dicomseg.masks import Part, cropped
from monai_attn.io.dicomseg.rt_axis import NOTED, place_of, reaches_out
from monai_attn.io.dicomseg.rt_items import DrawnStructure
from monai_attn.shapes import between
from monai_attn.volume import Volume
from monai_attn.wording import counted

__all__ = ["filled", "gaps_of", "usual_gap"]

NAMED = 5
"""How many empty slices a note names."""


def gaps_of(structure: DrawnStructure, axis: int) -> list[int]:
    """How many slices lie from each drawn slice to the next one.

    1 is the next slice. A structure of one slice, or of none, has no gaps. Slices outside the image count too.
    """
    places = sorted({place_of(contour, axis) for contour in structure.contours})
    return [high - low for low, high in pairwise(places)]


def usual_gap(gaps: Iterable[int]) -> int | None:
    """The gap that at least half of the gaps, and two of them, share; None where there is no such gap.

    Of two gaps that are equally frequent, the smaller one counts.

    >>> usual_gap([2, 2, 5])
    2
    >>> usual_gap([1, 3]) is None
    True
    """
    counts = Counter(gaps)
    if not counts:
        return None
    gap = min(counts, key=lambda one: (-counts[one], one))
    return gap if counts[gap] >= 2 and 2 * counts[gap] >= counts.total() else None


def filled(structure: DrawnStructure, like: Volume, axis: int, others: int) -> tuple[Part | None, tuple[str, ...]]:
    """The voxels of a structure, and notes on what had to be decided.

    Every n-th slice drawn, n = 2 and more, means that the slices between were left to interpolation. Whether a
    structure is drawn so is seen from the thickness its contours state, else from its own gaps, else from `others`,
    the usual gap of the whole file. A structure of which most slices are neighbours is drawn on every slice, whatever
    thickness it states. Longer gaps stay empty and are noted.

    `axis` is the axis of `like` across the slices, as `slice_axis` gives it. The voxels are None where no pixel's
    centre lies inside a contour.

    A structure that this package wrote (`DrawnStructure.complete`) is never interpolated: its empty slices are empty.
    Interpolation follows `monai_attn.shapes.between`.
    """
    outlines: dict[int, list[NDArray[np.float64]]] = {}
    for contour in structure.contours:
        outlines.setdefault(place_of(contour, axis), []).append(np.delete(contour, axis, axis=1))
    size, shape = like.shape[axis], _within(like, axis)
    slices = {
        place: joined(polygons, shape, exclusive=structure.exclusive)
        for place, polygons in outlines.items()
        if 0 <= place < size
    }
    planes = {place: one.mask for place, one in slices.items()}
    if structure.complete:
        return _stacked(planes, axis, shape), tuple(_notes(structure, like, axis, slices.values()))
    own = usual_gap(gaps_of(structure, axis))
    slab = 1 if own == 1 else round(structure.slab_mm / like.spacing_mm[axis])  # slices may be thicker than their step
    step = slab or own or others
    added = _interpolated(planes, step, [like.spacing_mm[other] for other in range(3) if other != axis])
    notes = (*_notes(structure, like, axis, slices.values()), *_gap_notes(structure.label.name, planes, added, step))
    return _stacked(planes | added, axis, shape), notes


def _within(like: Volume, axis: int) -> tuple[int, int]:
    """The size of one slice of the image: its shape without the axis across the slices."""
    one, other = (size for number, size in enumerate(like.shape) if number != axis)
    return one, other


def _interpolated(
    planes: dict[int, NDArray[np.bool_]], step: int, spacing_mm: list[float]
) -> dict[int, NDArray[np.bool_]]:
    """The slices between those drawn, where no more than `step` apart; without those that stay empty.

    `planes` are masks by the number of the slice, and `spacing_mm` is the distance of pixels along both axes of a mask.
    Slices that were drawn are never changed.
    """
    added: dict[int, NDArray[np.bool_]] = {}
    for low, high in pairwise(sorted(planes)):
        if 1 < high - low <= step:
            inner = between(planes[low], planes[high], high - low, spacing_mm)
            added.update((place, one) for place, one in zip(range(low + 1, high), inner, strict=True) if one.any())
    return added


def _stacked(planes: dict[int, NDArray[np.bool_]], axis: int, shape: tuple[int, int]) -> Part | None:
    """Masks by the number of their slice as one block of the grid, cropped; None where all are empty."""
    if not planes:
        return None
    first = min(planes)
    block = np.zeros((max(planes) - first + 1, *shape), np.bool_)
    for place, plane in planes.items():
        block[place - first] = plane
    start = [0, 0, 0]
    start[axis] = first
    return cropped((start[0], start[1], start[2]), np.moveaxis(block, 0, axis))


def _notes(structure: DrawnStructure, like: Volume, axis: int, slices: Iterable[Joined]) -> Iterator[str]:
    """Sentences on contours that are there twice, overlap, are thin, leave the image, or lie between slices."""
    name, slices = structure.label.name, list(slices)
    twice, across, lost = (sum(getattr(one, what) for one in slices) for what in ("twice", "across", "lost"))
    cut = sum(reaches_out(contour, like) for contour in structure.contours)
    off = max((float(np.abs(c[:, axis] - place_of(c, axis)).max()) for c in structure.contours), default=0.0)
    if twice and structure.exclusive:
        yield (
            f"{name!r}: {counted(twice, 'contour is', 'contours are')} in the file twice and cancel one another, "
            "since the file asks for exclusive or (CLOSEDPLANAR_XOR)."
        )
    elif twice:
        yield f"{name!r}: {counted(twice, 'contour is', 'contours are')} in the file twice; each was used once."
    if across:
        yield (
            f"{name!r}: {counted(across, 'contour overlaps', 'contours overlap')} another one of their slice in "
            "part; what either holds is inside."
        )
    if lost:
        yield (
            f"{name!r}: {counted(lost, 'contour holds', 'contours hold')} the same voxels as the contour around "
            f"{'it' if lost == 1 else 'them'}; the wall between is thinner than a voxel and lost."
        )
    if cut:
        reach = counted(cut, "contour reaches", "contours reach")
        yield f"{name!r}: {reach} beyond the image; what lies outside was cut off."
    if off > NOTED:
        yield f"{name!r}: contours lie up to {off:.3f} of a slice off the slices; each was put in the nearest."


def _gap_notes(name: str, planes: dict[int, NDArray[np.bool_]], added: Iterable[int], step: int) -> Iterator[str]:
    """Sentences on the slices that were interpolated, and on those between the contours that stay empty."""
    added = set(added)
    if added:
        yield (
            f"{name!r} is drawn on 1 of {step} slices of the image; "
            f"{counted(len(added), 'slice between was', 'slices between were')} interpolated."
        )
    if not planes:
        return
    first, last = min(planes), max(planes)
    empty = [place for place in range(first, last) if place not in planes and place not in added]
    if empty:
        stay = "has none and stays" if len(empty) == 1 else "have none and stay"
        named = ", ".join(map(str, empty[:NAMED])) + (", ..." if len(empty) > NAMED else "")
        yield (
            f"{name!r}: {len(empty)} of the {last - first + 1} slices from its first to its last contour {stay} empty: "
            f"{named}, counted from 0. Draw them if they were left out."
        )
