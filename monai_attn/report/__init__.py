"""Reports: one HTML file for a case or a cohort, complete in itself. Matplotlib draws; neither torch nor MONAI.

What stands in them, and what is kept out: docs/report.md.
"""

from __future__ import annotations

from monai_attn.report.case import CaseOptions, case_page
from monai_attn.report.cohort import CohortCase, cohort_page
from monai_attn.report.drawing import check_matplotlib
from monai_attn.report.identity import anonymous_case, read_identity
from monai_attn.report.pictures import save_picture
from monai_attn.report.window import parse_window

__all__ = [
    "CaseOptions",
    "CohortCase",
    "anonymous_case",
    "case_page",
    "check_matplotlib",
    "cohort_page",
    "parse_window",
    "read_identity",
    "save_picture",
]
