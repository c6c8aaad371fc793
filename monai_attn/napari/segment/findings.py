"""What the check before a run has found, as a user reads it: coloured marks, the worst first."""

from __future__ import annotations

import html
from collections.abc import Sequence

from monai_attn.preflight.findings import Finding

__all__ = ["finding_lines", "marked_line"]

MARKS = {"error": "#e5484d", "warning": "#f2a03d", "note": "#8ab4f8"}
"""The colour of the mark before a finding, by its severity; the worst first."""


def marked_line(severity: str, text: str) -> str:
    """A sentence as HTML, behind a mark in the colour of its severity."""
    return f'<span style="color:{MARKS[severity]}">●</span> {html.escape(text)}'


def finding_lines(findings: Sequence[Finding]) -> str:
    """The findings as HTML, a line each, the worst first; what holds for several regions once; "" for none."""
    order = list(MARKS)
    worst_first = sorted(findings, key=lambda one: order.index(one.severity))
    return "<br>".join(dict.fromkeys(marked_line(one.severity, one.text) for one in worst_first))
