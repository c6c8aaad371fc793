"""The page of a follow-up: for each patient a table of time points, and curves of volume and sum of diameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from monai_attn.report.drawing import new_figure, plain, to_png
from monai_attn.report.page import html_page, html_table, number, paragraph, picture, section

__all__ = ["followup_page"]

AID = (
    "An aid, no finding: sums and categories are computed from the masks alone, after RECIST 1.1 (Eisenhauer et al. "
    "2009). Target lesions are the largest of the first time point. NE, not evaluable: a target was not scanned as a "
    "whole, so the sum lacks a part. A radiologist chooses targets and decides."
)

HEAD = {
    "when": "time point",
    "lesions": "lesions",
    "volume_ml": "volume (ml)",
    "targets": "targets",
    "sum_mm": "sum (mm)",
    "from_first": "from first (%)",
    "from_least": "from least (%)",
    "category": "category",
    "new": "new",
    "returned": "returned",
    "gone": "gone",
    "not_scanned": "not scanned",
    "merged": "merged",
    "split": "split",
}


def followup_page(
    title: str, patients: Mapping[str, Sequence[Mapping[str, Any]]], failed: Mapping[str, str] | None = None
) -> str:
    """The HTML page of patients, each with the rows of its time points in their order.

    `failed` are the patients that could not be followed, each with the reason; they stand at the top.
    Names of patients are printed as the table names them: name no patient there by the real name.
    """
    return html_page(
        f"Follow-up: {title}",
        [
            paragraph(AID),
            *(paragraph(f"Not followed: {patient}. {reason}") for patient, reason in (failed or {}).items()),
            *(section(patient, *_patient(patient, rows)) for patient, rows in patients.items()),
        ],
    )


def _patient(patient: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [[_cell(name, row[name]) for name in HEAD] for row in rows]
    alt = f"Curves of the volume and of the sum of diameters of {patient}"
    return [html_table(list(HEAD.values()), cells), picture(_curves(rows), alt, kind="plot")]


def _cell(name: str, value: Any) -> str:
    if name in ("from_first", "from_least"):
        return number(100 * float(value), 0)
    return number(float(value), 2) if name in ("volume_ml", "sum_mm") else str(value)


def _curves(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A PNG: the volume of all lesions, and the sum of diameters, over the time points.

    Dates lie as far apart as their days; sessions are a step apart each.
    """
    figure = new_figure(9, 2.9, layout="constrained")
    times = [str(row["when"]) for row in rows]
    where = _places(times)
    texts = [plain(time) if seen else "" for time, seen in zip(times, _apart(where), strict=True)]
    for axis, name, label in zip(
        figure.subplots(1, 2),
        ("volume_ml", "sum_mm"),
        ("volume of all lesions (ml)", "sum of diameters (mm)"),
        strict=True,
    ):
        axis.plot(where, [row[name] for row in rows], marker="o", color="#2b6cb0")
        axis.set_xticks(where, texts, rotation=30, ha="right")
        axis.set_ylim(0, 1.1 * max([float(row[name]) for row in rows if row[name] > 0], default=1.0))
        axis.set_ylabel(label, fontsize=8)
        axis.grid(axis="y", color="#e3e8ee", linewidth=0.7)
        axis.tick_params(labelsize=8)
    return to_png(figure)


def _places(when: Sequence[str]) -> list[float]:
    """Where time points stand on an axis: in days after the first where all are dates, else one after the other.

    >>> _places(["2024-03-01", "2024-03-31"]), _places(["1", "2"])
    ([0.0, 30.0], [0.0, 1.0])
    """
    try:
        days = [date.fromisoformat(one).toordinal() for one in when]
    except ValueError:
        return [float(number) for number in range(len(when))]
    return [float(day - days[0]) for day in days]


def _apart(where: Sequence[float]) -> list[bool]:
    """Which places are far enough from the one named before to be named too; the table names them all.

    >>> _apart([0, 1, 50, 98, 100])
    [True, False, True, True, False]
    """
    found: list[bool] = []
    last = float("-inf")
    least = 0.07 * (where[-1] - where[0])
    for place in where:
        found.append(place - last >= least)
        last = place if found[-1] else last
    return found
