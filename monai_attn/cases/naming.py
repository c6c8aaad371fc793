"""What a case is called: the one rule for the command line, `monai.bundle run`, Python and napari."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from monai_attn.errors import InputError
from monai_attn.io.names import stem

__all__ = ["checked_name", "names_of", "safe_name", "same_name"]

LONGEST_BYTES = 200
"""How long a case's name may be in UTF-8. File systems allow 255 bytes, and results add to the name."""

DIGEST = 8
"""Letters of the SHA-256 that stand for the rest of a name that is too long."""

UNDECODABLE = range(0xDC80, 0xDD00)
"""How Python shows the bytes of a file name that are not UTF-8 (PEP 383)."""


def names_of(places: Sequence[Path]) -> list[str]:
    """The names of the cases of one run, which lie at `places`: files or folders, in the same order.

    A file gives its name without the imaging suffix, a folder its own name. Where cases in different folders would
    share a name, every case is called by its path below the folder that holds all, with "_" between. So `p1/t1.nii.gz`
    and `p2/t1.nii.gz` are `p1_t1` and `p2_t1`. Names are made safe, see `safe_name`.

    Names stay equal where folders do not tell them apart: `t1.nii.gz` beside `t1.nrrd`, or beside `copy/t1.nii.gz`.

    >>> names_of([Path("p1/t1.nii.gz")]), names_of([Path("p1/t1.nii.gz"), Path("p2/t1.nii.gz")])
    (['t1'], ['p1_t1', 'p2_t1'])
    """
    whole = [Path(os.path.abspath(place)) for place in places]  # noqa: PTH100 - a link is called by its own name
    short = [safe_name(stem(place)) for place in whole]
    counts = Counter(map(same_name, short))
    alike = {place.parent for place, name in zip(whole, short, strict=True) if counts[same_name(name)] > 1}
    if not alike or Path(os.path.commonpath(alike)) in alike:
        return short
    common = os.path.commonpath([place.parent for place in whole])
    return [safe_name("_".join((*place.parent.relative_to(common).parts, stem(place)))) for place in whole]


def same_name(name: str) -> str:
    """A key that is equal for names which one file system may take for the same: `Case_1` and `case_1`."""
    return unicodedata.normalize("NFC", name).casefold()


def safe_name(name: str) -> str:
    """A file's or folder's name as a case's name, which every file system can hold.

    Bytes that are not UTF-8 become %XX; control characters and the separators of paths become "_"; dots at the start
    go. A name above `LONGEST_BYTES` is cut, and ends in letters of its SHA-256, so that two long names stay two.
    Raises `InputError` when nothing is left.

    >>> safe_name("scan\\udce9 1"), safe_name("..hidden")
    ('scan%E9 1', 'hidden')
    """
    text = "".join(_safe(letter) for letter in name).lstrip(".")
    if not text.strip():
        raise InputError(f"{name!r} gives no name for a case. Name the case with --case-name, or in a table.")
    whole = text.encode()
    if len(whole) <= LONGEST_BYTES:
        return text
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:DIGEST]
    return whole[: LONGEST_BYTES - DIGEST - 1].decode(errors="ignore") + f"-{digest}"


def checked_name(name: str) -> str:
    """A name that somebody gave a case, in a table, a `dataset.json` or with `--case-name`; without blanks around it.

    The name becomes part of file names. Raises `InputError` for a name that is empty, begins with a dot, holds a
    separator of paths or a control character, or is longer than `LONGEST_BYTES`.
    """
    given = name.strip()
    if not given or given != "".join(map(_safe, given)) or given.startswith("."):
        raise InputError(
            f"{name!r} cannot name a case, as the name becomes part of file names. "
            "Use letters, digits and signs other than / and \\, and no dot at the start."
        )
    if len(given.encode()) > LONGEST_BYTES:
        raise InputError(
            f"The name of the case {given[:20]!r}... has {len(given.encode())} bytes. At most {LONGEST_BYTES} are "
            "allowed, as the name becomes part of file names."
        )
    return given


def _safe(letter: str) -> str:
    if ord(letter) in UNDECODABLE:
        return f"%{ord(letter) - 0xDC00:02X}"
    unsafe = letter in "/\\" or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
    return "_" if unsafe else letter
