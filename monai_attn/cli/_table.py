"""Rows as a table for the terminal: units in the header, numbers to the right.

`measure` and `compare` print their rows here; the same rows go unrounded into CSV and JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Column", "text_table"]

GAP = "  "
"""Between two columns."""


@dataclass(frozen=True)
class Column:
    """A field of the rows, its title and unit, and how many digits its fractions get.

    `unit` stands below the title; without any unit in a table that line is left out. Whole numbers and text ignore
    `digits`.
    """

    key: str
    title: str
    unit: str = ""
    digits: int = 3


def text_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """Lines of text: titles, units, then a line per row. A column that no row has is left out.

    nan is "-", infinity "inf", yes is "yes" and no nothing; so is a value that a row lacks.

    >>> columns = [Column("name", "structure"), Column("volume_ml", "volume", "ml", 1)]
    >>> print(text_table([{"name": "liver", "volume_ml": 1500.0}], columns))
    structure  volume
                   ml
    ---------  ------
    liver      1500.0
    """
    shown = [column for column in columns if any(column.key in row for row in rows)]
    cells = [[_cell(row.get(column.key), column.digits) for column in shown] for row in rows]
    header = [[column.title for column in shown], [column.unit for column in shown]]
    if not any(header[1]):
        header.pop()
    numbers = [not any(isinstance(row.get(column.key), str) for row in rows) for column in shown]
    widths = [max(map(len, column)) for column in zip(*header, *cells, strict=True)]
    lines = [*header, ["-" * width for width in widths], *cells]
    return "\n".join(
        GAP.join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in lines
    )


def _cell(value: Any, digits: int) -> str:
    """One value as text, with so many digits after the point for a fraction; what is rounded to 0 has no sign.

    >>> _cell(-0.04, 1), _cell(-0.06, 1)
    ('0.0', '-0.1')
    """
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:z.{digits}f}"
    return str(value)
