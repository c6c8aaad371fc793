"""The volumes within one series: echoes, time points, b-values at the same places.

A series with several volumes is never mixed into one. `reading` takes one volume at the user's choice, and `series`
counts the volumes for the listing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.stack import SAME_PLACE_MM, sorted_along_normal, stack_affine
from monai_attn.io.dicom.telling import TELLING

__all__ = ["covered", "split_volumes", "what_they_are", "without_copies"]

TRIPLES = 8
"""Three attributes together are tried among so many of the most meaningful ones."""

NEARLY_ALL = 0.9
"""A volume that covers less of the length of all slices leaves a part of the patient out."""

BY_NUMBER = "the order of their InstanceNumber"
"""What tells volumes apart where no attribute does, as the messages say it."""


def without_copies(frames: Sequence[Frame]) -> tuple[list[Frame], list[tuple[Frame, Frame]]]:
    """The images without repetitions, and pairs of an image and its copy.

    A copy has the same SOP Instance UID, the same frame number and the same place. Without such a UID, as anonymisers
    leave it, no image counts as a copy.

    The first image of each kind is kept, in the order given. Pixels are not compared here; `reading` does that.
    """
    seen: dict[tuple[str, int, object], Frame] = {}
    copies = []
    for frame in frames:
        key = (text(frame.header, "SOPInstanceUID") or str(frame.path), frame.index, frame.position)
        if key in seen:
            copies.append((seen[key], frame))
        else:
            seen[key] = frame
    return list(seen.values()), copies


def split_volumes(frames: Sequence[Frame], name: str) -> tuple[list[list[Frame]], str]:
    """The volumes of a series, each a list of slices sorted along their normal; and what tells the volumes apart.

    Slices that form one even stack are one volume, and the second value is "". Otherwise the attributes of `TELLING`
    are tried alone, in pairs, then in threes: echo time, time point, b-value, gradient, and so on. Where none parts the
    slices into stacks, the order of their InstanceNumber is tried.

    Slabs that lie beside each other are volumes too, if an attribute tells them apart. Raises `GeometryError` where
    images lie at one place and nothing tells them apart, or where slices are missing.

    The frames must have a position and an orientation and be parallel; the order of the frames does not matter. Volumes
    come in rising order of the attribute: b-value 0 before b-value 800. `name` is used in messages only.
    """
    ordered = sorted_along_normal(frames)
    place = _places(ordered)
    times = max(Counter(place.values()).values())
    if times == 1:
        try:
            stack_affine(ordered, name)
        except GeometryError:
            found = _slabs(ordered, place, name)
            if found is None:
                raise
            return found
        return [ordered], ""
    for keys in _candidates(ordered):
        if len({_value(frame, keys) for frame in ordered}) != times:
            continue
        groups = _part(ordered, keys)
        if all(_once(group, place) for group in groups):
            return groups, " and ".join(keys)
    found = _by_number(ordered, place, times) or _slabs(ordered, place, name)
    if found is None:
        stack_affine(ordered, name)  # raises: names the place where images coincide
        raise AssertionError("unreachable: coinciding slices form no stack")
    return found


def what_they_are(stacks: Sequence[Sequence[Frame]], told_by: str) -> str:
    """Words for several volumes of a series, for a message.

    They are "volumes at the same places" where most of them cover the whole length of the series. Otherwise they are
    "stacks of slices at different places", as the slabs of some scanners are.
    """
    same = float(np.median(_shares(stacks))) >= NEARLY_ALL
    return (
        f"{'volumes at the same places' if same else 'stacks of slices at different places'}, told apart by {told_by}"
    )


def covered(stacks: Sequence[Sequence[Frame]], picked: int, told_by: str) -> str:
    """A note on which of several volumes was taken.

    Where the volume covers less than nine tenths of the length of the series, the note also says how many of all slices
    it holds. Half a head is never read without a word.
    """
    note = f"Volume {picked} of {len(stacks)}, told apart by {told_by}."
    if _shares(stacks)[picked] >= NEARLY_ALL:
        mine, most = len(stacks[picked]), max(map(len, stacks))
        return note if mine == most else f"{note} It has {mine} slices, and another one has {most}."
    count = sum(len(stack) for stack in stacks)
    return f"{note} It holds {len(stacks[picked])} of the {count} slices; others lie at places that it does not reach."


def _shares(stacks: Sequence[Sequence[Frame]]) -> NDArray[np.float64]:
    """How much of the length of all stacks together each one covers, from 0 to 1."""
    normal = stacks[0][0].normal
    ends = np.array([[np.dot(normal, stack[n].position) for n in (0, -1)] for stack in stacks])  # type: ignore[arg-type]
    lengths = ends[:, 1] - ends[:, 0]
    whole = ends.max() - ends.min()
    shares: NDArray[np.float64] = lengths / whole if whole > SAME_PLACE_MM else np.ones(len(stacks))
    return shares


def _places(ordered: Sequence[Frame]) -> dict[int, int]:
    """For each image of a sorted list, by its `id`, the number of its place along the normal."""
    normal = ordered[0].normal
    along = np.array([np.dot(normal, frame.position) for frame in ordered])  # type: ignore[arg-type]
    place = np.concatenate([[0], np.cumsum(np.diff(along) >= SAME_PLACE_MM)])
    return {id(frame): int(number) for frame, number in zip(ordered, place, strict=True)}


def _once(group: Sequence[Frame], place: Mapping[int, int]) -> bool:
    """Whether a group has no two images in one place."""
    return len({place[id(frame)] for frame in group}) == len(group)


def _slabs(ordered: Sequence[Frame], place: Mapping[int, int], name: str) -> tuple[list[list[Frame]], str] | None:
    """Stacks of three slices or more, beside, between or partly over each other, by what parts the slices into them."""
    for keys in _candidates(ordered):
        if len({_value(frame, keys) for frame in ordered}) * 3 > len(ordered):
            continue
        groups = _part(ordered, keys)
        if all(_once(group, place) and _stacks(group, name) for group in groups):
            return groups, " and ".join(keys)
    return None


def _by_number(ordered: Sequence[Frame], place: Mapping[int, int], times: int) -> tuple[list[list[Frame]], str] | None:
    """Volumes by the numbers of their images, which run through one volume, or one place, after the other."""
    numbers = {id(frame): (number(frame.header, "InstanceNumber"), frame.index) for frame in ordered}
    if None in {value for value, _ in numbers.values()} or len(set(numbers.values())) < len(ordered):
        return None
    if set(Counter(place.values()).values()) != {times}:
        return None
    count = len(ordered) // times
    row = sorted(ordered, key=lambda frame: numbers[id(frame)])
    for groups in ([row[n * count : (n + 1) * count] for n in range(times)], [row[n::times] for n in range(times)]):
        if all(_once(group, place) for group in groups):
            return [sorted_along_normal(group) for group in groups], BY_NUMBER
    return None


def _candidates(frames: Sequence[Frame]) -> list[tuple[str, ...]]:
    """Attributes that vary, one by one, then in pairs, then the first of them in threes."""
    varying = [key for key in (*TELLING, "InstanceNumber") if len({frame.telling.get(key, "") for frame in frames}) > 1]
    pairs, triples = combinations(varying, 2), combinations(varying[:TRIPLES], 3)
    return [*((key,) for key in varying), *pairs, *triples]


def _value(frame: Frame, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The values of several attributes of one image as text; "" for an attribute that the image lacks."""
    return tuple(frame.telling.get(key, "") for key in keys)


def _part(ordered: Sequence[Frame], keys: tuple[str, ...]) -> list[list[Frame]]:
    """The images parted by the values of attributes, in rising order of the values; each part keeps the order of the
    images.
    """
    groups: dict[tuple[str, ...], list[Frame]] = {}
    for frame in ordered:
        groups.setdefault(_value(frame, keys), []).append(frame)
    return [groups[value] for value in sorted(groups, key=lambda value: [_rank(part) for part in value])]


def _rank(value: str) -> tuple[int, tuple[float, ...], str]:
    """Nothing first, then numbers by size, then words.

    >>> sorted(["10", "9", "MAGNITUDE", ""], key=_rank)
    ['', '9', '10', 'MAGNITUDE']
    """
    if not value:
        return 0, (), ""
    try:
        return 1, tuple(float(part) for part in value.split("\\")), ""
    except ValueError:
        return 2, (), value


def _stacks(group: Sequence[Frame], name: str) -> bool:
    """Whether sorted images form one even stack."""
    try:
        stack_affine(group, name)
    except GeometryError:
        return False
    return True
