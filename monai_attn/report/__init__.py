"""Reports: one HTML file for a case or a cohort, complete in itself. Matplotlib draws; neither torch nor MONAI.

What stands in them, and what is kept out: docs/report.md.

`monai-attn report`, `monai-attn segment --report` and `monai-attn demo` call this room. Its pages are for reading
and printing: no page is read back, and no page holds DICOM. Measurements come from `monai_attn.measure`; a report
measures nothing itself. Matplotlib is needed (extra `report`), a display is not.
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
