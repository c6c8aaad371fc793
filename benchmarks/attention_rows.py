"""The CSV files of the study of attention: rows in, rows out, whatever their columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.io import write_bytes_atomic

__all__ = ["read_rows", "write_rows"]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows in place of the file. Fractions have four digits; what a row lacks is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)
    write_bytes_atomic(path, text.getvalue().encode(), overwrite=True)


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
