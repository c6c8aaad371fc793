"""The headers of DICOM files: read without the pixels, checked for damage, and whether they hold an image.

Reading the headers alone keeps the listing of a large folder fast, and keeps names and birth dates out of memory.
`reading` calls this module; the pixels are read later, in `pixels`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from monai_attn.errors import FileError
from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.folders import Unread, has_preamble
from monai_attn.io.dicom.frames import check_frames
from monai_attn.io.dicom.private import private_tags
from monai_attn.io.foreign import is_foreign

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_header", "read_headers", "uids_of"]

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
"""Media Storage Directory: a DICOMDIR, a table of contents."""

DIRECTORY = "Media Storage Directory Storage"
"""The name that pydicom has for this class."""

DEFLATED = "1.2.840.10008.1.2.1.99"
"""A transfer syntax whose header is unpacked before it is read, so that places in the file say nothing."""

PICTURES = {"CT", "MR", "PT", "NM"}
"""Modalities of which every object has pixels."""

SERIES_UID, OBJECT_UID, MODALITY = 0x0020000E, 0x00080018, 0x00080060
"""Tags by number, as `read_partial` of pydicom needs them."""

RESCALE_TAGS = (0x00281052, 0x00281053)
"""RescaleIntercept and RescaleSlope: a faulty number in them is never taken for a missing one."""

HEADER_TAGS = [
    "SpecificCharacterSet SOPClassUID SOPInstanceUID Modality StructureSetLabel StructureSetROISequence",
    "SeriesInstanceUID SeriesNumber SeriesDescription",
    "FrameOfReferenceUID SamplesPerPixel PhotometricInterpretation PixelRepresentation BitsAllocated BitsStored",
    "ImageType Rows Columns",
    "NumberOfFrames InstanceNumber",
    "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices",
    "RescaleSlope RescaleIntercept RescaleType LossyImageCompression PixelPaddingValue",
    "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence",
    "TemporalPositionIdentifier EchoNumbers EchoTime InversionTime DiffusionBValue DiffusionGradientOrientation",
    "TriggerTime NominalPercentageOfCardiacPhase FlipAngle AcquisitionNumber FrameReferenceTime",
    "DiffusionDirectionality RepetitionTime KVP ConvolutionKernel SequenceName TemporalPositionTimeOffset",
    "AcquisitionDate AcquisitionTime AcquisitionDateTime SeriesDate SeriesTime ContentTime",
    "Units SUVType DecayCorrection CorrectedImage PatientWeight RadiopharmaceuticalInformationSequence",
    "TimezoneOffsetFromUTC ModalityLUTSequence",
]
"""All that is ever asked of a header; names and birth dates are not even parsed."""


class Uids(NamedTuple):
    """To which series a file belongs, and which object it holds: series UID, modality, object UID."""

    series: str
    modality: str
    object: str


def read_header(path: Path) -> Dataset | None:
    """The header of a DICOM file without its pixels, with the tags of `HEADER_TAGS`; None where it is no DICOM object.

    A DICOMDIR gives None too. The kind of object (SOPClassUID) may be missing or empty, as anonymisers leave it. It is
    then taken from the meta information of the file, or from what else the header holds.

    Raises `FileError` when the header is damaged, cut off or contradictory, when an image has no pixels, or when the
    file may not be read.
    """
    from pydicom import dcmread

    try:
        with path.open("rb") as stream:
            header = dcmread(stream, stop_before_pixels=True, force=True, specific_tags=_wanted())
            # Reading stops at the pixels; where it went on to the end of the file there are none.
            no_pixels = stream.tell() >= os.fstat(stream.fileno()).st_size
        _parse(header)
        kind = _class_name(header)
    except PermissionError as error:
        raise FileError(f"{path.name} may not be read: permission denied. Ask for access to it.") from error
    except BaseException as error:
        if not is_foreign(error):
            raise
        if not has_preamble(path):
            return None  # something else that happens to begin like DICOM
        raise FileError(f"{path.name} is a damaged or truncated DICOM file. Copy or export it again.") from error
    if kind == DIRECTORY:
        return None
    modality, named = text(header, "Modality"), kind and not kind[0].isdigit()
    nothing = not (named or modality or text(header, "SeriesInstanceUID"))
    if not header.get("Rows") and not named and not (not kind and modality in PICTURES):
        if nothing and has_preamble(path):
            raise FileError(f"{path.name} is a DICOM file cut off within its header. Copy or export it again.")
        return header if modality else None
    if not named or "Image Storage" in kind:
        deflated = text(getattr(header, "file_meta", None), "TransferSyntaxUID") == DEFLATED
        if not header.get("Rows") or (no_pixels and not deflated):
            raise FileError(f"{path.name} is a DICOM image cut off within its header. Copy or export it again.")
        if modality != "SEG":
            check_frames(path, header)
    return header


@cache
def _wanted() -> list[Any]:
    """The tags of `HEADER_TAGS` and the private ones, as pydicom has them inside."""
    from pydicom.tag import Tag

    names: list[Any] = [tag for line in HEADER_TAGS for tag in line.split()]
    return [Tag(tag) for tag in names + private_tags()]


def read_headers(paths: Iterable[Path]) -> tuple[list[tuple[Path, Dataset]], list[Unread]]:
    """The headers of those files that are DICOM objects, with their paths; and the files that are damaged.

    Files that are no DICOM objects are in neither list. No path gives two empty lists. No error is raised: the second
    list holds the sentences.
    """
    found, damaged = [], []
    for path in paths:
        try:
            header = read_header(path)
        except FileError as error:
            damaged.append(Unread(path, str(error), surely_dicom=True, series=uids_of(path).series))
            continue
        if header is not None:
            found.append((path, header))
    return found, damaged


def uids_of(path: Path) -> Uids:
    """To which series a file belongs, read without the rest of its header; fields are "" where missing or damaged.

    Reading stops behind the series UID, so that a folder of thousands of files is searched quickly. Raises nothing for
    a damaged file.
    """
    from pydicom.filereader import read_partial

    try:
        with path.open("rb") as stream:
            wanted: list[Any] = [MODALITY, SERIES_UID, OBJECT_UID]
            part = read_partial(stream, lambda tag, *_: tag > SERIES_UID, force=True, specific_tags=wanted)
        return Uids(*(text(part, keyword) for keyword in ("SeriesInstanceUID", "Modality", "SOPInstanceUID")))
    except BaseException as error:
        if not is_foreign(error):
            raise
        return Uids("", "", "")


def _class_name(header: Dataset) -> str:
    """The name of the SOP class, from the object or its meta information; a number for a private one, "" for none."""
    from pydicom.uid import UID

    classes = [text(header, "SOPClassUID"), text(getattr(header, "file_meta", None), "MediaStorageSOPClassUID")]
    names = [UID(one).name for one in classes if one]
    named = [name for name in names if name and not name[0].isdigit()]
    return DIRECTORY if DIRECTORY_CLASS in classes else next(iter(named or names), "")


def _parse(header: Dataset) -> None:
    """Turn all bytes into values now, where damage is caught. A number of a wrong form counts as missing.

    Raises `ValueError` for RescaleSlope or RescaleIntercept of a wrong form, since a missing one is taken as 1 or 0.
    """
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
