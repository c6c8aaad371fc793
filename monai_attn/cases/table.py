"""A table of cases: a CSV file with a column `case` and a column for each image."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from monai_attn.cases.case import Case
from monai_attn.cases.naming import checked_name, same_name
from monai_attn.cases.series_table import holds_series_table, series_table_cases
from monai_attn.errors import FileError, InputError

__all__ = ["read_table", "table_cases"]

SIGNS = (",", ";", "\t")
"""What separates cells; spreadsheets of other languages than English write semicolons."""


def table_cases(path: Path, names: Sequence[str]) -> list[Case]:
    """The cases of a table (.csv, UTF-8), one a row, for a bundle whose images are called `names`.

    A table of series, as a plan writes it, gives its cases too, see `series_table_cases`.

    The column `case` names the results. Each other column is an image, with paths relative to the table; an empty
    cell is a missing image. Empty rows are left out. Raises `InputError` with the line for a table that is not clear.

    Whether the images exist is not asked: a missing image is the failure of its case, and the other cases go on.
    """
    header, lines = read_table(path)
    if holds_series_table(header):
        return series_table_cases(path, names, header, lines)
    columns = [name for name in header if name in names]
    if sorted(header) != sorted({"case", *columns}) or not columns:
        raise InputError(f"{path.name} needs the columns case and {', '.join(names)}; it has {', '.join(header)}.")
    cases: dict[str, Case] = {}
    for number, row in lines:
        case = _case(path, number, row, names, columns)
        if same_name(case.name) in cases:
            raise InputError(f"{path.name} lists the case {case.name!r} twice.")
        cases[same_name(case.name)] = case
    return list(cases.values())


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns of a table, and each row with the number of its line; cells are without blanks around them.

    Cells are separated by the first of `SIGNS` that the first line has. Raises `FileError` for a table that does not
    exist. Raises `InputError` for what is no text in UTF-8, for two columns of one name, or for a row with more
    cells than columns.
    """
    if not path.exists():
        raise FileError(f"{path.name} does not exist. Check the path.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            first = stream.readline()
            stream.seek(0)
            sign = next((sign for sign in SIGNS if sign in first), SIGNS[0])
            rows, lines = csv.DictReader(stream, delimiter=sign), []
            header = [name.strip() for name in rows.fieldnames or []]
            rows.fieldnames = header
            for row in rows:
                if any(row.get(None) or ()):  # DictReader's key of the cells beyond the columns
                    raise InputError(
                        f"Line {rows.line_num} of {path.name} has more cells than columns. Put quotes around a cell "
                        f"that holds {sign!r}."
                    )
                lines.append((rows.line_num, {key: (value or "").strip() for key, value in row.items() if key}))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name} is no table of comma-separated text in UTF-8. Save it as CSV in UTF-8."
        ) from error
    twice = next((name for name, count in Counter(header).items() if name and count > 1), None)
    if twice is not None:
        raise InputError(f"{path.name} has the column {twice!r} twice. Rename or remove one of the two.")
    return header, lines


def _case(path: Path, number: int, row: dict[str, str], names: Sequence[str], columns: Sequence[str]) -> Case:
    images = {name: path.parent / row[name] for name in columns if row[name]}
    line = f"Line {number} of {path.name}"
    if not row["case"] or not images:
        raise InputError(f"{line} needs a case, which names its files, and an image.")
    try:
        name = checked_name(row["case"])
    except InputError as error:
        raise InputError(f"{line} needs a case, which names its files: {error}") from error
    return Case(name, images if len(names) > 1 else images[names[0]])
