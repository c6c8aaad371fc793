"""Private tags: what vendors write beside the standard, found by the name of its creator.

Some facts stand only in private tags of vendors: b-values and gradients of older diffusion series, and the factors of
Philips PET. Nothing else is read from private tags. For b-values and gradients, the standard's own tags come first.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["PRIVATE", "private_numbers", "private_tags", "private_text"]

BLOCKS = range(0x10, 0x18)
"""Where the blocks of private tags lie; copies by archives may move them from the first."""

FORMATS = {4: "<f", 8: "<d"}
"""What a value of that many bytes is where its type was lost (VR UN)."""


class Private(NamedTuple):
    """Where a vendor keeps a value: the group, the beginning of the creator's name, and the element in its block.

    The creator's name stands in small letters.
    """

    group: int
    creator: str
    element: int


PRIVATE = {
    "philips SUV factor": Private(0x7053, "philips pet", 0x00),
    "philips activity factor": Private(0x7053, "philips pet", 0x09),
    "philips b-value": Private(0x2001, "philips imaging dd 001", 0x03),
    "philips direction": Private(0x2001, "philips imaging dd 001", 0x04),
    "philips gradient x": Private(0x2005, "philips mr imaging dd 001", 0xB0),
    "philips gradient y": Private(0x2005, "philips mr imaging dd 001", 0xB1),
    "philips gradient z": Private(0x2005, "philips mr imaging dd 001", 0xB2),
    "ge b-value": Private(0x0043, "gems_parm_01", 0x39),
    "ge gradient x": Private(0x0019, "gems_acqu_01", 0xBB),
    "ge gradient y": Private(0x0019, "gems_acqu_01", 0xBC),
    "ge gradient z": Private(0x0019, "gems_acqu_01", 0xBD),
    "siemens b-value": Private(0x0019, "siemens mr header", 0x0C),
    "siemens gradient": Private(0x0019, "siemens mr header", 0x0E),
}
"""Vendors' conformance statements; dcm2niix and the QIBA SUV vendor pseudo-code use the same."""


def private_tags() -> list[int]:
    """The tags of `PRIVATE` in every block, and the tags with the names of their creators, in rising order.

    >>> 0x70531000 in private_tags()
    True
    """
    creators = {(tag.group << 16) | block for tag in PRIVATE.values() for block in BLOCKS}
    return sorted(creators | {_tag(tag, block) for tag in PRIVATE.values() for block in BLOCKS})


def private_text(item: Dataset, name: str) -> str:
    """A private value as text; several values have a backslash between them.

    It is "" where the tag is missing, or belongs to another creator. Where an anonymiser removed the creators' names,
    the first block counts.
    """
    value = _value(item, PRIVATE[name])
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").strip("\0 ")
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    try:
        return "\\".join(str(part) for part in value)
    except TypeError:
        return str(value).strip()


def private_numbers(item: Dataset, name: str) -> tuple[float, ...]:
    """A private value as finite numbers; empty where the tag is missing or holds anything else.

    A value whose type was lost (VR UN) is read as text, else as one binary number of 4 or 8 bytes.

    Empty also where one of several numbers is infinite.
    """
    value = _value(item, PRIVATE[name])
    try:
        parts = tuple(float(part) for part in private_text(item, name).split("\\"))
    except ValueError:
        parts = ()
        if isinstance(value, bytes) and len(value) in FORMATS:
            parts = struct.unpack(FORMATS[len(value)], value)
    return parts if all(abs(part) < float("inf") for part in parts) else ()


def _value(item: Dataset, tag: Private) -> Any:
    """The value of a private tag as pydicom gives it; None where the tag is missing or belongs to another creator."""
    named, there = False, item.keys()
    for block in BLOCKS:
        number = (tag.group << 16) | block
        if number not in there:  # as in most files; to ask for the element takes long
            continue
        creator = item.get(number)
        if creator is None:
            continue
        named = True
        if _as_text(creator.value).lower().startswith(tag.creator):
            element = item.get(_tag(tag, block))
            return None if element is None else element.value
    first = None if named else item.get(_tag(tag, BLOCKS[0]))
    return None if first is None else first.value


def _as_text(value: Any) -> str:
    """A value as ASCII text without zeros and blanks at its ends; bytes beyond ASCII become question marks."""
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")).strip("\0 ")


def _tag(tag: Private, block: int) -> int:
    """The number of a private tag in a block: its group, then the block, then the element.

    >>> hex(_tag(PRIVATE["ge b-value"], 0x10))
    '0x431039'
    """
    return (tag.group << 16) | (block << 8) | tag.element
