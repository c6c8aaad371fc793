"""What comes after the training: the best weights installed, unseen cases scored, model card and pictures."""

from __future__ import annotations

import math
import time
from importlib.util import find_spec
from pathlib import Path

from monai_attn.bundle.locate import read_metadata
from monai_attn.cases.labelled import LabelledCase, LabelledSet
from monai_attn.io import write_bytes_atomic
from monai_attn.io.jsonfile import read_json
from monai_attn.learn.card import write_card
from monai_attn.learn.guess import usual_places
from monai_attn.learn.learned import Learned, Now, Progress
from monai_attn.learn.pictures import draw_cases, draw_curve
from monai_attn.learn.plan import Plan
from monai_attn.learn.score import Scores, score_cases
from monai_attn.learn.trainings import curve_of, install_weights
from monai_attn.learn.write import write_json
from monai_attn.measure import to_csv

__all__ = ["CLOSING", "describe_bundle"]

CLOSING = 8.0
"""Seconds for opening the new bundle, its pictures and its model card."""


def describe_bundle(
    root: Path, labelled: LabelledSet, plan: Plan, end: float, *, finished: bool, progress: Progress
) -> Learned:
    """Install the best weights, score the bundle on unseen cases until `end`, and describe it.

    `end` is a time of `time.monotonic()`. Where the training was not `finished`, three cases are scored. Raises what
    reading the cases raises.
    """
    install_weights(root)
    split = read_json(root / "configs" / "split.json")
    cases: list[LabelledCase] = [labelled[name] for name in split["test"] or split["validation"]]
    nothing = Scores((), (), len(cases), unseen=bool(split["test"]))
    write_card(root, labelled, plan, split, nothing, curve_of(root), finished=finished, pictures={})  # if it ends here
    scores = score_cases(
        root,
        cases,
        labelled.labels,
        unseen=bool(split["test"]),
        deadline=end - CLOSING / 2 if finished else time.monotonic(),
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
