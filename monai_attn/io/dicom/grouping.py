"""Which images are one series: by UID and modality, then by what must be equal in a stack.

A folder of one examination holds scouts, slabs, reformats and single screenshots under one series UID. Grouping
separates them before anything is sorted. Echoes or time points in the same place stay together; `volumes` parts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.errors import GeometryError
from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.frames import Frame, frames_of
from monai_attn.io.dicom.stack import check_plane
from monai_attn.io.dicom.volumes import split_volumes

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["COSINE_TOLERANCE", "Group", "grouped"]

COSINE_TOLERANCE = 1e-3
"""Direction cosines that differ by less are one orientation (0.06 degrees)."""

NEARLY = 0.02
"""Direction cosines that differ by less (1 degree) are those of a slice that belongs to the stack and fits badly."""

FEW = 3
"""Fewer images than this beside a larger stack of the same series are strays of it."""

NOT_IMAGES = {"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "SR", "PR", "KO", "REG", "FID", "RWV", "DOC", "SM"}
"""Modalities that are no pictures of a patient in slices; they are left out and counted."""


@dataclass(frozen=True)
class Group:
    """The images of one series, before they are sorted.

    `notes` say how the images came together, and which images were kept apart. `refusal` is a sentence when an image
    does not fit into the stack; it is "" otherwise.
    """

    frames: tuple[Frame, ...]
    notes: tuple[str, ...] = ()
    refusal: str = ""


def grouped(headers: Iterable[tuple[Path, Dataset]]) -> tuple[list[Group], Counter[str]]:
    """The image series among headers, and a count by modality of the objects without images.

    Images belong together that share the series UID, the modality, the matrix, the pixel spacing, the orientation, the
    StackID and the frame of reference. Where the UID was emptied, the series number and the description take its place.

    One or two images beside a stack are noted with the attribute that differs. If such an image is tilted by less than
    one degree against the stack, the series is refused: the slice belongs to the stack and does not fit.

    Single slices with a UID each are joined when three or more of them form one even stack, with a note.

    No header gives an empty list and an empty count. Raises `FileError` for a header that contradicts itself, as
    `frames_of` does.
    """
    series: dict[tuple[str, ...], list[list[Frame]]] = {}
    others: Counter[str] = Counter()
    for path, header in headers:
        modality = text(header, "Modality")
        if modality in NOT_IMAGES or not header.get("Rows"):
            others[modality or "object without an image"] += 1
            continue
        uid = text(header, "SeriesInstanceUID")
        alone = () if uid else (text(header, "SeriesNumber"), text(header, "SeriesDescription"))
        alike = series.setdefault((uid, modality, *alone), [])
        _add(alike, frames_of(path, header))
    for key in [key for key in series if not key[1]]:  # a slice without Modality belongs to its series all the same
        homes = [other for other in series if other[0] == key[0] and other[1]]
        if key[0] and len(homes) == 1:
            _add(series[homes[0]], [frame for group in series.pop(key) for frame in group])
    groups = [group for key in sorted(series) for group in _with_strays(series[key])]
    return _joined(groups), others


def _add(alike: list[list[Frame]], frames: Iterable[Frame]) -> None:
    """Put each image to the group it belongs to, or begin one."""
    for frame in frames:
        home = next((group for group in alike if not _difference(frame, group[0])), None)
        if home is None:
            alike.append([frame])
        else:
            home.append(frame)


def _difference(one: Frame, other: Frame, *, but_place: bool = False) -> str:
    """What keeps an image out of the stack of another, to be read after "its"; "" when they belong together.

    With `but_place`, the frame of reference is not compared. The order is from the coarse to the fine, and the first
    difference is the answer.
    """
    if (one.rows, one.columns) != (other.rows, other.columns):
        return f"matrix is {one.columns} x {one.rows}, not {other.columns} x {other.rows}"
    if one.stack != other.stack:
        return f"StackID is {one.stack or 'missing'}, not {other.stack or 'missing'}"
    if not but_place and text(one.header, "FrameOfReferenceUID") != text(other.header, "FrameOfReferenceUID"):
        return "FrameOfReferenceUID differs"
    if text(one.header, "SamplesPerPixel") != text(other.header, "SamplesPerPixel"):
        return "SamplesPerPixel differs"
    for keyword, values in (
        ("ImagePositionPatient", (one.position, other.position)),
        ("ImageOrientationPatient", (one.orientation, other.orientation)),
        ("PixelSpacing", (one.spacing_mm, other.spacing_mm)),
    ):
        if (values[0] is None) != (values[1] is None):
            return f"{keyword} is {'missing' if values[0] is None else 'not missing, as elsewhere'}"
    if _apart(one.spacing_mm, other.spacing_mm) > 1e-4 * max(other.spacing_mm or (0.0,)):
        return f"PixelSpacing is {one.spacing_mm} mm, not {other.spacing_mm} mm"
    if _turned(one, other) > COSINE_TOLERANCE:
        return f"ImageOrientationPatient differs by {_turned(one, other):.2g}"
    return ""


def _turned(one: Frame, other: Frame) -> float:
    """The largest difference of the direction cosines of two images; 0 where either has none."""
    return _apart(one.orientation, other.orientation)


def _apart(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> float:
    """The largest difference between two lists of numbers, place by place; 0 where either list is missing."""
    if one is None or other is None:
        return 0.0
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _with_strays(alike: Sequence[list[Frame]]) -> list[Group]:
    """The groups of one series; a few images beside a stack are mentioned, or make it unusable where they fit badly."""
    largest = max(alike, key=len)
    strays = [group for group in alike if len(group) < FEW <= len(largest)]
    notes: list[str] = []
    refusal = ""
    joined = list(largest)
    kept = []
    for group in strays:
        stray, why = group[0], _difference(group[0], largest[0])
        if why.startswith("ImageOrientationPatient differs") and _turned(stray, largest[0]) <= NEARLY:
            joined += group
            refusal = (
                f"{stray.path.name} does not lie parallel to the other slices: its {why}. "
                "Export the series again, or resample it to parallel slices first."
            )
        else:
            kept.append(group)
            count = f"{len(group)} images of this series are" if len(group) > 1 else "One image of this series is"
            notes.append(f"{count} kept apart ({stray.path.name}): its {why}.")
    return [
        Group(tuple(joined), (*notes, *_stack_note(group, alike)), refusal)
        if group is largest
        else Group(tuple(group), _stack_note(group, alike))
        for group in alike
        if group is largest or group in kept or group not in strays
    ]


def _stack_note(group: Sequence[Frame], alike: Sequence[Sequence[Frame]]) -> tuple[str, ...]:
    """A note where the series has further stacks of the same orientation, as slabs are, by StackID."""
    first = group[0]
    stacks = {one[0].stack for one in alike if one[0].stack and _turned(one[0], first) <= COSINE_TOLERANCE}
    if len(stacks) < 2 or first.stack not in stacks:
        return ()
    return (f"This is one of {len(stacks)} stacks of the series (StackID); the others are series of their own.",)


def _joined(groups: Sequence[Group]) -> list[Group]:
    """Single slices with a series UID of their own, as some anonymisers make them, as the series that they were."""
    families: list[list[Group]] = []
    for group in groups:
        if len(group.frames) == 1 and _kind(group.frames[0]) is not None:
            home = next((family for family in families if _one_family(group.frames[0], family[0].frames[0])), None)
            if home is None:
                families.append([group])
            else:
                home.append(group)
    replaced: dict[int, Group | None] = {}
    for family in families:
        own = _own(family)
        if len(family) < FEW or not own:
            continue
        frames = tuple(group.frames[0] for group in family)
        replaced |= {id(group): None for group in family}
        if _is_stack(frames):
            note = f"Each of the {len(frames)} slices has a {own} of its own; they form one stack and were joined."
            replaced[id(family[0])] = Group(frames, (note,))
            continue
        for group in family:
            note = f"One of {len(frames)} images that look like slices of one series, each with a {own} of its own."
            replaced[id(group)] = Group(group.frames, (note, *group.notes))
    found = (replaced.get(id(group), group) for group in groups)
    return [group for group in found if group is not None]


def _kind(frame: Frame) -> tuple[str, ...] | None:
    """What slices of one series share beside their grid; None for images without a place."""
    if frame.position is None or frame.orientation is None or frame.spacing_mm is None:
        return None
    return tuple(text(frame.header, keyword) for keyword in ("Modality", "SeriesNumber", "SeriesDescription"))


def _one_family(one: Frame, other: Frame) -> bool:
    """Whether two single slices may be of one series: same grid and same description, whatever their UIDs are."""
    return _kind(one) == _kind(other) and not _difference(one, other, but_place=True)


def _own(family: Sequence[Group]) -> str:
    """What each image of a family has for itself alone: a series UID, or a frame of reference.

    "" where two images share both.
    """
    for keyword, words in (("SeriesInstanceUID", "series UID"), ("FrameOfReferenceUID", "frame of reference")):
        if len({text(group.frames[0].header, keyword) for group in family}) == len(family):
            return words
    return ""


def _is_stack(frames: Sequence[Frame]) -> bool:
    """Whether slices form one even stack of `FEW` slices or more, or several volumes of such a size."""
    try:
        check_plane(frames[0], "")
        stacks, _ = split_volumes(frames, "")
    except GeometryError:
        return False
    return len(stacks[0]) >= FEW
