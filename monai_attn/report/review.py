"""The page of a cohort to look through: what is odd first, with pictures and reasons; then distributions and a table.

`monai_attn.cohort.review` fills the cases. The page helps to decide what to look at; it says of no mask that it is
wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import quote

from monai_attn.measure.cohort_figures import CaseFigures, Doubt
from monai_attn.report.page import html_page, html_table, number, paragraph, picture, section
from monai_attn.report.plots import volume_plot

__all__ = ["ReviewCase", "review_page"]


@dataclass(frozen=True)
class ReviewCase:
    """A case with the doubts about it, its picture (PNG) and the file name of its report; empty for none."""

    figures: CaseFigures
    doubts: Sequence[Doubt] = ()
    picture: bytes = b""
    report: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


def review_page(title: str, cases: Sequence[ReviewCase], rules: Mapping[str, bool]) -> str:
    """The HTML page of a cohort whose cases come with the most doubtful first. `rules` says which rules were applied.

    Names of structures and cases are escaped. No identity of a patient is added; the names of the cases are printed.
    """
    doubtful = [case for case in cases if case.doubts]
    failed = sum(bool(case.figures.error) for case in cases)
    counts = (
        f"{len(cases)} cases: {len(cases) - failed} with a result, {failed} without; {len(doubtful)} to look at first. "
        "A rule only says that a case is unlike the others. It does not say that a mask is wrong, and a case without a "
        "doubt may have a wrong mask."
    )
    applied = ", ".join(name for name, on in rules.items() if on)
    off = ", ".join(name for name, on in rules.items() if not on)
    return html_page(
        f"Cohort: {title}",
        [
            section("Cases", paragraph(counts)),
            section("To look at first", *(_doubtful(case) for case in doubtful)),
            section("Volumes", *_volumes(cases)),
            section("Every case", _table(cases)),
            section("Rules", paragraph(f"Applied: {applied}."), paragraph(f"Left out: {off}.") if off else ""),
        ],
    )


def _doubtful(case: ReviewCase) -> str:
    """One case: heading, reasons, picture, link."""
    reasons = "".join(f"<li>{escape(doubt.text)} <small>({escape(doubt.rule)})</small></li>" for doubt in case.doubts)
    link = f'<p><a href="{escape(quote(case.report))}">Report of the case</a></p>' if case.report else ""
    shown = ""
    if case.picture:
        caption = "Axial, coronal and sagittal plane with most of the mask; the patient's right is on the left."
        shown = picture(case.picture, f"Three planes of {case.figures.case}", caption, kind="plot")
    return section(case.figures.case, f"<ul>{reasons}</ul>", shown, link, level=3)


def _volumes(cases: Sequence[ReviewCase]) -> Iterator[str]:
    """The distribution of each structure that a case has."""
    volumes: dict[str, list[float]] = {}
    for case in cases:
        for name, part in case.figures.parts.items():
            volumes.setdefault(name, []).append(part.volume_ml)
    if volumes:
        caption = "Every case is a point; box: quartiles and median; whiskers: to 1.5 times the box."
        yield picture(volume_plot(volumes), "Distribution of the volume of each structure", caption, kind="plot")


def _table(cases: Sequence[ReviewCase]) -> str:
    """A row for each structure of each case."""
    head = ["case", "structure", "doubts", "volume (ml)", "pieces", "certainty (%)", "seconds"]
    rows = []
    for case in cases:
        rules = ", ".join(dict.fromkeys(doubt.rule for doubt in case.doubts))
        seconds = case.provenance.get("seconds")
        time = number(float(seconds), 1) if isinstance(seconds, int | float) else ""
        for name, part in case.figures.parts.items():
            sure = "" if part.certainty is None else number(100 * part.certainty, 0)
            rows.append([case.figures.case, name, rules, number(part.volume_ml, 3), str(part.pieces), sure, time])
        if not case.figures.parts:
            rows.append([case.figures.case, "", rules, "", "", "", time])
    return html_table(head, rows, numeric_from=3)
