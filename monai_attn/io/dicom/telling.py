"""What may tell apart the volumes that one series holds: echoes, times, b-values, gradients, kinds of image.

A diffusion series holds one volume for each b-value, a dynamic series one for each time point. `volumes` tries these
attributes, from the most meaningful one on. Only attributes with a value in the file are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.macros import text_at
from monai_attn.io.dicom.private import private_text

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["TELLING", "telling"]

DIMENSIONS = tuple(f"DimensionIndexValues {place}" for place in range(1, 9))
"""The places of a frame along the dimensions that an enhanced object names, one by one (PS3.3 C.7.6.17)."""

TELLING = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "EchoNumbers",
    "EchoTime",
    "EffectiveEchoTime",
    "InversionTime",
    "InversionTimes",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "DiffusionDirectionality",
    "ImageType",
    "FrameType",
    "ComplexImageComponent",
    "NominalPercentageOfCardiacPhase",
    "NominalCardiacTriggerDelayTime",
    "TriggerTime",
    "FlipAngle",
    "RepetitionTime",
    "KVP",
    "ConvolutionKernel",
    "SequenceName",
    "TemporalPositionTimeOffset",
    *DIMENSIONS,
    "FrameReferenceTime",
    "AcquisitionNumber",
    "FrameAcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
)
"""The most meaningful first."""

FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")
"""Where enhanced objects of MRI, CT and PET say what kind of image a frame is."""

GRADIENT = "DiffusionGradientOrientation"
"""DICOM's keyword for the direction in which diffusion was measured."""

B_VALUES = ("philips b-value", "siemens b-value", "ge b-value")
"""Names in `private.PRIVATE`, the first with a value counts."""

GRADIENTS = (
    ("philips gradient x", "philips gradient y", "philips gradient z"),
    ("siemens gradient",),
    ("ge gradient x", "ge gradient y", "ge gradient z"),
)
"""Private tags, for series without the public ones."""


def telling(places: list[Dataset]) -> dict[str, str]:
    """The values of the attributes in `TELLING` for one frame, by keyword, as text.

    `places` are the functional groups of the frame and its header, the nearest first. In an enhanced object the
    b-value, the gradient and DimensionIndexValues stand in the functional groups. In a classic object without public
    b-values, the private ones of GE, Philips and Siemens are taken.

    Attributes without a value are absent. InstanceNumber is always there for a frame of an enhanced file.
    """
    found = {keyword: value for keyword in TELLING if (value := text_at(places, keyword))}
    for place in places[:-1]:
        for sequence in FRAME_TYPES:
            if place.get(sequence):
                found.setdefault("FrameType", text(place[sequence].value[0], "FrameType"))
        gradient = _gradient(place)
        if gradient:
            found.setdefault(GRADIENT, gradient)
    index = text_at(places, "DimensionIndexValues")
    found.update(zip(DIMENSIONS, index.split("\\") if index else (), strict=False))
    if len(places) > 1:
        found["InstanceNumber"] = text(places[-1], "InstanceNumber")  # some vendors write one file per time point
    else:
        found.update({key: value for key, value in _private(places[0]).items() if value and key not in found})
    return found


def _gradient(group: Dataset) -> str:
    """The direction of diffusion of an enhanced frame, two sequences deep."""
    for diffusion in group.get("MRDiffusionSequence") or ():
        for direction in diffusion.get("DiffusionGradientDirectionSequence") or ():
            return text(direction, GRADIENT)
    return ""


def _private(header: Dataset) -> dict[str, str]:
    """The b-value and the gradient of a classic file from private tags, "" where no vendor's tag has a value.

    A vendor may write further numbers behind the b-value; only the first number is taken.
    """
    b_values = (private_text(header, name).partition("\\")[0] for name in B_VALUES)
    gradients = ("\\".join(filter(None, (private_text(header, part) for part in names))) for names in GRADIENTS)
    return {"DiffusionBValue": next(filter(None, b_values), ""), GRADIENT: next(filter(None, gradients), "")}
