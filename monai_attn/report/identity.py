"""The identity of the patient in a DICOM image: read only to be printed on request, or to keep it out of a page.

`monai-attn report --with-identity` prints what is read here. Everybody else only calls `anonymous_case`. What is read
here is never logged, and never put into an error message or a file name.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

from monai_attn.errors import FileError, InputError
from monai_attn.io import list_series
from monai_attn.io.dicom.files import is_dicom, quiet, read_errors
from monai_attn.io.dicom.series import choose_series

__all__ = ["anonymous_case", "read_identity"]

TAGS = {
    "patient's name": "PatientName",
    "patient's ID": "PatientID",
    "date of birth": "PatientBirthDate",
    "study date": "StudyDate",
    "accession number": "AccessionNumber",
}
"""What is read, as the page calls it, and the keyword of the DICOM attribute."""

SHORTEST_WORD = 3
"""Shorter parts of a name in Latin letters occur in many words by chance, and are not taken for the name."""

SHORTEST_NUMBER = 6
"""From so many digits on a number is found though hyphens or blanks stand between them."""

BETWEEN_WORDS = re.compile(r"[\W_]+")


@quiet()
def read_identity(source: str | Path, *, series: str | None = None) -> dict[str, str]:
    """Name, ID and dates from the first file of a DICOM series; an empty text where a tag is missing or empty.

    The result is empty for files that are not DICOM, because NIfTI, NRRD and MetaImage hold no identity. Raises
    `FileError` for a folder without DICOM images, and `InputError` for a header that cannot be read.

    The keys are "patient's name", "patient's ID", "date of birth", "study date" and "accession number" (DICOM PS3.3,
    Patient and General Study modules). `series` chooses in a folder, by UID, number or description. No pixel is
    read.
    """
    from pydicom import dcmread

    path = Path(source)
    if path.is_dir():
        found = [one for one in list_series(path) if one.frames]
        if not found:
            raise FileError(f"{path.name} holds no DICOM images. Choose the folder with the slices.")
        path = choose_series(found, series, path.name).frames[0].path
    elif not is_dicom(path):
        return {}
    tags: list[Any] = list(TAGS.values())
    try:
        header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=tags)
        return {name: str(header.get(tag) or "").replace("^", " ").strip() for name, tag in TAGS.items()}
    except read_errors() as error:
        raise InputError(f"{path.name}: the patient's name and ID cannot be read. Export the file again.") from error


def anonymous_case(case: str, identity: dict[str, str]) -> str:
    """The name of the case, or "case" where the name repeats a part of the identity, as folders of DICOM often do.

    Parts are words and numbers of at least three letters, and of one letter in writings other than Latin. Shorter words
    count where all words of a name stand there, as of "Li Na". Capitals and accents do not matter. In dates and long
    numbers separators do not matter either. An empty identity changes nothing.

    >>> anonymous_case("doe_ct", {"patient's name": "Doe Jane"}), anonymous_case("case_1", {})
    ('case', 'case_1')

    >>> anonymous_case("2024-01-31", {"study date": "20240131"})
    'case'
    """
    parts = {part for value in identity.values() for part in BETWEEN_WORDS.split(_plain(value))}
    said = _plain(case)
    joined = BETWEEN_WORDS.sub("", said)
    repeats = any(part in said for part in parts if len(part) >= SHORTEST_WORD or not part.isascii())
    numbered = any(part in joined for part in parts if part.isdecimal() and len(part) >= SHORTEST_NUMBER)
    named = any(_names(_words(value), set(_words(case)), joined) for value in identity.values())
    return "case" if repeats or numbered or named else case


def _words(text: str) -> list[str]:
    """The words of a text, without numbers and single letters."""
    return [part for part in BETWEEN_WORDS.split(_plain(text)) if part.isalpha() and len(part) > 1]


def _names(name: list[str], words: set[str], joined: str) -> bool:
    """Whether all words of a name of several words are among `words`, or written together in `joined`."""
    together = "".join(name), "".join(reversed(name))
    return len(name) > 1 and (words.issuperset(name) or any(one in joined for one in together))


def _plain(text: str) -> str:
    """A text without capitals and accents, in one of the forms that Unicode has for it."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
