"""Finding DICOM files and reading their headers."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.errors import FileError
from monai_attn.io.dicom.private import private_tags

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["dicom_files", "is_dicom", "number", "numbers", "quiet", "read_errors", "read_header", "text"]

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
"""Media Storage Directory: a DICOMDIR, a table of contents."""

RESCALE_TAGS = (0x00281052, 0x00281053)

FIRST_TAGS = (b"\x08\x00", b"\x02\x00", b"\x00\x08")
"""How a data set without the 128-byte preamble begins: group 0008 or 0002, or 0008 in big endian."""

HEADER_TAGS = [
    "SOPClassUID SOPInstanceUID Modality SeriesInstanceUID SeriesNumber SeriesDescription StructureSetLabel",
    "FrameOfReferenceUID SamplesPerPixel PhotometricInterpretation PixelRepresentation",
    "ImageType Rows Columns",
    "NumberOfFrames InstanceNumber",
    "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices",
    "RescaleSlope RescaleIntercept RescaleType LossyImageCompression PixelPaddingValue",
    "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence",
    "TemporalPositionIdentifier EchoNumbers EchoTime InversionTime DiffusionBValue DiffusionGradientOrientation",
    "TriggerTime NominalPercentageOfCardiacPhase FlipAngle AcquisitionNumber FrameReferenceTime",
    "AcquisitionDate AcquisitionTime SeriesDate SeriesTime ContentTime",
    "Units SUVType DecayCorrection CorrectedImage PatientWeight RadiopharmaceuticalInformationSequence",
    "TimezoneOffsetFromUTC ModalityLUTSequence",
]
"""All that is ever asked of a header; names and birth dates are not even parsed."""


READ_ERRORS: tuple[type[Exception], ...] = (AttributeError, EOFError, LookupError, OSError, TypeError, ValueError)
READ_ERRORS += (RuntimeError, MemoryError, struct.error)
"""What pydicom and its decoders raise on damaged files, beside pydicom's own errors."""


def read_errors() -> tuple[type[Exception], ...]:
    """`READ_ERRORS` and pydicom's own."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*READ_ERRORS, BytesLengthException, InvalidDicomError)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's remarks on the form of values to itself: they quote values, a patient's name among them.

    Every value that matters here is checked where it is used.
    """
    from pydicom import config

    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pydicom(\.|$)|pylibjpeg|openjpeg|libjpeg|rle")
            yield
    finally:
        config.settings.reading_validation_mode = before


def is_dicom(path: Path) -> bool:
    """Whether a file begins like DICOM, with or without the preamble."""
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    if start[128:] == b"DICM":
        return True
    # Group, element below 0x0100 (small in either byte order), then a length or a VR.
    return len(start) == 132 and start[:2] in FIRST_TAGS and 0 in start[2:4]


def dicom_files(folder: Path) -> list[Path]:
    """Every file in a folder and its subfolders that begins like DICOM, by name."""
    found = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if is_dicom(path))


def read_header(path: Path) -> Dataset | None:
    """The tags of `HEADER_TAGS`, or None where there is no DICOM object. `FileError` when the header is cut off."""
    from pydicom import dcmread

    tags: list[Any] = [tag for line in HEADER_TAGS for tag in line.split()] + private_tags()
    try:
        header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=tags)
        _parse(header)
        meta = getattr(header, "file_meta", None) or {}
        classes = {str(meta.get("MediaStorageSOPClassUID", "")), str(header.get("SOPClassUID", ""))}
        kind = "" if "SOPClassUID" not in header else header.SOPClassUID.name
    except read_errors() as error:
        if not _has_preamble(path):
            return None  # something else that happens to begin like DICOM
        raise FileError(f"{path.name} is a damaged or truncated DICOM file. Copy or export it again.") from error
    if not kind or DIRECTORY_CLASS in classes:
        return None
    if "Image Storage" in kind and not header.get("Rows"):
        raise FileError(f"{path.name} is a DICOM image cut off within its header. Copy or export it again.")
    return header


def _parse(header: Dataset) -> None:
    """Turn all bytes into values now, where damage is caught. A number of a wrong form counts as missing."""
    for tag in list(header.keys()):
        try:
            element = header[tag]
        except ValueError:
            if tag in RESCALE_TAGS:
                raise  # missing would mean 1 and 0
            del header[tag]
            continue
        if element.VR == "SQ":
            for inner in element.value:
                _parse(inner)


def _has_preamble(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def numbers(item: Dataset | None, keyword: str, count: int) -> tuple[float, ...] | None:
    """A value as that many finite numbers; None when it is missing, empty or anything else."""
    if item is None:
        return None
    try:
        value: Any = item.get(keyword)
        if value is None or value == "":
            return None
        parts = tuple(float(part) for part in ([value] if isinstance(value, (str, int, float)) else value))
    except (TypeError, ValueError):
        return None
    finite = all(abs(part) < float("inf") for part in parts)
    return parts if len(parts) == count and finite else None


def number(item: Dataset | None, keyword: str) -> float | None:
    """A value as one finite number; None when it is missing or anything else."""
    found = numbers(item, keyword, 1)
    return found[0] if found else None


def text(item: Dataset | None, keyword: str) -> str:
    """A value as text without blanks around it; several values with a backslash between, as in DICOM."""
    value: Any = None if item is None else item.get(keyword)
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    try:
        return "\\".join(str(part) for part in value)
    except TypeError:
        return str(value).strip()
