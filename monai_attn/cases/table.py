"""A table of cases: a CSV file with a column `case` and a column for each image."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from monai_attn.cases.case import Case
from monai_attn.cases.naming import checked_name, same_name
from monai_attn.errors import FileError, InputError

__all__ = ["table_cases"]


def table_cases(path: Path, names: Sequence[str]) -> list[Case]:
    """The cases of a table (.csv, UTF-8), one a row, for a bundle whose images are called `names`.

    The column `case` names the results. Each other column is an image, with paths relative to the table; an empty
    cell is a missing image. Empty rows are left out. Raises `InputError` with the line for a table that is not clear,
    and `FileError` for an image that does not exist.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            header = list(rows.fieldnames or [])
            lines = [(rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is no table of comma-separated text in UTF-8: {error}.") from error
    columns = [name for name in header if name in names]
    if sorted(header) != sorted({"case", *columns}) or not columns:
        raise InputError(f"{path.name} needs the columns case and {', '.join(names)}; it has {', '.join(header)}.")
    cases: dict[str, Case] = {}
    for number, row in lines:
        case = _case(path, number, {key: (value or "").strip() for key, value in row.items() if key}, names, columns)
        if same_name(case.name) in cases:
            raise InputError(f"{path.name} lists the case {case.name!r} twice.")
        cases[same_name(case.name)] = case
    return list(cases.values())


def _case(path: Path, number: int, row: dict[str, str], names: Sequence[str], columns: Sequence[str]) -> Case:
    images = {name: path.parent / row[name] for name in columns if row[name]}
    line = f"Line {number} of {path.name}"
    if not row["case"] or not images:
        raise InputError(f"{line} needs a case, which names its files, and an image.")
    try:
        name = checked_name(row["case"])
    except InputError as error:
        raise InputError(f"{line} needs a case, which names its files: {error}") from error
    for column, image in images.items():
        if not image.exists():
            raise FileError(f"{line}: {row[column]} does not exist.")
    return Case(name, images if len(names) > 1 else images[names[0]])
