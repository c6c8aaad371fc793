"""Fields of the text headers of NRRD and MetaImage, checked one by one.

The two readers split a header into `fields`, a dictionary of text by the name of the field. The functions here turn a
text into numbers, or refuse it with `FileError`. In each, `name` is the file's name for the message.
"""

from __future__ import annotations

import math
import re

from monai_attn.errors import FileError

__all__ = ["MAX_AXES", "as_text", "numbers_in", "whole_number_in", "whole_numbers_in"]

MAX_AXES = 8
"""More axes than any image has."""

NUMBER = re.compile(r"[-+]?\d{1,18}")
"""A whole number of at most 18 digits, which fits 64 bits."""


def as_text(line: bytes) -> str:
    r"""A line of a header, in UTF-8 or else in Latin-1, without the blanks around it.

    >>> as_text(b"space: left-posterior-superior\r")
    'space: left-posterior-superior'
    """
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return line.decode("latin-1").strip()


def whole_numbers_in(fields: dict[str, str], key: str, name: str, count: int) -> tuple[int, ...]:
    """A field of `count` whole numbers. Raises `FileError` with the field's name and value.

    A missing field, another count, a fraction, and more than 18 digits are refused.

    >>> whole_numbers_in({"sizes": "256 256 180"}, "sizes", "t1.nrrd", 3)
    (256, 256, 180)
    """
    words = fields.get(key, "").split()
    if len(words) != count or not all(NUMBER.fullmatch(word) for word in words):
        raise FileError(
            f"{name}: the header cannot be interpreted. It needs {count} whole numbers for {key!r} "
            f"and has {_shown(fields.get(key))}. Export the image again."
        )
    return tuple(int(word) for word in words)


def whole_number_in(
    fields: dict[str, str], key: str, name: str, *, least: int, most: int, default: int | None = None
) -> int:
    """A field of one whole number from `least` to `most`, both allowed; where the field is missing, `default`, if
    any.

    Raises `FileError` for another number, for a text that is no whole number, and for a missing field without
    default.

    >>> whole_number_in({}, "byteskip", "t1.nrrd", least=-1, most=4096, default=0)
    0
    """
    if default is not None and not fields.get(key):
        return default
    (value,) = whole_numbers_in(fields, key, name, 1)
    if not least <= value <= most:
        raise FileError(
            f"{name}: the header cannot be interpreted. {key!r} is {value}, not between {least} and {most}. "
            "Export the image again."
        )
    return value


def numbers_in(fields: dict[str, str], key: str, name: str, count: int) -> tuple[float, ...]:
    """A field of `count` finite numbers.

    Raises `FileError` with the field's name and value, also for NaN and infinity.

    >>> numbers_in({"elementspacing": "0.9 0.9 2.5"}, "elementspacing", "ct.mha", 3)
    (0.9, 0.9, 2.5)
    """
    try:
        values = tuple(float(word) for word in fields.get(key, "").split())
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        raise FileError(
            f"{name}: the header cannot be interpreted. It needs {count} numbers for {key!r} "
            f"and has {_shown(fields.get(key))}. Export the image again."
        )
    return values


def _shown(value: str | None) -> str:
    """At most a line of what stands there."""
    return "none" if value is None else repr(value if len(value) <= 60 else value[:60] + "...")
