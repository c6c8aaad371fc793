"""Values of options, from the text of the command line.

`argparse` calls `count`, `region` and `names` while it parses, so that a wrong value is refused with the usage of
the command.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monai_attn.finders import Regions
    from monai_attn.volume import Box

__all__ = ["count", "names", "region", "regions_by_name", "series_by_name"]


def series_by_name(given: list[str] | None) -> str | dict[str, str] | None:
    """`--series X`, or `--series t1=X --series ct=Y`.

    None where the option is not given. Raises `InputError` for several series without names, or with one name twice.

    >>> series_by_name(["t1=#2", "ct=#1"])
    {'t1': '#2', 'ct': '#1'}
    """
    from monai_attn.errors import InputError

    if not given:
        return None
    if len(given) == 1:
        return given[0]
    pairs = [text.partition("=") for text in given]
    if not all(sign for _, sign, _ in pairs) or len({name for name, _, _ in pairs}) < len(pairs):
        raise InputError("Several --series are written NAME=SERIES, one for each image of the bundle.")
    return {name: series for name, _, series in pairs}


def count(text: str) -> int:
    """A whole number from 1 on. Raises `argparse.ArgumentTypeError` for others.

    >>> count("4")
    4
    """
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on.")
    return number


def region(text: str) -> tuple[str, Box]:
    """A name, "" where none is given, and a box from six numbers in mm (RAS+): its two corners.

    The lower corner comes first, then the upper one, as `Box` takes them. Raises `argparse.ArgumentTypeError` for
    other numbers.

    >>> region("9,-47,-32,45,5,8")[1].lower_mm
    (9.0, -47.0, -32.0)
    >>> region("left=-45,-47,-32,-9,5,8")[0]
    'left'
    """
    from monai_attn.errors import InputError
    from monai_attn.volume import Box

    name, sign, corners = text.rpartition("=")
    try:
        if sign and not name.strip():
            raise InputError("A region has a name before the sign =, or no such sign.")
        numbers = [float(part) for part in corners.split(",")]
        if len(numbers) != 6:
            raise InputError(f"A region has six numbers, not {len(numbers)}.")
        return name.strip(), Box((numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5]))
    except ValueError as error:  # InputError is one
        raise argparse.ArgumentTypeError(
            f"{error} Write R0,A0,S0,R1,A1,S1 in mm, for example 9,-47,-32,45,5,8, or NAME=R0,A0,S0,R1,A1,S1."
        ) from error


def regions_by_name(given: list[tuple[str, Box]] | None) -> Regions:
    """`--region BOX`, or `--region NAME=BOX` once or more often; None where the option is not given.

    Several boxes without a name are called "region 1", "region 2", and so on. Raises `InputError` for a name that
    stands twice.

    >>> sorted(regions_by_name([region("left=-9,0,0,-1,9,9"), region("1,0,0,9,9,9")]))
    ['left', 'region 2']
    """
    from monai_attn.errors import InputError

    if not given:
        return None
    if len(given) == 1 and not given[0][0]:
        return given[0][1]
    boxes: dict[str, Box] = {}
    for number, (said, box) in enumerate(given, 1):
        name = said or f"region {number}"
        if name in boxes:
            raise InputError(f"The region {name!r} is given twice. Give each region a name of its own.")
        boxes[name] = box
    return boxes


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them; an empty name is left out.

    >>> names("attention, entropy,")
    ('attention', 'entropy')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())
