"""What an object of ours repeats from the header of the series: who the patient is, and which study it is.

`seg_write` and `rt_write` call this module before they save. Nothing is made anonymous here: a segmentation belongs to
the study of its patient, and PACS files it by these values. Only values that would break the new file are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.tag import BaseTag

__all__ = ["MAY_BE_EMPTY", "Undecodable", "make_copyable", "put_back"]

MAY_BE_EMPTY = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PositionReferenceIndicator",
]
"""Attributes that every object of the study must have, if only empty (type 2 of PS3.3)."""

CHECKED = {"AE", "AS", "CS", "DA", "DS", "IS", "LO", "LT", "PN", "SH", "ST", "TM"}
"""Kinds of values that are copied from the series as they are, texts and numbers written as texts."""

LETTERS = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
"""Kinds of values that are written in the character set of the file."""

CHARACTER_SET = "SpecificCharacterSet"

DELIMITERS = set(b"\\^=\r\n\f\t")
"""After these a text is in the first character set again (PS3.5 6.1.2.5.3)."""

Undecodable = Mapping["BaseTag", "RawDataElement | DataElement"]
"""The texts of a header that its own character set cannot decode, as they are stored; and the character set."""


def make_copyable(header: Dataset) -> Undecodable:
    """Prepare what our objects repeat, and give the texts that cannot be decoded.

    All other texts become Unicode, to be written as UTF-8; every attribute is there. A value that the standard forbids
    would be an error in what we write, and is left empty: too long a StudyID, the 29th of February 2019, 80,5 kg.

    `header` is changed in place. The caller must keep the result and give it to `put_back`. The result is empty where
    all texts can be decoded, as in most series.
    """
    from pydicom.dataelem import DataElement

    kept = _undecodable(header)
    for tag, stored in kept.items():
        header[tag] = DataElement(tag, stored.VR or "LO", None)
    header.decode()
    for tag in list(header.keys()):
        element = header[tag]
        if element.VR in CHECKED and not element.is_empty and not _is_valid(element.VR, element.value, element.VM):
            del header[tag]
    for keyword in MAY_BE_EMPTY:
        if keyword not in header:
            setattr(header, keyword, "")
    return kept


def put_back(made: Dataset, kept: Undecodable, *, implicit: bool = False) -> None:
    """Copy what cannot be decoded into an object byte for byte, and with it the character set of the series.

    The last thing before the object is saved, in little endian and with `implicit` or explicit kinds: whoever asks
    for one of these values afterwards decodes it.

    Only attributes that `made` has, and has empty, are filled; without undecodable texts nothing is changed.
    """
    from pydicom.charset import convert_encodings, default_encoding
    from pydicom.filewriter import correct_ambiguous_vr

    if not kept:
        return
    made.SpecificCharacterSet = ""
    correct_ambiguous_vr(made, is_little_endian=True)
    for tag, stored in kept.items():
        if tag in made and made[tag].is_empty:  # what is not empty is our own: maker, description of the series
            made[tag] = stored
    said = made.SpecificCharacterSet
    # Bytes are written as they are only where pydicom takes them to be in the encoding of the file.
    made.set_original_encoding(implicit, True, convert_encodings(said) if said else default_encoding)


def _undecodable(header: Dataset) -> dict[BaseTag, RawDataElement | DataElement]:
    """The texts at the top of a header that its character set cannot decode, by tag, as stored.

    With them comes SpecificCharacterSet of the header, where it has one. A sequence with such a text inside is removed
    from the header.
    """
    from pydicom.config import IGNORE
    from pydicom.dataelem import DataElement, RawDataElement

    sets = _encodings(header)
    kept: dict[BaseTag, RawDataElement | DataElement] = {}
    for tag in list(header.keys()):
        raw = header.get_item(tag)
        kind = _kind(tag, raw)
        if kind == "SQ":
            if not all(_decode(item, sets) for item in header[tag].value):
                del header[tag]  # a list of other names, say: not copied rather than altered
        elif isinstance(raw, RawDataElement) and kind in LETTERS and raw.value and not _decodes(bytes(raw.value), sets):
            kept[tag] = raw._replace(VR=kind)
    if kept and CHARACTER_SET in header:
        element = header[CHARACTER_SET]
        kept[element.tag] = DataElement(element.tag, "CS", element.value, validation_mode=IGNORE)
    return kept


def _kind(tag: BaseTag, element: RawDataElement | DataElement | None) -> str:
    """The kind of a value, from DICOM's dictionary where the file does not say it; "" for private and unknown ones."""
    from pydicom.datadict import dictionary_VR

    if element is None or tag.is_private:
        return ""
    try:
        return element.VR or dictionary_VR(tag)
    except KeyError:
        return ""


def _decode(item: Dataset, sets: list[str]) -> bool:
    """Whether all texts in an item of a sequence can be decoded."""
    from pydicom.dataelem import RawDataElement

    sets = _encodings(item) if CHARACTER_SET in item else sets
    for tag in list(item.keys()):
        raw = item.get_item(tag)
        kind = _kind(tag, raw)
        if kind == "SQ":
            if not all(_decode(inner, sets) for inner in item[tag].value):
                return False
        elif kind in LETTERS and isinstance(raw, RawDataElement) and raw.value and not _decodes(bytes(raw.value), sets):
            return False
    return True


def _encodings(header: Dataset) -> list[str]:
    """Python's names of the character sets that the header says; none where it says ASCII, or a name unknown.

    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.SpecificCharacterSet = "ISO_IR 192"
    >>> _encodings(header), _encodings(Dataset())
    (['UTF8'], [])
    """
    from pydicom.charset import convert_encodings

    said = header.get(CHARACTER_SET)
    names = [said] if isinstance(said, str) else list(said or [])
    if not any(name and name != "ISO_IR 6" for name in names):
        return []
    try:
        # The default is ASCII; pydicom takes Latin-1, which accepts whatever comes.
        return ["ascii" if one == "iso8859" else one for one in convert_encodings(names)]
    except LookupError:
        return []


def _decodes(stored: bytes, sets: list[str]) -> bool:
    """Whether bytes are text in the character sets; without one, whether they are ASCII.

    >>> _decodes(b"Liver", []), _decodes(bytes([0xFC]), []), _decodes(bytes([0xFC]), ["latin_1"])
    (True, False, True)
    """
    from pydicom import config
    from pydicom.charset import decode_bytes

    if stored.isascii() and b"\x1b" not in stored:
        return True
    if not sets:
        return False
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.RAISE  # else it replaces what it cannot decode
    try:
        return decode_bytes(stored, sets, DELIMITERS) is not None
    except (LookupError, ValueError):
        return False
    finally:
        config.settings.reading_validation_mode = before


def _is_valid(kind: str, value: object, count: int) -> bool:
    """Whether the standard allows a text, the calendar a date, and a number is one: 80,5 kg is not.

    `kind` is the value representation of DICOM (PS3.5 6.2) and `count` the number of values; each of them must be
    valid.

    >>> _is_valid("DS", "80.5", 1), _is_valid("DS", "80,5", 1), _is_valid("DA", "20190229", 1)
    (True, False, False)
    """
    from pydicom.config import RAISE
    from pydicom.valuerep import DA, TM, validate_value

    values = list(value) if count > 1 else [value]  # type: ignore[call-overload]
    try:
        for one in values:
            if kind in ("DS", "IS"):
                if not math.isfinite(float(str(one))):  # long ones are rounded when they are written
                    return False
                continue
            validate_value(kind, str(one), RAISE)
            {"DA": DA, "TM": TM}.get(kind, str)(str(one))
    except ValueError:
        return False
    return True
