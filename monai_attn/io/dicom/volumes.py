"""The volumes within one series: echoes, time points, b-values at the same places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from monai_attn.errors import GeometryError
from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.frames import TELLING, Frame
from monai_attn.io.dicom.stack import SAME_PLACE_MM, sorted_along_normal, stack_affine

__all__ = ["split_volumes", "without_copies"]


def without_copies(frames: Sequence[Frame]) -> tuple[list[Frame], list[tuple[Frame, Frame]]]:
    """The frames without those that repeat an object (SOP Instance UID) at its place; and the pairs of both."""
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
    """Lists of slices, each sorted and at places of its own; and what tells the lists apart ("" for one).

    One even stack is one volume. Otherwise the first attribute of `TELLING`, or pair of them, that parts
    the slices into stacks is taken. Raises `GeometryError` when none does.
    """
    ordered = sorted_along_normal(frames)
    times = _most_at_one_place(ordered)
    try:
        if times == 1:
            stack_affine(ordered, name)
            return [ordered], ""
    except GeometryError:
        for keys in _candidates(ordered):
            groups = _part(ordered, keys)
            if len(groups) * 3 <= len(ordered) and all(_stacks(group, name) for group in groups):
                return groups, " and ".join(keys)
        raise
    for keys in _candidates(ordered):
        groups = _part(ordered, keys)
        if len(groups) == times and all(_most_at_one_place(group) == 1 for group in groups):
            return groups, " and ".join(keys)
    stack_affine(ordered, name)  # raises: names the place where images coincide
    raise AssertionError("unreachable: coinciding slices form no stack")


def _most_at_one_place(ordered: Sequence[Frame]) -> int:
    """How many slices lie at the fullest place."""
    normal = ordered[0].normal
    along = np.array([np.dot(normal, frame.position) for frame in ordered])  # type: ignore[arg-type]
    place = np.concatenate([[0], np.cumsum(np.diff(along) >= SAME_PLACE_MM)])
    return max(Counter(place.tolist()).values())


def _candidates(frames: Sequence[Frame]) -> list[tuple[str, ...]]:
    """Attributes that vary, one by one, then in pairs."""
    varying = [key for key in (*TELLING, "InstanceNumber") if len({frame.telling.get(key, "") for frame in frames}) > 1]
    return [(key,) for key in varying] + list(combinations(varying, 2))


def _part(ordered: Sequence[Frame], keys: tuple[str, ...]) -> list[list[Frame]]:
    groups: dict[tuple[str, ...], list[Frame]] = {}
    for frame in ordered:
        groups.setdefault(tuple(frame.telling.get(key, "") for key in keys), []).append(frame)
    return [groups[value] for value in sorted(groups, key=lambda value: [_rank(part) for part in value])]


def _rank(value: str) -> tuple[float, str]:
    """Numbers by size, then words."""
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value


def _stacks(group: Sequence[Frame], name: str) -> bool:
    try:
        stack_affine(group, name)
    except GeometryError:
        return False
    return True
