"""Measurements as plain rows, for JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from monai_attn.errors import InputError

if TYPE_CHECKING:
    import pandas

__all__ = ["SCHEMA", "from_csv", "rows", "to_csv", "to_frame", "to_json"]

SCHEMA = "monai_attn.measure/1"
"""Goes up when a column changes its meaning or its name, or goes; not when one is added."""

PATIENT = ("r", "a", "s")
VOXEL = ("i", "j", "k")


def rows(measured: Sequence[Any], *, case: str = "") -> list[dict[str, Any]]:
    """One flat dictionary for each structure, lesion, comparison, detection or summary.

    Nested values become columns: `centroid_r_mm`, `block_i_start`, `box_lower_s_mm`, `intensity_mean`. The column
    `kind` says what was measured. The name `case` goes into each row; keep patients' names out of it. Nothing
    measured: an empty list.

    >>> from monai_attn.measure.overlap import Overlap
    >>> [row] = rows([Overlap(3, 1, 0)], case="case_017")
    >>> row["case"], row["kind"], row["both"], row["precision"]
    ('case_017', 'overlap', 3, 0.75)
    """
    return [
        {"schema": SCHEMA, "case": case, "kind": type(item).__name__.lower(), **dict(_columns(item))}
        for item in measured
    ]


FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a text begins with that a spreadsheet would take for a formula, and the apostrophe that prevents that."""


def to_csv(table: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV text with a header; a column that a row lacks stays empty. nan and inf are written so.

    A spreadsheet runs a text as a formula that begins with = + - @ or a tab: such a text gets an apostrophe before it.
    So does a text that begins with an apostrophe, so that `from_csv` gives back every text. Numbers stay as they are.
    Source: OWASP, "CSV injection".

    >>> to_csv([{"name": "=1+1", "volume_ml": -2.5}])
    "name,volume_ml\\n'=1+1,-2.5\\n"
    """
    columns = dict.fromkeys(name for row in table for name in row)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)  # csv forgets it for a carriage return
    writer.writerow(columns)
    for row in table:
        cells = [_harmless(row.get(name, "")) for name in columns]
        (quoting if any(isinstance(cell, str) and "\r" in cell for cell in cells) else writer).writerow(cells)
    return text.getvalue()


def from_csv(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text that `to_csv` wrote, as text, without the apostrophes that `to_csv` added.

    >>> from_csv(to_csv([{"name": "=1+1"}]))
    [{'name': '=1+1'}]
    """
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{key: (value or "").removeprefix("'") for key, value in row.items() if key} for row in rows]


def to_json(table: Sequence[dict[str, Any]], **about: Any) -> str:
    """Rows as strict JSON text: an object of `schema`, what else is said `about` them, and `rows`.

    JSON has no nan and no infinity: nan becomes null, inf the text "inf".

    >>> "null" in to_json([{"dice": float("nan")}], cases=1)
    True
    """
    content = {"schema": SCHEMA, **about, "rows": list(table)}
    return json.dumps(_strict(content), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def to_frame(table: Sequence[dict[str, Any]]) -> pandas.DataFrame:
    """Rows as a pandas data frame; a column that a row lacks is missing there. Raises `InputError` without pandas."""
    try:
        import pandas
    except ImportError as error:
        raise InputError("A data frame needs pandas. Install it with: pip install pandas") from error
    return pandas.DataFrame(list(table))


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _columns(item: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(item):
        yield from _flat(field.name, getattr(item, field.name))
    for name in ("who_product_mm2", "sensitivity", "precision", "f1"):
        if isinstance(getattr(type(item), name, None), property):
            yield name, getattr(item, name)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    if is_dataclass(value):
        for field in fields(value):
            yield from _flat(f"{name}_{field.name}", getattr(value, field.name))
    elif name.endswith("_ends_mm"):
        for number, point in enumerate(value, 1):
            yield from _flat(f"{name.removesuffix('_ends_mm')}_end{number}_mm", point)
    elif name == "block":
        for axis, part in zip(VOXEL, value, strict=True):
            yield from ((f"block_{axis}_start", part.start), (f"block_{axis}_stop", part.stop))
    elif isinstance(value, tuple) and name.endswith("_mm"):
        yield from ((f"{name.removesuffix('_mm')}_{axis}_mm", x) for axis, x in zip(PATIENT, value, strict=True))
    elif isinstance(value, tuple):  # matches, missed, extra: how many
        yield name if name != "matches" else "matched", len(value)
    else:
        yield name, value
