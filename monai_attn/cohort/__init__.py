"""Many cases, one result each. `segment` is a cohort of one."""

from monai_attn.cohort.cases import Case, find_cases
from monai_attn.cohort.run import Recipe, Row, run_case

__all__ = ["Case", "Recipe", "Row", "find_cases", "run_case"]
