"""A DICOM object of structures, whole and with the kind of every value known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.errors import FileError
from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicomseg.source import silent
from monai_attn.io.foreign import foreign_errors

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.tag import BaseTag

__all__ = ["known_kinds", "read_object", "whole_number"]


def read_object(path: Path, classes: set[str], what: str) -> Dataset:
    """The whole DICOM object at a path, of one of the SOP classes; else `FileError`."""
    from pydicom import dcmread

    if not path.is_file():
        raise FileError(f"{path.name} is {'a folder' if path.is_dir() else 'not there'}; give the file of a {what}.")
    with foreign_errors(path, "It is a damaged or truncated DICOM file. Copy or export it again."), silent():
        dataset = dcmread(path, force=True)
        known_kinds(dataset)  # every sequence is parsed here, where a cut is caught
        found = dataset.get("SOPClassUID")
    if found not in classes:
        kind = f"a {found.name}" if found is not None else "no DICOM file"
        raise FileError(f"{path.name} is {kind}, not a {what}. Images are read with monai_attn.io.read.")
    return dataset


def known_kinds(dataset: Dataset) -> None:
    """Give every value of kind UN its kind from DICOM's dictionary, in all sequences.

    A contour above 64 kB has no room for its length in explicit kinds, so writers call it UN (PS3.5 6.2.2, note 2).
    Values of kind UN are stored in little endian and with implicit kinds.
    """
    from pydicom.dataelem import RawDataElement

    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and raw.VR in ("UN", None) and not tag.is_private:
            kind = _kind(tag)
            if kind and raw.VR == "UN":
                raw = raw._replace(VR=kind, is_implicit_VR=True, is_little_endian=True)
                dataset[tag] = raw
        else:
            kind = getattr(raw, "VR", None)
        if kind == "SQ":
            for item in dataset[tag].value:
                known_kinds(item)


def _kind(tag: BaseTag) -> str | None:
    """The kind of a value in DICOM's dictionary; None for what it does not know."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def whole_number(item: Dataset, keyword: str, name: str) -> int:
    """A whole number of 32 bits that must be there; else `FileError`."""
    found = number(item, keyword)
    if found is None or not found.is_integer() or abs(found) >= 2**31:
        raise FileError(f"{name}: {keyword} is {text(item, keyword) or 'missing'!r}, not a number. Export it again.")
    return int(found)
