"""The pictures of a model card: the learning curve, and the best, the median and the worst case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from monai_attn.cases.labelled import LabelledSet
from monai_attn.io import write_bytes_atomic
from monai_attn.labels import LabelTable
from monai_attn.learn.score import Kind, Scores
from monai_attn.report.drawing import Scene, new_figure, plain, to_png
from monai_attn.report.pictures import overview
from monai_attn.report.window import window_of
from monai_attn.training import Point
from monai_attn.volume import Volume, same_grid

__all__ = ["chosen_cases", "draw_cases", "draw_curve"]


CASES: Mapping[Kind, str] = {
    "unseen": "unseen case",
    "validation": "case of the validation",
    "seen": "case of the training",
}
"""What captions call a case that was scored."""


def draw_curve(curve: Sequence[Point], path: Path) -> str:
    """Draw loss and Dice of the validation over the minutes into a PNG; gives the caption."""
    figure = new_figure(9, 3.6, layout="constrained")
    axis = figure.subplots()
    losses = [(point.seconds / 60, point.loss) for point in curve if point.loss is not None]
    if losses:
        axis.plot(*zip(*losses, strict=True), color="#5a6673", linewidth=1.2, label="loss")
    axis.set_xlabel("minutes of training")
    axis.set_ylabel("loss")
    other = axis.twinx()
    scored = [point for point in curve if point.mean_dice is not None]
    for name in dict.fromkeys(name for point in scored for name in point.dice):
        values = [(point.seconds / 60, point.dice.get(name, math.nan)) for point in scored]
        other.plot(*zip(*values, strict=True), linewidth=0.9, marker=".", label=plain(name))
    if scored:
        means = [(point.seconds / 60, point.mean_dice) for point in scored]
        other.plot(*zip(*means, strict=True), color="black", linewidth=2, marker="o", label="mean")
    other.set_ylim(0, 1)
    other.set_ylabel("Dice of the validation")
    lines = [*axis.get_lines(), *other.get_lines()]
    figure.legend(handles=lines, loc="outside right center", frameon=False, fontsize=8)
    write_bytes_atomic(path, to_png(figure), overwrite=True)
    return "Loss, and Dice of the validation cases, over the minutes of the training."


def chosen_cases(scores: Scores) -> dict[str, str]:
    """The names of the worst, the median and the best case by mean Dice; fewer where fewer were scored."""
    means: dict[str, float] = {}
    for case in scores.cases:
        values = [row["dice"] for row in scores.rows if row["case"] == case and not math.isnan(row["dice"])]
        if values:
            means[case] = float(np.mean(values))
    ordered = sorted(means, key=lambda case: means[case])
    if not ordered:
        return {}
    chosen: dict[str, str] = {}
    for what, case in (("worst", ordered[0]), ("best", ordered[-1]), ("median", ordered[len(ordered) // 2])):
        if case not in chosen.values():
            chosen[what] = case
    return {what: chosen[what] for what in ("best", "median", "worst") if what in chosen}


def draw_cases(labelled: LabelledSet, scores: Scores, folder: Path) -> dict[str, str]:
    """Draw the best, median and worst case, masks in colour and references dashed; captions by file name."""
    captions = {}
    for what, name in chosen_cases(scores).items():
        case = labelled[name]
        image = next(iter(case.images.values())).read()
        prediction, reference = scores.masks[name].unpacked(), case.label.read(like=image)
        table = LabelTable(tuple(labelled.labels[value] for value in case.scored(labelled.labels)))
        shown = reference if same_grid(reference, prediction) else None
        scene = Scene.of(image, _only(prediction, table), table, window_of(image), shown and _only(shown, table))
        file = f"{what}.png"
        picture = overview(scene, f"{what} case: {name}", reference=True)
        write_bytes_atomic(folder / file, picture, overwrite=True)
        captions[file] = f"The {what} {CASES[scores.kind]} by mean Dice ({name}): masks in colour, references dashed."
    return captions


def _only(labels: Volume, table: LabelTable) -> Volume:
    """The label map without structures that are not scored."""
    array = np.asarray(labels.array)
    return labels.with_array(np.where(np.isin(array, [label.value for label in table]), array, 0).astype(np.uint16))
