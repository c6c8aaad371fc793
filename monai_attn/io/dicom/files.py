"""What every reader of DICOM needs: quiet libraries, the errors they raise, and values as text or numbers.

Headers of real scanners and archives break the standard in many small points. These functions give a value in a form
that is safe to use, or say that there is none; they never guess.
"""

from __future__ import annotations

import hashlib
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.io.dicom.folders import is_dicom, look_through

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["dicom_files", "is_dicom", "number", "numbers", "patient_digest", "quiet", "read_errors", "text"]

READ_ERRORS: tuple[type[Exception], ...] = (AttributeError, EOFError, LookupError, OSError, TypeError, ValueError)
READ_ERRORS += (RuntimeError, MemoryError, struct.error)
"""What pydicom and its decoders raise on damaged files, beside pydicom's own errors."""


def read_errors() -> tuple[type[Exception], ...]:
    """The exceptions that pydicom and its decoders raise on damaged files: `READ_ERRORS`, and pydicom's own."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*READ_ERRORS, BytesLengthException, InvalidDicomError)


@contextmanager
def quiet() -> Iterator[None]:
    """A context in which pydicom neither warns nor logs.

    Its remarks on the form of values quote them, a patient's name among them, and repeat for every file. Every value
    that matters here is checked where it is used.
    """
    from pydicom import config

    def silence(_: logging.LogRecord) -> bool:
        return False

    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    config.logger.addFilter(silence)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pydicom(\.|$)|pylibjpeg|openjpeg|libjpeg|rle")
            yield
    finally:
        config.logger.removeFilter(silence)
        config.settings.reading_validation_mode = before


def dicom_files(folder: Path) -> list[Path]:
    """Every file in a folder and its subfolders that begins like DICOM, by name. Linked folders are entered once."""
    return look_through(folder)[0]


def patient_digest(number: str) -> str:
    """Sixteen letters that are equal for one patient's number, and name nobody; "" for an empty number.

    >>> patient_digest("0815") == patient_digest("0815"), patient_digest("")
    (True, '')
    """
    return hashlib.sha256(number.encode("utf-8", "replace")).hexdigest()[:16] if number else ""


def numbers(item: Dataset | None, keyword: str, count: int) -> tuple[float, ...] | None:
    """A value of a data set as `count` finite numbers.

    None when the value is missing, empty, no number, or of another count. Also None where the data set itself is None.

    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.PixelSpacing = [0.5, 0.75]
    >>> numbers(header, "PixelSpacing", 2)
    (0.5, 0.75)
    >>> numbers(header, "PixelSpacing", 3) is None
    True
    """
    if item is None:
        return None
    try:
        value = _value(item, keyword)
        if value is None or value == "":
            return None
        parts = tuple(float(part) for part in ([value] if isinstance(value, (str, int, float)) else value))
    except (TypeError, ValueError):
        return None
    finite = all(abs(part) < float("inf") for part in parts)
    return parts if len(parts) == count and finite else None


def number(item: Dataset | None, keyword: str) -> float | None:
    """A value of a data set as one finite number; None when it is missing or anything else.

    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.PatientWeight = "72.5"
    >>> number(header, "PatientWeight"), number(header, "SliceThickness")
    (72.5, None)
    """
    found = numbers(item, keyword, 1)
    return found[0] if found else None


def text(item: Dataset | None, keyword: str) -> str:
    """A value of a data set as text without blanks around it; "" when it is missing.

    Several values have a backslash between them, as in DICOM files.

    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.SeriesDescription = " T2 axial "
    >>> text(header, "SeriesDescription"), text(header, "Modality")
    ('T2 axial', '')
    """
    value = None if item is None else _value(item, keyword)
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    try:
        return "\\".join(str(part) for part in value)
    except TypeError:
        return str(value).strip()


def _value(item: Dataset, keyword: str) -> Any:
    """A value as pydicom gives it, None where it is missing: most are, and `Dataset.get` takes long to say so."""
    tag, there = _tag(keyword), item.keys()  # a plain set of numbers
    return None if tag is not None and tag not in there else item.get(keyword)


@cache
def _tag(keyword: str) -> int | None:
    """The number of a tag of DICOM's dictionary, None for other keywords.

    >>> hex(_tag("Rows"))
    '0x280010'
    """
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(keyword)
