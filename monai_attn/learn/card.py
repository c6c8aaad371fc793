"""The model card of a trained bundle: data, plan, scores with their spread and worst cases, limits, commands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from monai_attn.cases.labelled import LabelledSet
from monai_attn.io import write_bytes_atomic
from monai_attn.learn.plan import Plan
from monai_attn.learn.score import KINDS, Kind, Scores
from monai_attn.measure import SizeClass, by_size
from monai_attn.notice import RESEARCH_USE
from monai_attn.training import Point, summary_of
from monai_attn.wording import counted

__all__ = ["DECISIONS", "write_card"]

DECISIONS = {
    "minutes": "time",
    "steps": "steps",
    "spacing_mm": "grid (mm)",
    "window": "window (voxels)",
    "batch": "windows in a step",
    "channels": "features",
    "strides": "strides",
    "norm": "normalisation in the network",
    "normalisation": "grey values",
    "mirror": "mirrored axes",
    "pairs": "pairs",
    "deform": "share of windows deformed",
    "zoom": "zoom",
    "rotate": "rotation (rad)",
    "foreground": "windows with a structure",
    "class_weights": "class weights",
    "learning_rate": "learning rate",
    "head_rate": "rate of the last layers",
    "background": "first bias",
    "average": "average of weights",
    "deep_supervision": "deep supervision",
    "validation_cases": "validation cases",
    "overlap": "overlap",
    "in_memory": "prepared cases in memory",
    "initial": "first weights",
}
"""The decisions of a plan in the order of the card, and what the card calls each."""

CAVEATS: Mapping[Kind, str] = {
    "unseen": "",
    "validation": ": there is no case to spare for a test, so unseen cases may score lower",
    "seen": ": there is no other case, so these scores say nothing of new patients",
}
"""What the card adds to the words for the cases that were scored."""


def write_card(
    root: Path,
    labelled: LabelledSet,
    plan: Plan,
    split: Mapping[str, Any],
    scores: Scores,
    curve: Sequence[Point],
    *,
    finished: bool,
    pictures: Mapping[str, str],
) -> None:
    """Write docs/README.md of a bundle; an earlier card is replaced. `pictures` are captions by file name."""
    structures = ", ".join(label.name for label in labelled.labels)
    parts = [
        f"# {root.name}",
        f"A 3-D attention U-Net that segments {structures}. It was trained by `monai-attn learn`. {RESEARCH_USE}",
        "\n".join(_summary(labelled, plan, len(split.get("folds") or []), finished)),
        "## Data\n\n" + "\n".join(_data(labelled, split)),
        "## Results\n\n" + "\n".join(_results(scores)),
        *(f"![{caption}]({name})\n\n{caption}" for name, caption in pictures.items()),
        "## Training\n\n" + "\n".join(_training(plan, curve)),
        "## Run it\n\n" + _commands(root.name),
        "## Limits\n\n" + "\n".join(_limits(scores, curve)),
        "## Fill in\n\n- `LICENSE`, `docs/data_license.txt`, `authors` and `copyright` in `configs/metadata.json`.\n"
        "- Who drew the reference masks, by which rules, and on which patients and scanners.",
    ]
    write_bytes_atomic(root / "docs" / "README.md", ("\n\n".join(parts) + "\n").encode(), overwrite=True)


def _summary(labelled: LabelledSet, plan: Plan, folds: int, finished: bool) -> list[str]:
    images = ", ".join(f"{one.name} ({one.modality or 'modality not known'})" for one in labelled.images)
    ended = "" if finished else " The training was ended before its time."
    of_each = f"{folds} networks, each in " if folds else ""
    return [
        "| | |",
        "|---|---|",
        f"| input | {images} |",
        f"| output | a label map on the grid of the input: 0 background, {_values(labelled)} |",
        f"| network | `monai_attn.networks.AttnUNet`, attention gates, features {' '.join(map(str, plan.channels))} |",
        f"| training | {of_each}{plan.minutes:.1f} minutes, about {plan.steps} steps.{ended} |",
    ]


def _values(labelled: LabelledSet) -> str:
    return ", ".join(f"{label.value} {label.name}" for label in labelled.labels)


def _data(labelled: LabelledSet, split: Mapping[str, Any]) -> list[str]:
    counts = {part: len(split[part]) for part in ("train", "validation", "test")}
    lines = [
        f"{labelled.name}: {len(labelled)} labelled cases. Licence: {labelled.licence or 'fill in'}. "
        f"Source: {labelled.reference or 'fill in'}.",
        "",
        _parts(counts, len(split.get("folds") or [])),
    ]
    undrawn = [case for case in labelled if len(case.known(labelled.labels)) < len(labelled.labels)]
    if undrawn:
        lines += [
            "",
            f"In {len(undrawn)} cases some structures were not drawn. They count as unknown there, not as background: "
            "the loss and the scores leave them out.",
        ]
    return lines


def _parts(counts: Mapping[str, int], folds: int) -> str:
    """What the cases served for, in words."""
    train, validation, test = (counts[part] for part in ("train", "validation", "test"))
    learned = (
        f"The weights learned from {train} cases; {counted(validation, 'case')} chose among the weights, and {test} "
        "chose nothing."
    )
    if folds:
        learned = (
            f"{train + validation} cases were dealt to {folds} folds. Each of {folds} networks learned from the other "
            f"folds, and its own fold chose among its weights. {counted(test, 'case')} chose nothing."
        )
    return f"{learned} `configs/split.json` lists them."


def _results(scores: Scores) -> list[str]:
    """The table of scores by structure."""
    what = KINDS[scores.kind] + CAVEATS[scores.kind]
    short = len(scores.cases) < scores.wanted
    done = len(scores.cases)
    many = f"{done} of {counted(scores.wanted, 'case')}" if short else counted(done, "case")
    lines = [
        f"{many} {what}{'; the time allowed no more' if short else ''}. Dice and HD95 are those of monai_attn's "
        "docs/measurements.md. The guess is an ellipsoid of the usual size at the usual place in the image, which "
        "looks at no grey value.",
        "",
        "| structure | cases | Dice mean | SD | median | worst (case) | next worst | HD95 median (mm) | missed "
        "| guess, Dice mean |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in summary_of(scores.rows)["labels"].items():
        dice, distance = row["dice"], row["hd95_mm"]
        lines.append(
            f"| {name} | {dice['defined']} | {_number(dice['mean'])} | {_number(dice['sd'])} | "
            f"{_number(dice['median'])} | {_number(dice['worst'])} ({dice['worst_case'] or '-'}) | "
            f"{_next_worst(scores, name)} | {_number(distance['median'], 1)} | {distance['infinite']} | "
            f"{_number(_guess(scores, name))} |"
        )
    lines += ["", "Missed counts cases in which the mask or the reference has no voxel of the structure, and not both."]
    sizes = by_size(scores.rows)
    return [*lines, "", *_by_size(sizes)] if sizes else lines


def _guess(scores: Scores, name: str) -> float:
    """The mean Dice of the guess for a structure; nan where there was no guess."""
    found = [row["guess_dice"] for row in scores.rows if row["name"] == name and "guess_dice" in row]
    found = [dice for dice in found if not math.isnan(dice)]
    return sum(found) / len(found) if found else float("nan")


def _by_size(sizes: Sequence[SizeClass]) -> list[str]:
    """The table of scores by size class."""
    return [
        "By the volume of the reference. The volume error has its sign: above 0 the mask is too large.",
        "",
        "| structure | size | cases | Dice mean | volume error median | sensitivity | precision | ASSD median (mm) |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.title} | {one.cases} | {_number(one.dice_mean)} | {100 * one.volume_error:+.0f} % | "
            f"{_number(one.sensitivity_mean, 2)} | {_number(one.precision_mean, 2)} | "
            f"{_number(one.assd_median_mm, 1)} |"
            for one in sizes
            if one.cases
        ),
    ]


def _next_worst(scores: Scores, name: str) -> str:
    """The second and third lowest Dice of a structure, with their cases."""
    rows = [row for row in scores.rows if row["name"] == name and not math.isnan(row["dice"])]
    ordered = sorted(rows, key=lambda row: float(row["dice"]))[1:3]
    return ", ".join(f"{row['dice']:.3f} ({row['case']})" for row in ordered) or "-"


def _training(plan: Plan, curve: Sequence[Point]) -> list[str]:
    steps = max((point.step for point in curve), default=0)
    rows = plan.to_json()
    lines = [
        f"`configs/train.json` is the training as it ran: {steps} steps. Each decision of the plan, and the reason "
        "(docs/plan.json):",
        "",
        "| decision | value | reason |",
        "|---|---|---|",
    ]
    for key, words in DECISIONS.items():
        why = rows[key]["why"]
        if why:
            lines.append(f"| {words} | {_short(key, rows[key]['value'])} | {why} |")
    return lines


def _short(key: str, value: Any) -> str:
    """The value of a decision, in few words."""
    if key == "normalisation":
        return ", ".join(one["transforms"][0]["_target_"].removesuffix("d") for one in value)
    if key == "norm" and isinstance(value, list):
        return str(value[0])  # a name and its options
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return (
            " ".join(_short("", one) if not isinstance(one, list) else "x".join(map(str, one)) for one in value) or "-"
        )
    return "-" if value is None else str(value)


def _commands(name: str) -> str:
    train, inference = (quote(f"{name}/configs/{one}.json") for one in ("train", "inference"))
    return f"""```bash
monai-attn segment IMAGE -b {quote(name)} -o masks --trust
python -m monai.bundle run --config_file {inference} --dataset_dir images --output_dir masks
python -m monai.bundle run --config_file "['{name}/configs/train.json','{name}/configs/evaluate.json']" \\
    --dataset_dir DATASET --output_dir scores
python -m monai.bundle run --config_file {train} --dataset_dir DATASET --output_dir run
```"""


def _limits(scores: Scores, curve: Sequence[Point]) -> list[str]:
    lines = [
        "- The scores hold for images like those of the data set. Measure the bundle on your own images before you "
        "rely on it.",
        "- What the training images and structures were like stands under `made_for` in `configs/metadata.json`. "
        "Images and masks far from these ranges are refused or get a warning.",
    ]
    last = next((point for point in reversed(curve) if point.mean_dice is not None), None)
    if last is not None and last.missed:
        lines.append(f"- The last validation found no voxel of {', '.join(last.missed)}. More minutes may help.")
    if scores.kind != "unseen":
        lines.append("- No case was unseen: more labelled cases would allow an honest test.")
    return lines


def _number(value: float, digits: int = 3) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
