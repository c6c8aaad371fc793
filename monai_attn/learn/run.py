"""`learn`: labelled cases and minutes in, a bundle with its scores out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from monai_attn.bundle.locate import label_table, read_metadata
from monai_attn.cases import split_record_of
from monai_attn.cases.labelled import LabelledSet, find_labelled
from monai_attn.errors import InputError
from monai_attn.io import write_bytes_atomic
from monai_attn.labels import LabelTable, pairs_of
from monai_attn.learn.chosen import with_choices
from monai_attn.learn.fingerprint import Fingerprint, FingerprintSoFar
from monai_attn.learn.learned import Learned, Now, Progress
from monai_attn.learn.plan import FEW_STEPS, Machine, Pace, Plan, cheaper, make_plan, with_pace
from monai_attn.learn.plan_file import read_plan, write_plan
from monai_attn.learn.result import CLOSING, describe_bundle
from monai_attn.learn.rows import split_of
from monai_attn.learn.trainings import run_trainings, seconds_left
from monai_attn.learn.transfer import Start, copy_weights, find_start, with_codes_of, with_start
from monai_attn.learn.workflow import measure_pace
from monai_attn.learn.write import change_configs, check_output, check_overrides, nothing_left, write_bundle
from monai_attn.preflight.labelled_checks import check_labelled, findings_text, refuse_training
from monai_attn.preflight.labelled_figures import read_cases
from monai_attn.preflight.labelled_sets import with_modalities
from monai_attn.preflight.memory import available_bytes
from monai_attn.training import Point

__all__ = ["learn", "this_machine"]

logger = logging.getLogger(__name__)

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

WORDS = {"labels": "labels", "folds": "folds", "initial": "first weights"}
"""What a training that goes on keeps."""


def learn(
    dataset: str | Path,
    output: str | Path,
    *,
    minutes: float = 60.0,
    initial: str | Path | None = None,
    folds: int | None = None,
    resume: bool = False,
    overrides: Mapping[str, Any] | None = None,
    labels: LabelTable | None = None,
    progress: Progress | None = None,
    wanted: Callable[[], bool] | None = None,
) -> Learned:
    """Train a bundle on labelled cases within `minutes`, and score it on cases that the training never saw.

    - `dataset`: labelled cases in any layout that `monai_attn.cases.labelled.find_labelled` knows.
    - `output`: the new folder of the bundle.
    - `minutes`: for everything: reading, planning, training, validation, scores and model card.
    - `initial`: a bundle whose weights the training begins with: a shipped name or a folder. Grid, window and network
      are those of that bundle then; the plan says what was taken over. Without `labels`, structures of the same name
      get its colours and codes, where the data set has none.
    - `folds`: train so many networks, each of which holds other cases out for its validation. They share the minutes,
      and the bundle is the mean of them.
    - `resume`: go on with the training in `output`, with what is left of its minutes. Its labels, folds and first
      weights stay; `overrides` change the rest of it.
    - `overrides`: values of the bundle's train.json by id, for example `{"roi_size": [64, 64, 48]}`.
    - `labels`: names, colours and codes (such as SNOMED CT) of the structures, in place of those of the data set.
    - `progress(now)`: called with what is being done; see `Now`.
    - `wanted()`: asked after each step; true ends the training, and its best weights become the bundle.

    Ctrl-C ends the training in the same way; before the training, Ctrl-C and errors leave nothing in `output`. Raises
    `InputError` for data or minutes that cannot be used, `FileError` for an output that exists, `OverrideError` for an
    unknown id, and `BundleError` when the training fails.

    >>> learned = learn("Task04_Hippocampus", "my_bundle", minutes=20)  # doctest: +SKIP
    >>> learned.mean_dice  # doctest: +SKIP
    0.87
    """
    began = time.monotonic()
    if not minutes > 0 or not math.isfinite(minutes):
        raise InputError(f"{minutes:g} minutes are no time for a training. Give a number above 0, such as 20.")
    root, place = Path(output), Path(dataset)
    tell = progress or _nothing
    check_output(root, resume=resume)
    labelled = find_labelled(place)
    if labels is not None:
        labelled = labelled.named(labels)
    end = began + 60 * minutes
    if resume:
        for name, value in {"labels": labels, "folds": folds, "initial": initial}.items():
            if value is not None:
                raise InputError(
                    f"A training that goes on keeps its {WORDS[name]}. Leave them out, or begin a new one."
                )
        return _go_on(root, place, labelled, overrides or {}, tell, wanted)
    if folds is not None and folds < 2:
        raise InputError(f"{folds} folds are none. Give 2 or more, such as 5, or leave folds out.")
    check_overrides(labelled, overrides or {})
    start = None if initial is None else find_start(initial)
    if start is not None and labels is None:
        labelled = labelled.named(with_codes_of(start, labelled.labels))
    before = None if start is None else split_record_of(start.bundle.weights)
    split = split_of(labelled, [case.name for case in labelled], folds, before=before)
    with nothing_left(root):
        labelled, fingerprint = _checked(root, labelled, split["train"], tell)
        _refuse_long_reading(len(labelled), time.monotonic() - began, minutes)
        task = _Task(root, place.absolute(), labelled, fingerprint, split, dict(overrides or {}), start, folds or 1)
        plan, scoring = _planned(task, end, tell)
    left = end - scoring - time.monotonic()
    listener = _listener(tell, end - scoring)
    finished = run_trainings(root, place.absolute(), left, listener=listener, wanted=wanted)
    return describe_bundle(root, labelled, plan, end, finished=finished, progress=tell)


def _checked(
    root: Path, labelled: LabelledSet, learned: Sequence[str], progress: Progress
) -> tuple[LabelledSet, Fingerprint]:
    """Read and check every case; the fingerprint of those that the network learns from. Raises `InputError`.

    The data set comes back with the modality of images of which it does not say one.
    """
    so_far = FingerprintSoFar(labelled, learned)
    figures = read_cases(
        labelled.cases,
        labelled.labels,
        progress=lambda done, total: progress(Now("read", done / (total or done))),
        visit=so_far.visit,
    )
    findings = check_labelled(labelled, figures, pairs=pairs_of(labelled.labels))
    refuse_training(findings)
    if findings:
        progress(Now("check", text=findings_text(findings)))
    write_bytes_atomic(root / "docs" / "data_check.txt", f"{findings_text(findings)}\n".encode(), overwrite=True)
    known = with_modalities(labelled, figures)
    return known, so_far.fingerprint(known.images)


def _refuse_long_reading(cases: int, seconds: float, minutes: float) -> None:
    """Raises `InputError` where reading the cases, now and again for the training, takes most of the minutes."""
    if seconds > LONG_READING and 2 * seconds > MOST_READING * 60 * minutes:
        raise InputError(
            f"To read and check {cases} cases took {seconds / 60:.1f} minutes, and the training reads its cases again. "
            f"That leaves too little of {minutes:g} minutes. Give {math.ceil(8 * seconds / 60)} minutes or more, or "
            "fewer cases."
        )


@dataclass(frozen=True)
class _Task:
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
        taken = {} if self.start is None else copy_weights(self.start, self.root)
        write_bundle(self.root, self.labelled, plan, self.fingerprint, self.split, {**taken, **self.overrides})
        return plan


def this_machine() -> Machine:
    """What computes here."""
    cores = torch.get_num_threads()
    memory = available_bytes() or 8 * 2**30
    return Machine("gpu" if torch.cuda.is_available() else "cpu", cores, memory)


def _planned(task: _Task, end: float, progress: Progress) -> tuple[Plan, float]:
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
    scoring = min(_scoring_seconds(unseen, pace, task), SCORING * max(left, 0.0)) + CLOSING
    plan = replace(plan, minutes=max(left - scoring, 1.0) / 60 / task.folds)
    timed = with_pace(plan, pace)
    while task.start is None and (timed.steps or 0) < FEW_STEPS and (less := cheaper(plan)) != plan:
        plan, pace = less, replace(pace, step_seconds=pace.step_seconds / 2)
        timed = with_pace(plan, pace)
    if task.overrides.get("max_steps"):
        timed = with_pace(plan, pace, int(task.overrides["max_steps"]))
    return task.write(timed), scoring


def _refuse_long_preparing(task: _Task, pace: Pace, left: float) -> None:
    """Raises `InputError` where each training would prepare its cases for most of its time."""
    cases = task.fingerprint.cases
    seconds = task.folds * cases * pace.prepare_seconds
    if seconds > LONG_READING and seconds > MOST_READING * left:
        of_folds = f" for each of {task.folds} folds" if task.folds > 1 else ""
        raise InputError(
            f"To prepare {cases} cases for the training takes {seconds / task.folds / 60:.1f} minutes{of_folds}, and "
            f"{left / 60:.1f} minutes are left. Give {math.ceil(4 * seconds / 60)} minutes or more, or fewer cases."
        )


def _nothing(now: Now) -> None:
    """Progress that nobody watches."""
    del now


def _scoring_seconds(cases: int, pace: Pace, task: _Task) -> float:
    """How long the scores of so many cases take: with denser windows than a validation, and with distances."""
    million = math.prod(task.fingerprint.images[0].size) / 1e6
    return cases * (DENSER * task.folds * pace.case_seconds + 0.5 + DISTANCES * million)


def _listener(progress: Progress, end: float) -> Callable[[Point], None]:
    began = time.monotonic()

    def listen(point: Point) -> None:
        share = (time.monotonic() - began) / max(end - began, 1e-3)
        progress(Now("train", min(share, 1.0), point))

    return listen


def _go_on(
    root: Path,
    dataset: Path,
    labelled: LabelledSet,
    overrides: Mapping[str, Any],
    progress: Progress,
    wanted: Callable[[], bool] | None,
) -> Learned:
    """Resume the training of a folder, for what is left of the minutes of its plan."""
    plan = with_choices(read_plan(root / "docs" / "plan.json"), overrides)
    if overrides:
        change_configs(root, overrides)
        write_plan(plan, root / "docs" / "plan.json")
    labelled = labelled.named(label_table(read_metadata(root)))
    left = seconds_left(root, plan.minutes)
    listener = _listener(progress, time.monotonic() + left)
    finished = run_trainings(root, dataset.absolute(), left, listener=listener, wanted=wanted)
    end = time.monotonic() + max(SCORING * 60 * plan.minutes, CLOSING)
    return describe_bundle(root, labelled, plan, end, finished=finished, progress=progress)
