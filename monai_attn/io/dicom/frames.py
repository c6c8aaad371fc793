"""One slice: a classic DICOM file, or one frame of a multi-frame file, with its place in the patient.

All other modules of the room work with these frames, so that classic and enhanced files differ only here. Nothing is
checked but the rescale tags and the number of frames; `stack` checks the geometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError
from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicom.macros import number_at, numbers_at, text_at
from monai_attn.io.dicom.telling import telling
from monai_attn.wording import counted

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Frame", "check_frames", "frames_of"]

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

Vector = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice: a classic DICOM file, or one frame of an enhanced file.

    `position` and `orientation` are in DICOM's LPS+ millimetres and direction cosines. They are None where the header
    has no usable value. `spacing_mm` is as in DICOM: first the distance between rows, then between columns.

    `index` counts the frames of a file from 0. `slope` and `intercept` turn stored values into measured ones. `missing`
    names the rescale tags that the header lacks; the slope is 1 and the intercept 0 there.

    `telling` holds the attributes that may tell volumes apart, such as the echo time.

    `rows` and `columns` are the size of the slice in pixels, and 0 where the header lacks them.

    `thickness_mm` is SliceThickness and `spacing_between_mm` is SpacingBetweenSlices. Neither decides on the distance
    of slices where positions do.

    `stack` is the StackID of an enhanced file, else "".
    """

    path: Path
    index: int
    header: Dataset = field(repr=False)
    rows: int
    columns: int
    spacing_mm: Vector | None
    orientation: Vector | None
    position: Vector | None
    slope: float
    intercept: float
    missing: tuple[str, ...]
    rescale_type: str
    stack: str
    thickness_mm: float | None
    spacing_between_mm: float | None
    telling: dict[str, str] = field(repr=False)

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the slice in LPS+: direction along a row x direction along a column.

        Only for a frame with an orientation; `check_plane` refuses all others.
        """
        assert self.orientation is not None
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
        return unit


def frames_of(path: Path, header: Dataset) -> Iterator[Frame]:
    """The frames of one file, in the order of the file; one frame for a classic object.

    A frame takes each value from its own functional group, else from the shared one, else from the top of the header.
    Multi-frame images without functional groups give one frame, and are refused later.

    Raises `FileError` when the number of frames is contradictory, or when a rescale tag is no number.
    """
    rows, columns = int(number(header, "Rows") or 0), int(number(header, "Columns") or 0)
    check_frames(path, header)
    for index, places in enumerate(_places(header)):
        slope, intercept = number_at(places, "RescaleSlope"), number_at(places, "RescaleIntercept")
        yield Frame(
            path,
            index,
            header,
            rows,
            columns,
            spacing_mm=numbers_at(places, "PixelSpacing", 2),
            orientation=numbers_at(places, "ImageOrientationPatient", 6),
            position=numbers_at(places, "ImagePositionPatient", 3),
            slope=1.0 if slope is None else slope,
            intercept=0.0 if intercept is None else intercept,
            missing=_missing(header, slope, intercept),
            rescale_type=text_at(places, "RescaleType") or _table_type(header),
            stack=text_at(places, "StackID"),
            thickness_mm=number_at(places, "SliceThickness"),
            spacing_between_mm=number_at(places, "SpacingBetweenSlices"),
            telling=telling(places),
        )


def check_frames(path: Path, header: Dataset) -> None:
    """Raise `FileError` when the number of frames is contradictory, or when a rescale tag is no number."""
    described, count = len(header.get(PER_FRAME) or []), int(number(header, "NumberOfFrames") or 1)
    if described and described != count:
        raise FileError(
            f"{path.name} says it has {counted(count, 'frame')} but describes {described}. It is truncated or damaged; "
            "export it again."
        )
    for places in _places(header):
        for keyword in ("RescaleSlope", "RescaleIntercept"):
            if number_at(places, keyword) is None and (found := text_at(places, keyword)):
                raise FileError(f"{path.name}: {keyword} is {found[:40]!r}, not one number. Export the image again.")


def _places(header: Dataset) -> Iterator[list[Dataset]]:
    """For each frame, the data sets in which its values may stand, the nearest first."""
    groups = header.get(PER_FRAME) or []
    shared = (header.get(SHARED) or [None])[0]
    # Frames without a description of their own share everything; a thousand copies would say no more than one.
    for own in groups or [None]:
        yield [place for place in (own, shared, header) if place is not None]


def _table_type(header: Dataset) -> str:
    """What kind of values a Modality LUT gives, "" without such a table (PS3.3 C.11.1)."""
    tables = header.get("ModalityLUTSequence") or []
    return text(tables[0], "ModalityLUTType") if tables else ""


def _missing(header: Dataset, slope: float | None, intercept: float | None) -> tuple[str, ...]:
    """The rescale tags without a value, unless a Modality LUT takes their place (PS3.3 C.11.1)."""
    if header.get("ModalityLUTSequence"):
        return ()
    return tuple(tag for tag, value in (("RescaleSlope", slope), ("RescaleIntercept", intercept)) if value is None)
