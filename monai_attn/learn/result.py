"""What comes after the training: the best weights installed, unseen cases scored, model card and pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monai_attn.bundle.locate import read_metadata
from monai_attn.cases import SplitRecord, split_record_of
from monai_attn.cases.labelled import LabelledCase, LabelledSet
from monai_attn.io import write_bytes_atomic
from monai_attn.io.jsonfile import read_json
from monai_attn.learn.card import write_card
from monai_attn.learn.guess import usual_places
from monai_attn.learn.learned import Learned, Now, Progress
from monai_attn.learn.pictures import draw_cases, draw_curve
from monai_attn.learn.plan import Plan
from monai_attn.learn.score import Kind, Scores, score_cases
from monai_attn.learn.trainings import curve_of, install_weights
from monai_attn.learn.write import write_json
from monai_attn.measure import to_csv

__all__ = ["CLOSING", "OPENING", "describe_bundle"]

CLOSING = 4.0
"""Seconds for the pictures and the model card."""

OPENING = 9.0
"""Seconds for opening the new bundle, and for the first comparison of its back-end with PyTorch."""


def describe_bundle(
    root: Path, labelled: LabelledSet, plan: Plan, end: float, *, finished: bool, progress: Progress
) -> Learned:
    """Install the best weights, score the bundle on unseen cases until `end`, and describe it.

    Where no case is unseen by these weights and by those that the training began with, the scores say so.

    `end` is a time of `time.monotonic()`. Where the training was not `finished`, three cases are scored. Raises what
    reading the cases raises.
    """
    install_weights(root)
    split = read_json(root / "configs" / "split.json")
    names, kind = _scored(split, split_record_of(root / "models" / "model.pt"))
    cases: list[LabelledCase] = [labelled[name] for name in names]
    nothing = Scores((), (), len(cases), kind)
    write_card(root, labelled, plan, split, nothing, curve_of(root), finished=finished, pictures={})  # if it ends here
    scores = score_cases(
        root,
        cases,
        labelled.labels,
        kind=kind,
        deadline=end - CLOSING if finished else time.monotonic(),
        places=usual_places([labelled[name] for name in split["train"]], labelled.labels),
        progress=lambda done, total: progress(Now("score", done / max(total, 1))),
    )
    progress(Now("describe"))
    learned = Learned(root, plan, scores, finished)
    curve = curve_of(root)
    docs = root / "docs"
    write_bytes_atomic(docs / "scores.csv", to_csv(list(scores.rows)).encode(), overwrite=True)
    pictures = {}
    if find_spec("matplotlib") is not None:
        pictures = {"curve.png": draw_curve(curve, docs / "curve.png"), **draw_cases(labelled, scores, docs)}
    write_card(root, labelled, plan, split, scores, curve, finished=finished, pictures=pictures)
    metadata = read_metadata(root)
    dice = learned.mean_dice
    metadata["eval_metrics"] = {} if math.isnan(dice) else {"mean_dice": round(dice, 3)}
    write_json(root / "configs" / "metadata.json", metadata)
    return learned


def _scored(split: Mapping[str, Any], record: SplitRecord | None) -> tuple[Sequence[str], Kind]:
    """The cases to be scored, and what the weights know of them, by the record of all that they have seen.

    Test cases that no weights saw; else those of the validation that none learned from; else what there is. Of several
    folds each case of the validation was learned from by the networks of the other folds.
    """
    if record is None or not record.complete:
        return split["test"] or split["validation"], "seen"
    unseen = [name for name in split["test"] if record.has_seen(name) == "no"]
    if unseen:
        return unseen, "unseen"
    of_folds = [name for fold in split.get("folds") or [] for name in fold]
    learned = SplitRecord((*record.train, *record.before, *of_folds))
    chosen = [name for name in split["validation"] if learned.has_seen(name) == "no"]
    return (chosen, "validation") if chosen else (split["test"] or split["validation"], "seen")
