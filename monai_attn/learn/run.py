"""`learn`: labelled cases and minutes in, a bundle with its scores out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.bundle.locate import label_table, read_metadata
from monai_attn.cases import split_record_of
from monai_attn.cases.labelled import LabelledSet, find_labelled
from monai_attn.cases.split import read_split
from monai_attn.errors import InputError
from monai_attn.io import write_bytes_atomic
from monai_attn.labels import LabelTable, pairs_of
from monai_attn.learn.chosen import with_choices
from monai_attn.learn.fingerprint import Fingerprint, FingerprintSoFar
from monai_attn.learn.learned import Learned, Now, Progress
from monai_attn.learn.plan_file import read_plan, write_plan
from monai_attn.learn.planning import SCORING, Task, planned, refuse_long_reading
from monai_attn.learn.result import CLOSING, OPENING, describe_bundle
from monai_attn.learn.rows import split_of
from monai_attn.learn.trainings import run_trainings, seconds_left
from monai_attn.learn.transfer import find_start, with_codes_of
from monai_attn.learn.words import check_words
from monai_attn.learn.write import change_configs, check_output, check_overrides, nothing_left
from monai_attn.preflight.labelled_checks import check_labelled, findings_text, refuse_training
from monai_attn.preflight.labelled_figures import read_cases
from monai_attn.preflight.labelled_sets import with_modalities
from monai_attn.training import Point

__all__ = ["learn"]

logger = logging.getLogger(__name__)

MINUTES = 60.0
"""The time of a training where none is given."""


def learn(
    dataset: str | Path,
    output: str | Path,
    *,
    minutes: float | None = None,
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
    - `minutes`: for everything: reading, planning, training, validation, scores and model card (60 if none are given).
    - `initial`: a bundle whose weights the training begins with: a shipped name or a folder. Grid, window and network
      are those of that bundle then; the plan says what was taken over. Without `labels`, structures of the same name
      get its colours and codes, where the data set has none.
    - `folds`: train so many networks, each of which holds other cases out for its validation. They share the minutes,
      and the bundle is the mean of them.
    - `resume`: go on with the training in `output`, with what is left of its minutes. Its minutes, labels, folds and
      first weights stay; `overrides` change the rest of it.
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
    if minutes is not None and (not minutes > 0 or not math.isfinite(minutes)):
        raise InputError(f"{minutes:g} minutes are no time for a training. Give a number above 0, such as 20.")
    root, place = _named(Path(output)), Path(dataset)
    tell = progress or _nothing
    check_output(root, resume=resume)
    labelled = find_labelled(place)
    if labels is not None:
        labelled = labelled.named(labels)
    if resume:
        kept = {"minutes": minutes, "labels": labels, "folds": folds, "first weights": initial}
        for name, value in kept.items():
            if value is not None:
                raise InputError(f"A training that goes on keeps its {name}. Leave them out, or begin a new one.")
        return _go_on(root, place, labelled, overrides or {}, tell, wanted)
    if folds is not None and folds < 2:
        raise InputError(f"{folds} folds are none. Give 2 or more, such as 5, or leave folds out.")
    check_overrides(labelled, overrides or {})
    start = None if initial is None else find_start(initial)
    if start is not None and labels is None:
        labelled = labelled.named(with_codes_of(start, labelled.labels))
    check_words(root, labelled)
    before = None if start is None else split_record_of(start.bundle.weights)
    split = split_of(labelled, [case.name for case in labelled], folds, before=before)
    if not split["train"]:
        raise InputError(
            f"All {len(labelled)} cases of {labelled.name} are said to be for the validation or the test, so there is "
            "none to learn from. Give some cases the part train, or no part."
        )
    minutes = MINUTES if minutes is None else minutes
    end = began + 60 * minutes
    with nothing_left(root):
        labelled, fingerprint = _checked(root, labelled, split["train"], tell)
        refuse_long_reading(len(labelled), time.monotonic() - began, minutes)
        task = Task(root, place.absolute(), labelled, fingerprint, split, dict(overrides or {}), start, folds or 1)
        plan, scoring = planned(task, end, tell)
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


def _named(root: Path) -> Path:
    """The folder, whole where its last part is no name: the bundle in "." is called after the folder."""
    return root if root.name not in ("", "..") else root.resolve()


def _nothing(now: Now) -> None:
    """Progress that nobody watches."""
    del now


def _listener(progress: Progress, end: float) -> Callable[[Point], None]:
    began = time.monotonic()

    def listen(point: Point) -> None:
        share = (time.monotonic() - began) / max(end - began, 1e-3)
        progress(Now("train", min(share, 1.0), point))

    return listen


def _check_same(root: Path, labelled: LabelledSet) -> None:
    """Raise `InputError` where a data set lacks cases with which the training in a folder began."""
    split = read_split(root / "configs" / "split.json")
    missing = sorted({name for names in split.values() for name in names} - {case.name for case in labelled})
    if missing:
        raise InputError(
            f"{labelled.name} lacks {len(missing)} of the cases with which the training began ({missing[0]} ...). Name "
            "the data set of its beginning, or begin a new training in another folder."
        )


def _go_on(
    root: Path,
    dataset: Path,
    labelled: LabelledSet,
    overrides: Mapping[str, Any],
    progress: Progress,
    wanted: Callable[[], bool] | None,
) -> Learned:
    """Resume the training of a folder, for what is left of its minutes. Raises `InputError` for other data."""
    _check_same(root, labelled)
    plan = with_choices(read_plan(root / "docs" / "plan.json"), overrides)
    if overrides:
        change_configs(root, overrides)
        write_plan(plan, root / "docs" / "plan.json")
    labelled = labelled.named(label_table(read_metadata(root)))
    left = seconds_left(root, plan.minutes)
    listener = _listener(progress, time.monotonic() + left)
    finished = run_trainings(root, dataset.absolute(), left, listener=listener, wanted=wanted)
    end = time.monotonic() + max(SCORING * 60 * plan.minutes, OPENING + CLOSING)
    return describe_bundle(root, labelled, plan, end, finished=finished, progress=progress)
