"""Whose DICOM images are: of one patient or of several, and of which cases the patient is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monai_attn.cases.folders import entries, subfolders, walk
from monai_attn.cases.images import ImageFile
from monai_attn.io import is_dicom
from monai_attn.io.dicom.files import patient_digest, quiet, read_errors
from monai_attn.io.names import suffix_of

__all__ = ["patient_folders", "patient_of"]


def patient_folders(folder: Path) -> list[Path]:
    """The subfolders of a folder, when their DICOM files name more than one patient; else an empty list.

    Of each subfolder the header of one file is read. The patient's number serves to tell patients apart and is not
    kept. Subfolders whose files name no patient belong to nobody else, so they do not make several of one.
    """
    patients = {place: _patient(place) for place in subfolders(folder)}
    known = {patient for patient in patients.values() if patient}
    return [place for place, patient in patients.items() if patient is not None] if len(known) > 1 else []


def patient_of(image: ImageFile) -> str:
    """A digest that is equal for the DICOM images of one patient and names nobody.

    It is "" for an image that is no DICOM or names no patient, and for one of several series in a folder of several
    patients.
    """
    if image.path.is_file() and suffix_of(image.path):
        return ""
    numbers = _numbers(image.path)
    found = {next(numbers, "")} if image.series is None else set(numbers)
    return patient_digest(found.pop()) if len(found) == 1 else ""


def _patient(folder: Path) -> str | None:
    """The patient's number in the first DICOM file of a folder or below, "" where it is empty, None without DICOM."""
    return next(_numbers(folder), None)


def _numbers(place: Path) -> Iterator[str]:
    """The patient's number in each DICOM file of a folder and below, or in one file; "" where it is empty."""
    from pydicom import dcmread

    files = [place] if place.is_file() else (path for folder in walk(place) for path in entries(folder))
    for path in files:
        if not (path.is_file() and is_dicom(path)):
            continue
        try:
            with quiet():
                header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["PatientID", "SOPClassUID"])
                number = str(header.get("PatientID") or "").strip()
        except read_errors():
            continue  # the reader says what is wrong with it
        yield number
