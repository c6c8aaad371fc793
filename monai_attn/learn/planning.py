"""The plan of a training, written into its folder and timed on this computer."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from monai_attn.cases.labelled import LabelledSet
from monai_attn.errors import InputError
from monai_attn.learn.chosen import with_choices
from monai_attn.learn.fingerprint import Fingerprint
from monai_attn.learn.learned import Now, Progress
from monai_attn.learn.pace import FEW_STEPS, Pace, cheaper, with_pace
from monai_attn.learn.plan import Machine, Plan, make_plan
from monai_attn.learn.result import CLOSING, OPENING
from monai_attn.learn.transfer import Start, copy_weights, with_start
from monai_attn.learn.workflow import measure_pace
from monai_attn.learn.write import write_bundle
from monai_attn.preflight.memory import available_bytes

__all__ = ["SCORING", "Task", "planned", "refuse_long_reading", "this_machine"]

SCORING = 0.25
"""The share of the minutes that the scores of unseen cases may take."""

DENSER = 1.1
"""How much longer a mask takes than a validation: its windows are denser, its back-end is faster. 1.0 on CTs."""

DISTANCES = 0.25
"""Seconds that scores and distances of a case take for a million voxels, about."""

MOST_READING = 0.75
"""The share of the minutes that reading may take at most, so that something is left for the training."""

LONG_READING = 60.0
"""Seconds of reading that nobody minds, however short the training."""

MEASURING = 0.04
"""The share of the minutes in which the time of a step is measured."""


def refuse_long_reading(cases: int, seconds: float, minutes: float) -> None:
    """Raises `InputError` where reading the cases, now and again for the training, takes most of the minutes."""
    if seconds > LONG_READING and 2 * seconds > MOST_READING * 60 * minutes:
        raise InputError(
            f"To read and check {cases} cases took {seconds / 60:.1f} minutes, and the training reads its cases again. "
            f"That leaves too little of {minutes:g} minutes. Give {math.ceil(8 * seconds / 60)} minutes or more, or "
            "fewer cases."
        )


def this_machine() -> Machine:
    """What computes here."""
    cores = torch.get_num_threads()
    memory = available_bytes() or 8 * 2**30
    return Machine("gpu" if torch.cuda.is_available() else "cpu", cores, memory)


@dataclass(frozen=True)
class Task:
    """All that a plan is made of."""

    root: Path
    dataset: Path
    labelled: LabelledSet
    fingerprint: Fingerprint
    split: Mapping[str, Any]
    overrides: dict[str, Any]
    start: Start | None
    folds: int

    def write(self, plan: Plan) -> Plan:
        """Write the bundle of a plan; the plan with the decisions that the user took in its place."""
        plan = with_choices(plan, self.overrides)
        taken = {} if self.start is None else copy_weights(self.start, self.root, self.labelled.labels)
        write_bundle(self.root, self.labelled, plan, self.fingerprint, self.split, {**taken, **self.overrides})
        return plan


def planned(task: Task, end: float, progress: Progress) -> tuple[Plan, float]:
    """The written plan, with its pace measured, and the seconds kept for the scores."""
    progress(Now("plan"))
    total = max(end - time.monotonic(), 1.0)
    plan = make_plan(task.fingerprint, total / 60, this_machine(), len(task.split["validation"]))
    if task.start is not None:
        plan = with_start(plan, task.start)
    task.write(plan)
    progress(Now("measure"))
    pace = measure_pace(task.root, task.dataset, MEASURING * total / 60)
    left = end - time.monotonic()
    _refuse_long_preparing(task, pace, left)
    unseen = len(task.split["test"] or task.split["validation"])
    scoring = min(_scoring_seconds(unseen, pace, task), SCORING * max(left, 0.0)) + OPENING + CLOSING
    plan = replace(plan, minutes=max(left - scoring, 1.0) / 60 / task.folds)
    timed = with_pace(plan, pace)
    while task.start is None and (timed.steps or 0) < FEW_STEPS and (less := cheaper(plan)) != plan:
        plan, pace = less, replace(pace, step_seconds=pace.step_seconds / 2)
        timed = with_pace(plan, pace)
    if task.overrides.get("max_steps"):
        timed = with_pace(plan, pace, int(task.overrides["max_steps"]))
    return task.write(timed), scoring


def _refuse_long_preparing(task: Task, pace: Pace, left: float) -> None:
    """Raises `InputError` where each training would prepare its cases for most of its time."""
    cases = task.fingerprint.cases
    seconds = task.folds * cases * pace.prepare_seconds
    if seconds > LONG_READING and seconds > MOST_READING * left:
        of_folds = f" for each of {task.folds} folds" if task.folds > 1 else ""
        raise InputError(
            f"To prepare {cases} cases for the training takes {seconds / task.folds / 60:.1f} minutes{of_folds}, and "
            f"{left / 60:.1f} minutes are left. Give {math.ceil(4 * seconds / 60)} minutes or more, or fewer cases."
        )


def _scoring_seconds(cases: int, pace: Pace, task: Task) -> float:
    """How long the scores of so many cases take: with denser windows than a validation, and with distances."""
    million = math.prod(task.fingerprint.images[0].size) / 1e6
    return cases * (DENSER * task.folds * pace.case_seconds + 0.5 + DISTANCES * million)
