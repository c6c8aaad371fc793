"""Whether a folder of DICOM folders is one patient or several."""

from __future__ import annotations

from pathlib import Path

from monai_attn.cases.folders import entries, subfolders, walk
from monai_attn.io import is_dicom
from monai_attn.io.dicom.files import quiet, read_errors

__all__ = ["patient_folders"]


def patient_folders(folder: Path) -> list[Path]:
    """The subfolders of a folder, when their DICOM files name more than one patient; else an empty list.

    Of each subfolder the header of one file is read. The patient's number serves to tell patients apart and is not
    kept. Subfolders whose files name no patient belong to nobody else, so they do not make several of one.
    """
    patients = {place: _patient(place) for place in subfolders(folder)}
    known = {patient for patient in patients.values() if patient}
    return [place for place, patient in patients.items() if patient is not None] if len(known) > 1 else []


@quiet()
def _patient(folder: Path) -> str | None:
    """The patient's number in the first DICOM file of a folder or below, "" where it is empty, None without DICOM."""
    from pydicom import dcmread

    files = (path for place in walk(folder) for path in entries(place) if path.is_file() and is_dicom(path))
    for path in files:
        try:
            header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["PatientID", "SOPClassUID"])
            return str(header.get("PatientID") or "").strip()
        except read_errors():
            continue  # the reader says what is wrong with it
    return None
