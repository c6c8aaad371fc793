"""Where a value of a frame stands: in the frame's own functional group, the shared one, or the top of the header.

Classic DICOM files have one image and keep all at the top. Enhanced files hold many frames, and put shared values in
one place and values of a frame in another. `frames`, `telling` and the readers of segmentations ask here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from monai_attn.io.dicom.files import numbers, text

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["number_at", "numbers_at", "text_at"]

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
    "DiffusionDirectionality": "MRDiffusionSequence",
    "DimensionIndexValues": "FrameContentSequence",
    "TemporalPositionTimeOffset": "TemporalPositionSequence",
    "ComplexImageComponent": "MRImageFrameTypeSequence",
    "InversionTimes": "MRModifierSequence",
    "FlipAngle": "MRTimingAndRelatedParametersSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "ConvolutionKernel": "CTReconstructionSequence",
    "KVP": "CTXRayDetailsSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
}
"""Where an enhanced object keeps what a classic one has at the top (PS3.3 C.7.6.16)."""


def items_at(places: list[Dataset], keyword: str) -> Iterator[Dataset]:
    """The data sets in which a value of a frame may stand, the nearest first.

    In an enhanced object these are the frame's own functional group, then the shared one, then the top of the header
    (PS3.3 C.7.6.16). In a classic object it is the header.

    `places` must not be empty: the last of them is the header of the file.
    """
    macro = MACROS.get(keyword)
    for place in places[:-1]:
        if macro and place.get(macro):
            yield place[macro].value[0]
    yield places[-1]


def numbers_at(places: list[Dataset], keyword: str, count: int) -> tuple[float, ...] | None:
    """The nearest value that consists of `count` finite numbers, or None where there is none."""
    found = (numbers(item, keyword, count) for item in items_at(places, keyword))
    return next((value for value in found if value is not None), None)


def number_at(places: list[Dataset], keyword: str) -> float | None:
    """The nearest value that is one finite number, or None where there is none.

    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.SliceThickness = 5
    >>> number_at([header], "SliceThickness")
    5.0
    """
    found = numbers_at(places, keyword, 1)
    return found[0] if found else None


def text_at(places: list[Dataset], keyword: str) -> str:
    """The nearest value as text, "" where there is none. Several values have a backslash between them."""
    return next((value for item in items_at(places, keyword) if (value := text(item, keyword))), "")
