"""Many cases, one result each: segmented, measured or compared. `segment` is a cohort of one.

The command line calls this room, and a script can do so too. A failure stays with its case: each case gives a row, with
results or with the sentence that says why there are none.

Each name is loaded when it is first used: a command that segments one image needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from monai_attn.cases import Case, find_cases

if TYPE_CHECKING:
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
    "compare": "Compared Criteria compare_pair comparison_rows complete",
    "executors": "DaskWorkers LocalProcesses Workers workers_of",
    "measure": "Measured find_label measure_case",
    "pairs": "Pair find_pairs",
    "plan": "Survey done_cases survey",
    "recipe": "Recipe Row",
    "run": "run_cases",
    "spread": "spread_cases",
}
"""Where each name stands."""

__getattr__, __dir__, _ = lazy_loader.attach(__name__, (), {file: names.split() for file, names in _FILES.items()})
