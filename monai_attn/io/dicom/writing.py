"""A volume as a DICOM series, for samples and tests: no patient is behind it, and the header says so.

To give a mask back to an archive, use `write_dicom_seg`; images of patients are not written here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monai_attn.errors import InputError
from monai_attn.io.atomic import atomic_path
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from pydicom import FileDataset

__all__ = ["series_files", "write_series"]

SOP_CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
"""The storage classes "CT Image" and "MR Image"."""

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
"""Volumes are in RAS+, DICOM is in LPS+."""

NAME = "monai_attn^Sample"
"""In the place of a patient's name."""


def series_files(volume: Volume, folder: str | Path) -> list[Path]:
    """The files that `write_series` writes: one for each slice along K, numbered from 0001."""
    return [Path(folder) / f"IM{k + 1:04d}.dcm" for k in range(volume.shape[2])]


def write_series(
    volume: Volume, folder: str | Path, *, modality: str, description: str, overwrite: bool = False
) -> list[Path]:
    """Write a volume `(I, J, K)` of 16-bit integers as a series: one file for each slice along K. Gives the files.

    Position and orientation of each slice are those of the volume's affine, in DICOM's LPS+ millimetres. The UIDs come
    from the description, so that two runs write the same files.

    Raises `InputError` for values that are not 16-bit integers, and for another modality than CT or MR. Raises
    `FileError` when a file exists and `overwrite` is not set.

    >>> import tempfile
    >>> head = Volume(np.zeros((4, 5, 3), np.int16), np.eye(4))
    >>> with tempfile.TemporaryDirectory() as place:
    ...     [path.name for path in write_series(head, place, modality="MR", description="empty")]
    ['IM0001.dcm', 'IM0002.dcm', 'IM0003.dcm']
    """
    if modality not in SOP_CLASSES:
        raise InputError(f"A series of {modality} cannot be written; choose one of {', '.join(SOP_CLASSES)}.")
    if volume.array.dtype != np.int16:
        raise InputError(
            f"A series holds 16-bit integers, and these values are {volume.array.dtype}. Round them first."
        )
    files = series_files(volume, folder)
    for k, path in enumerate(files):
        with atomic_path(path, overwrite=overwrite) as temporary:
            _slice(volume, k, modality, description).save_as(temporary, enforce_file_format=True)
    return files


def _slice(volume: Volume, k: int, modality: str, description: str) -> FileDataset:
    """One slice of the series, with its place in the patient."""
    from pydicom import FileDataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    def uid(*words: str) -> UID:
        return generate_uid(entropy_srcs=["monai_attn", modality, description, *words])

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(SOP_CLASSES[modality])
    meta.MediaStorageSOPInstanceUID = uid("instance", str(k))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = uid("study"), uid("series"), uid("frame")
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = NAME, "SAMPLE", "", ""
    made.StudyDate = made.StudyTime = made.AccessionNumber = made.ReferringPhysicianName = made.StudyID = ""
    made.Modality, made.SeriesDescription, made.SeriesNumber, made.InstanceNumber = modality, description, 1, k + 1
    made.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    along_rows, along_columns = (volume.directions[:, axis] * RAS_TO_LPS for axis in (0, 1))
    made.ImageOrientationPatient = [round(float(x), 9) for x in (*along_rows, *along_columns)]
    made.ImagePositionPatient = [round(float(x), 6) for x in volume.to_world([0, 0, k]) * RAS_TO_LPS]
    made.PixelSpacing = [float(volume.spacing_mm[1]), float(volume.spacing_mm[0])]  # between rows, between columns
    made.SliceThickness = float(volume.spacing_mm[2])
    if modality == "CT":
        made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, 0, "HU"
    pixels = np.ascontiguousarray(volume.array[:, :, k].T)  # (rows, columns)
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.PixelData = pixels.astype("<i2").tobytes()
    made["PixelData"].VR = "OW"
    return made
