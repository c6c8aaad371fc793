"""Many cases, one result each: segmented, measured or compared. `segment` is a cohort of one.

The command line calls this room, and a script can do so too. A failure stays with its case: each case gives a row, with
results or with the sentence that says why there are none.

Each name is loaded when it is first used: a command that segments one image needs few of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_attn.cases import Case, find_cases
    from monai_attn.cohort.compare import Compared, Criteria, compare_pair, comparison_rows, complete
    from monai_attn.cohort.executors import DaskWorkers, LocalProcesses, Workers, workers_of
    from monai_attn.cohort.measure import Measured, find_label, measure_case
    from monai_attn.cohort.pairs import Pair, find_pairs
    from monai_attn.cohort.plan import Survey, done_cases, survey
    from monai_attn.cohort.recipe import Recipe, Row
    from monai_attn.cohort.run import run_cases
    from monai_attn.cohort.spread import spread_cases

__all__ = [
    "Case",
    "Compared",
    "Criteria",
    "DaskWorkers",
    "LocalProcesses",
    "Measured",
    "Pair",
    "Recipe",
    "Row",
    "Survey",
    "Workers",
    "compare_pair",
    "comparison_rows",
    "complete",
    "done_cases",
    "find_cases",
    "find_label",
    "find_pairs",
    "measure_case",
    "run_cases",
    "spread_cases",
    "survey",
    "workers_of",
]

_FILES = {
    "cases": "Case find_cases",
    "cohort.compare": "Compared Criteria compare_pair comparison_rows complete",
    "cohort.executors": "DaskWorkers LocalProcesses Workers workers_of",
    "cohort.measure": "Measured find_label measure_case",
    "cohort.pairs": "Pair find_pairs",
    "cohort.plan": "Survey done_cases survey",
    "cohort.recipe": "Recipe Row",
    "cohort.run": "run_cases",
    "cohort.spread": "spread_cases",
}
"""Where each name stands."""

_HOMES = {name: file for file, names in _FILES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"monai_attn.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'monai_attn.cohort' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
