"""A DICOM object of structures, whole and with the kind of every value known.

The readers of SEG and RTSTRUCT begin here. Whole objects are read, pixels and contours included; identity of the
patient is read with them and never shown. Damage is found here, before anything is computed.
"""

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

__all__ = [
    "HOLDING",
    "LABEL_MAP",
    "SEGMENTATION",
    "STRUCTURE_SET",
    "class_of",
    "quoted",
    "read_object",
    "whole_number",
]

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
"""Segmentation Storage, and Label Map Segmentation Storage of Supplement 243."""

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
"""RT Structure Set Storage."""

QUOTED = 64
"""Letters of a value that a message repeats; a long string of DICOM has no more."""

HOLDING = {"SegmentSequence": SEGMENTATION, "StructureSetROISequence": STRUCTURE_SET}
"""What an object must be that holds such a sequence at its top."""


def read_object(path: Path, classes: set[str], what: str) -> Dataset:
    """The whole DICOM object at a path, of one of the SOP classes; else `FileError`.

    `classes` are SOP class UIDs, and `what` names them in messages, "DICOM SEG" for example. Raises `FileError` for a
    missing file, a folder, a damaged file, and an object of another class. Pixels are not decoded here.
    """
    from pydicom import dcmread
    from pydicom.uid import UID

    if not path.is_file():
        raise FileError(f"{path.name} is {'a folder' if path.is_dir() else 'not there'}; give the file of a {what}.")
    with foreign_errors(path, "It is a damaged or truncated DICOM file. Copy or export it again."), silent():
        dataset = dcmread(path, force=True)
        _known_kinds(dataset)  # every sequence is parsed here, where a cut is caught
        found = class_of(dataset)
    if found not in classes:
        known = UID(found).name if UID(found).name != found else "DICOM object of an unknown class"
        kind = f"a {known}" if found else "no DICOM file"
        raise FileError(f"{path.name} is {kind}, not a {what}. Images are read with monai_attn.io.read.")
    return dataset


def class_of(dataset: Dataset) -> str:
    """The SOP class of an object; where an anonymiser emptied it, that of the file, else of what the object holds.

    "" where nothing says what the object is.

    >>> from pydicom import Dataset
    >>> damaged = Dataset()
    >>> damaged.StructureSetROISequence = []
    >>> class_of(damaged) == STRUCTURE_SET, class_of(Dataset())
    (True, '')
    """
    meta = getattr(dataset, "file_meta", None)
    found = text(dataset, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")
    return found or next((kind for keyword, kind in HOLDING.items() if keyword in dataset), "")


def _known_kinds(dataset: Dataset) -> None:
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
                _known_kinds(item)


def _kind(tag: BaseTag) -> str | None:
    """The kind of a value in DICOM's dictionary; None for what it does not know."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def quoted(item: Dataset, keyword: str) -> str:
    """A value as it may stand in a message: of a damaged file, only the beginning.

    >>> from pydicom import Dataset
    >>> item = Dataset()
    >>> item.ROIName = "Liver"
    >>> quoted(item, "ROIName"), quoted(item, "ROINumber")
    ('Liver', '')
    """
    value = text(item, keyword)
    return value if len(value) <= QUOTED else value[:QUOTED] + "..."


def whole_number(item: Dataset, keyword: str, name: str) -> int:
    """A whole number of 32 bits that must be there; else `FileError`.

    `name` is the file's name for the message. 512 and 512.0 count; 1.5, a text and a missing value do not.

    >>> from pydicom import Dataset
    >>> item = Dataset()
    >>> item.Rows = 512
    >>> whole_number(item, "Rows", "seg.dcm")
    512
    """
    found = number(item, keyword)
    if found is None or not found.is_integer() or abs(found) >= 2**31:
        raise FileError(
            f"{name}: {keyword} is {quoted(item, keyword) or 'missing'!r}, not a whole number. Export it again."
        )
    return int(found)
