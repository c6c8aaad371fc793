"""The page of a follow-up: for each patient a table of time points, and curves of volume and sum of diameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai_attn.report.drawing import new_figure, to_png
from monai_attn.report.page import html_page, html_table, number, paragraph, picture, section

__all__ = ["followup_page"]

AID = (
    "An aid, no finding: sums and categories are computed from the masks alone, after RECIST 1.1 (Eisenhauer et al. "
    "2009). Target lesions are the largest of the first time point. A radiologist chooses targets and decides."
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
    "gone": "gone",
    "merged": "merged",
    "split": "split",
}


def followup_page(title: str, patients: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The HTML page of patients, each with the rows of its time points in their order.

    Names of patients are printed as the table names them: name no patient there by the real name.
    """
    return html_page(
        f"Follow-up: {title}",
        [paragraph(AID), *(section(patient, *_patient(patient, rows)) for patient, rows in patients.items())],
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
    """A PNG: the volume of all lesions, and the sum of diameters, over the time points."""
    figure = new_figure(9, 2.6, layout="constrained")
    where = list(range(len(rows)))
    for axis, name, label in zip(
        figure.subplots(1, 2),
        ("volume_ml", "sum_mm"),
        ("volume of all lesions (ml)", "sum of diameters (mm)"),
        strict=True,
    ):
        axis.plot(where, [row[name] for row in rows], marker="o", color="#2b6cb0")
        axis.set_xticks(where, [str(row["when"]) for row in rows], fontsize=8)
        axis.set_ylim(bottom=0)
        axis.set_ylabel(label, fontsize=8)
        axis.grid(axis="y", color="#e3e8ee", linewidth=0.7)
        axis.tick_params(labelsize=8)
    return to_png(figure)
