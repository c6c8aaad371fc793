"""What a DICOM SEG or RTSTRUCT says of itself in its header: whose images it was drawn on, and its structures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.io.dicom.files import patient_digest, read_errors, text
from monai_attn.io.dicomseg.codes import read_code
from monai_attn.io.dicomseg.objects import quoted
from monai_attn.io.dicomseg.source import silent
from monai_attn.labels import Code

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Described", "described"]

WANTED = [
    *("ReferencedSeriesSequence", "ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID", "PatientID"),
    *("SegmentSequence", "StructureSetROISequence", "ROIContourSequence"),
]


@dataclass(frozen=True)
class Described:
    """The header of a file of structures.

    - `series`: UIDs of the image series that it was drawn on. `frames`: UIDs of the frames of reference.
    - `structures`: the name of each structure that has contours or a segment, and its code where it has one.
    - `patient`: a digest that is equal for files of one patient, "" where the patient is not named. It cannot be
      turned back.
    """

    series: frozenset[str] = frozenset()
    frames: frozenset[str] = frozenset()
    structures: tuple[tuple[str, Code | None], ...] = ()
    patient: str = ""


def described(path: Path) -> Described:
    """The header of a DICOM SEG or RTSTRUCT, without pixels; empty where it cannot be read."""
    from pydicom import dcmread

    wanted: list[Any] = list(WANTED)
    try:
        with silent():
            header = dcmread(path, force=True, stop_before_pixels=True, specific_tags=wanted)
            series, frames = set(), {text(header, "FrameOfReferenceUID")}
            for item in header.get("ReferencedSeriesSequence") or ():
                series.add(text(item, "SeriesInstanceUID"))
            for frame in header.get("ReferencedFrameOfReferenceSequence") or ():
                frames.add(text(frame, "FrameOfReferenceUID"))
                for study in frame.get("RTReferencedStudySequence") or ():
                    series |= {
                        text(item, "SeriesInstanceUID") for item in study.get("RTReferencedSeriesSequence") or ()
                    }
            structures = tuple(_structures(header))
            patient = patient_digest(text(header, "PatientID"))
    except read_errors():
        return Described()
    return Described(frozenset(series - {""}), frozenset(frames - {""}), structures, patient)


def _structures(header: Dataset) -> Iterator[tuple[str, Code | None]]:
    """Name and code of each segment, or of each region that has contours."""
    for item in header.get("SegmentSequence") or ():
        yield quoted(item, "SegmentLabel"), read_code(item, "SegmentedPropertyTypeCodeSequence")
    with_contours = {
        text(item, "ReferencedROINumber")
        for item in header.get("ROIContourSequence") or ()
        if item.get("ContourSequence")
    }
    for item in header.get("StructureSetROISequence") or ():
        if text(item, "ROINumber") in with_contours:
            yield quoted(item, "ROIName"), None
