"""A label map to RTSTRUCT contours on the series it was made from.

The file is made attribute by attribute here. `contours.outlines` gives the contours and `source` the series. Approval
is always UNAPPROVED: a person has to approve contours before anybody plans with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn import __version__
from monai_attn.errors import InputError
from monai_attn.io.atomic import atomic_path
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicomseg.codes import code_of, roi_type
from monai_attn.io.dicomseg.contours import outlines
from monai_attn.io.dicomseg.copied import MAY_BE_EMPTY, put_back
from monai_attn.io.dicomseg.objects import STRUCTURE_SET
from monai_attn.io.dicomseg.rt_items import COMPLETE
from monai_attn.io.dicomseg.rt_read import read_rtstruct
from monai_attn.io.dicomseg.seg_write import (
    CANNOT,
    MAKER,
    NOTICE,
    check_algorithm_type,
    check_read_back,
    series_number,
)
from monai_attn.io.dicomseg.source import Source, check_labels, checked_text, open_source, plane_of, silent
from monai_attn.io.foreign import foreign_errors
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import RAS_TO_LPS, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["write_rtstruct"]

LONGEST = 2**16 - 2
"""Bytes of a value of explicit kind with a length of 16 bits, which is even."""

STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management: retired, but what the referenced study is still called (PS3.3 C.8.8.5)."""


def write_rtstruct(
    labels: Volume,
    table: LabelTable,
    series_folder: str | Path,
    path: str | Path,
    *,
    algorithm: str,
    algorithm_version: str,
    algorithm_type: str = "AUTOMATIC",
    series: str | None = None,
    volume: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a label map as an RTSTRUCT, one region for each label of the table; ROI numbers are the label values.

    Contours run along the borders of the pixels, in mm: area and volume are those of the label map, and reading the
    file gives the same voxels. Labels without a voxel have no contours. Grid, identity, reading back and errors are as
    in `write_dicom_seg`. A file with a contour above 64 kB has implicit kinds of values. Source: DICOM PS3.3 A.19.

    `labels` is `(I, J, K)` on the grid of the series, and `path` is the file to write. `series` and `volume` choose
    among several, as in `monai_attn.io.read`. `algorithm` and its version are shown in viewers beside the regions;
    `algorithm_type` is one of `ALGORITHM_TYPES`.
    """
    check_algorithm_type(algorithm_type)
    path = Path(path)
    checked_text(algorithm, "The algorithm's name")
    checked_text(algorithm_version, "The algorithm's version")
    source = open_source(series_folder, series=series, volume=volume)
    check_labels(labels, table, source, Path(series_folder).name)
    with atomic_path(path, overwrite=overwrite) as temporary:
        with foreign_errors(path, CANNOT.format("DICOM RTSTRUCT"), kind=InputError), silent():
            made = _structure_set(labels, table, source, (algorithm, algorithm_version), algorithm_type)
            put_back(made, source.undecodable, implicit=made.file_meta.TransferSyntaxUID.is_implicit_VR)
            made.save_as(temporary, enforce_file_format=True)
        check_read_back(read_rtstruct(temporary, source.grid), labels, table, path.name)


def _structure_set(labels: Volume, table: LabelTable, source: Source, algorithm: tuple[str, str], kind: str) -> Dataset:
    """The whole object, not yet saved, with implicit kinds of values where a contour is too long for explicit ones."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import (
        PYDICOM_IMPLEMENTATION_UID,
        UID,
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        generate_uid,
    )

    drawn = [_contours(label, labels, source) for label in table]
    meta, first, now = FileMetaDataset(), source.first, datetime.now()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(STRUCTURE_SET), generate_uid()
    # Explicit kinds have two bytes for the length of a contour; others read no contour of kind UN.
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if any(map(_is_long, drawn)) else ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*MAY_BE_EMPTY, "StudyInstanceUID", "FrameOfReferenceUID"):
        setattr(made, keyword, first.get(keyword))
    made.SOPClassUID, made.SOPInstanceUID = STRUCTURE_SET, meta.MediaStorageSOPInstanceUID
    made.Modality, made.SeriesInstanceUID, made.InstanceNumber = "RTSTRUCT", generate_uid(), 1
    made.SeriesNumber = series_number(first)
    made.SeriesDescription = f"Contours by {algorithm[0]}"[:64].rstrip()
    made.OperatorsName = ""
    made.Manufacturer = made.ManufacturerModelName = MAKER
    made.SoftwareVersions = __version__
    made.StructureSetLabel, made.StructureSetName = "SEGMENTATION", "Segmentation"
    made.StructureSetDescription = f"{NOTICE} {' '.join(algorithm)}"
    made.StructureSetDate, made.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.ApprovalStatus = "UNAPPROVED"
    made.ReferencedFrameOfReferenceSequence = [_referenced(source)]
    made.StructureSetROISequence = [_region(label, source, algorithm, kind) for label in table]
    made.ROIContourSequence = drawn
    made.RTROIObservationsSequence = [_observation(label) for label in table]
    return made


def _referenced(source: Source) -> Dataset:
    """The frame of reference, and the study, series and images in it."""
    images = [_image(header) for header in source.headers.values()]
    series = _item(SeriesInstanceUID=source.first.SeriesInstanceUID, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID=STUDY_CLASS,
        ReferencedSOPInstanceUID=source.first.StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=source.grid.frame_of_reference, RTReferencedStudySequence=[study])


def _image(header: Dataset, frame: Frame | None = None) -> Dataset:
    """A reference to an image of the series, with the number of the frame, from 1, where the file has several."""
    item = _item(ReferencedSOPClassUID=header.SOPClassUID, ReferencedSOPInstanceUID=header.SOPInstanceUID)
    if frame is not None and "NumberOfFrames" in header:
        item.ReferencedFrameNumber = frame.index + 1
    return item


def _region(label: Label, source: Source, algorithm: tuple[str, str], kind: str) -> Dataset:
    """The description of a label as a region of interest (PS3.3 C.8.8.5), with its number, name and algorithm."""
    return _item(
        ROINumber=label.value,
        ReferencedFrameOfReferenceUID=source.grid.frame_of_reference,
        ROIName=label.name,
        ROIDescription=COMPLETE,
        ROIGenerationAlgorithm=kind,
        ROIGenerationDescription=" ".join(algorithm)[:64].rstrip(),
    )


def _contours(label: Label, labels: Volume, source: Source) -> Dataset:
    """The colour and the contours of one label, each with a reference to its image (PS3.3 C.8.8.6).

    Points are in LPS+ mm, in the plane of the slice that the contour was drawn on, rounded to 10 nm. A label without
    voxels has no ContourSequence.
    """
    item = _item(ReferencedROINumber=label.value, ROIDisplayColor=[round(255 * part) for part in label.rgb])
    contours = []
    for k, points in _polygons(labels.array == label.value):
        frame = source.frames[k]
        flat = np.column_stack([points, np.zeros(len(points)), np.ones(len(points))])  # (n, 4), in the slice itself
        lps = flat @ (RAS_TO_LPS @ plane_of(frame)).T
        contours.append(
            _item(
                ContourImageSequence=[_image(source.headers[frame.path], frame)],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(points),
                ContourData=[f"{x:.5f}" for x in lps[:, :3].ravel()],  # 16 characters at most, 10 nm
            )
        )
    if contours:
        item.ContourSequence = contours
    return item


def _is_long(item: Dataset) -> bool:
    """Whether a contour needs more bytes than explicit kinds can count, in numbers of up to 16 characters."""
    return any(17 * len(line.ContourData) > LONGEST for line in item.get("ContourSequence") or [])


def _polygons(mask: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """For each slice with a voxel, its index k and each outline `(n, 2)` in it, in pixel indices (column, row)."""
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        for polygon in outlines(mask[:, :, k]):
            yield int(k), polygon


def _observation(label: Label) -> Dataset:
    """What the region stands for: its code, and GTV or ORGAN (PS3.3 C.8.8.8)."""
    code = code_of(label)
    coded = _item(CodeValue=code.value, CodingSchemeDesignator=code.scheme, CodeMeaning=code.meaning)
    return _item(
        ObservationNumber=label.value,
        ReferencedROINumber=label.value,
        RTROIIdentificationCodeSequence=[coded],
        RTROIInterpretedType=roi_type(label),
        ROIInterpreter="",
    )


def _item(**values: object) -> Dataset:
    """A data set with these attributes, by keyword."""
    from pydicom import Dataset

    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
