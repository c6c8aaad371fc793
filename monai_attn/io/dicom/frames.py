"""One slice: a classic DICOM file, or one frame of a multi-frame file, with its place in the patient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError
from monai_attn.io.dicom.files import number, numbers, text

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Frame", "frames_of"]

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

MACROS = {
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "StackID": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
}
"""Where an enhanced object keeps what a classic one has at the top (PS3.3 C.7.6.16)."""

TELLING = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "EchoNumbers",
    "EchoTime",
    "EffectiveEchoTime",
    "InversionTime",
    "DiffusionBValue",
    "ImageType",
    "FrameType",
    "NominalPercentageOfCardiacPhase",
    "NominalCardiacTriggerDelayTime",
    "TriggerTime",
    "FlipAngle",
    "FrameReferenceTime",
    "AcquisitionNumber",
    "FrameAcquisitionNumber",
    "DiffusionGradientOrientation",
    "AcquisitionTime",
    "ContentTime",
)
"""What may tell apart the volumes of one series, the most meaningful first."""

FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")

Vector = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """Geometry in DICOM's LPS+ millimetres; None where the header has no usable value.

    `spacing_mm` is as in DICOM: between rows, then between columns. `index` counts the frames of a file from 0.
    `missing` names the rescale tags that the header lacks; `slope` and `intercept` are 1 and 0 there.
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
        """Unit normal of the slice: row direction x column direction, LPS+."""
        assert self.orientation is not None
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
        return unit


def frames_of(path: Path, header: Dataset) -> Iterator[Frame]:
    """The frames of one file, in the order of the file. Raises `FileError` when their number is contradictory."""
    rows, columns = int(number(header, "Rows") or 0), int(number(header, "Columns") or 0)
    groups = header.get(PER_FRAME) or []
    count = int(number(header, "NumberOfFrames") or 1)
    if groups and len(groups) != count:
        raise FileError(
            f"{path.name} says it has {count} frames but describes {len(groups)}. It is truncated or damaged; "
            "export it again."
        )
    shared = (header.get(SHARED) or [None])[0]
    # Frames without a description of their own share everything; a thousand copies would say no more than one.
    for index in range(len(groups) or 1):
        places = [place for place in (groups[index] if groups else None, shared, header) if place is not None]
        slope, intercept = _number(places, "RescaleSlope"), _number(places, "RescaleIntercept")
        for value, keyword in ((slope, "RescaleSlope"), (intercept, "RescaleIntercept")):
            if value is None and (found := _text(places, keyword)):
                raise FileError(f"{path.name}: {keyword} is {found!r}, not one number. Export the image again.")
        yield Frame(
            path,
            index,
            header,
            rows,
            columns,
            spacing_mm=_numbers(places, "PixelSpacing", 2),
            orientation=_numbers(places, "ImageOrientationPatient", 6),
            position=_numbers(places, "ImagePositionPatient", 3),
            slope=1.0 if slope is None else slope,
            intercept=0.0 if intercept is None else intercept,
            missing=_missing(header, slope, intercept),
            rescale_type=_text(places, "RescaleType"),
            stack=_text(places, "StackID"),
            thickness_mm=_number(places, "SliceThickness"),
            spacing_between_mm=_number(places, "SpacingBetweenSlices"),
            telling=_telling(places),
        )


def _missing(header: Dataset, slope: float | None, intercept: float | None) -> tuple[str, ...]:
    """The rescale tags without a value, unless a Modality LUT takes their place (PS3.3 C.11.1)."""
    if header.get("ModalityLUTSequence"):
        return ()
    return tuple(tag for tag, value in (("RescaleSlope", slope), ("RescaleIntercept", intercept)) if value is None)


def _items(places: list[Dataset], keyword: str) -> Iterator[Dataset]:
    """Where a value may stand, nearest first: the frame's own macro, the shared macro, the top of the header."""
    macro = MACROS.get(keyword)
    for place in places[:-1]:
        if macro and place.get(macro):
            yield place[macro].value[0]
    yield places[-1]


def _numbers(places: list[Dataset], keyword: str, count: int) -> Vector | None:
    found = (numbers(item, keyword, count) for item in _items(places, keyword))
    return next((value for value in found if value is not None), None)


def _number(places: list[Dataset], keyword: str) -> float | None:
    found = _numbers(places, keyword, 1)
    return found[0] if found else None


def _text(places: list[Dataset], keyword: str) -> str:
    return next((value for item in _items(places, keyword) if (value := text(item, keyword))), "")


def _telling(places: list[Dataset]) -> dict[str, str]:
    found = {keyword: value for keyword in TELLING if (value := _text(places, keyword))}
    for place in places[:-1]:
        for sequence in FRAME_TYPES:
            if place.get(sequence):
                found.setdefault("FrameType", text(place[sequence].value[0], "FrameType"))
    if len(places) > 1:
        found["InstanceNumber"] = text(places[-1], "InstanceNumber")  # some vendors write one file per time point
    return found
