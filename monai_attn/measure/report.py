"""Measurements as plain rows, for JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

__all__ = ["SCHEMA", "rows", "to_csv"]

SCHEMA = "monai_attn.measure/1"
"""Goes up when a column changes its meaning or its name, or goes; not when one is added."""

PATIENT = ("r", "a", "s")
VOXEL = ("i", "j", "k")


def rows(measured: Sequence[Any], *, case: str = "") -> list[dict[str, Any]]:
    """One flat dictionary per structure, lesion, comparison, detection or summary.

    Nested values become columns: `centroid_r_mm`, `block_i_start`, `box_lower_s_mm`, `intensity_mean`.
    A name of `case` goes into each row; keep patient names out of it.
    """
    return [{"schema": SCHEMA, "case": case, **dict(_columns(item))} for item in measured]


def to_csv(table: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV text with a header; a column that a row lacks stays empty. nan and inf are written so."""
    columns = dict.fromkeys(name for row in table for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


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
