"""`monai-attn learn`: labelled cases and minutes in, a bundle out. docs/learn.md explains all of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cli._json import add_json
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.learn import Learned, Now

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn learn Task04_Hippocampus -o my_bundle --minutes 60
  monai-attn learn Task04_Hippocampus -o my_bundle --resume
  monai-attn learn corrected -o next --from my_bundle --minutes 5
  monai-attn learn Task04_Hippocampus -o my_bundle --minutes 20 --set roi_size=[48,48,48]
"""
"""Shown at the end of `monai-attn learn --help`."""

STAGES = {
    "read": "reading the training cases",
    "check": "what the check of the cases found:",
    "plan": "planning",
    "measure": "measuring the time of a step",
    "train": "training",
    "score": "scoring cases",
    "describe": "writing the model card",
}
"""What the terminal says of a stage."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["learn", "Task04_Hippocampus", "-o", "my_bundle", "--minutes", "20"]).minutes
    20.0
    """
    parser = subparsers.add_parser(
        "learn",
        help="train a bundle on your own labelled cases",
        description="Train a bundle on labelled cases in the minutes you give, and score it on cases that the training "
        f"never saw. {RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dataset", type=Path, help="labelled cases: a folder of images and masks in a usual layout, or a table (.csv)"
    )
    parser.add_argument("-o", "--output", required=True, type=Path, help="the new folder of the bundle")
    parser.add_argument(
        "--minutes",
        type=float,
        help="time for everything, scores and model card included (default: 60)",
    )
    parser.add_argument(
        "--from",
        dest="initial",
        metavar="BUNDLE",
        help="begin with the weights of a bundle: a shipped name, or a folder",
    )
    parser.add_argument(
        "--folds", type=int, metavar="N", help="train N networks on different cases, which share the minutes"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the training in the output folder, for what its minutes leave"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a value of the bundle's train.json, as in roi_size=[48,48,48]; may be repeated",
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="names, colours and codes of the labels (JSON, BIDS or ITK-SNAP)"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, print the scores; the exit code is 0, and 130 where Ctrl-C has ended the training early.

    Raises `AttnError` for data, options or an output that cannot be used.
    """
    from monai_attn.bundle.overrides import parse_override
    from monai_attn.io.label_file import read_label_file
    from monai_attn.learn import learn

    learned = learn(
        args.dataset,
        args.output,
        minutes=args.minutes,
        initial=args.initial,
        folds=args.folds,
        resume=args.resume,
        overrides=dict(parse_override(text) for text in args.set),
        labels=read_label_file(args.labels) if args.labels else None,
        progress=_Lines(quiet=args.quiet).show,
    )
    _print_scores(learned)
    scores = learned.scores
    kind = {"kind": scores.kind, "scored": len(scores.cases), "wanted": scores.wanted}
    args.answer.update(bundle=str(learned.bundle), finished=learned.finished, **kind, rows=scores.rows)
    print(RESEARCH_USE)
    return 0 if learned.finished else 130


class _Lines:
    """Prints a line for each stage, and for each new point of the learning curve."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.stage = ""

    def show(self, now: Now) -> None:
        """Print what is new."""
        if self.quiet:
            return
        if now.stage != self.stage:
            self.stage = now.stage
            print(f"{STAGES[now.stage]} ...", file=sys.stderr, flush=True)
        if now.text:
            print(now.text, file=sys.stderr, flush=True)
        point = now.point
        if point is None:
            return
        left = "" if point.left is None else f", {max(point.left, 0) / 60:.1f} min left"
        if point.loss is not None:
            print(f"  step {point.step}: loss {point.loss:.3f}{left}", file=sys.stderr, flush=True)
        if point.mean_dice is not None:
            missed = f", nothing found of {', '.join(point.missed)}" if point.missed else ""
            print(f"  validation Dice {point.mean_dice:.3f}{missed}", file=sys.stderr, flush=True)


def _print_scores(learned: Learned) -> None:
    """The mean Dice of each structure, and over which cases."""
    from monai_attn.learn.score import KINDS
    from monai_attn.training import summary_of
    from monai_attn.wording import counted

    scores = learned.scores
    print(f"{learned.bundle}: scored {len(scores.cases)} of {scores.wanted} cases {KINDS[scores.kind]}")
    for name, row in summary_of(scores.rows)["labels"].items():
        dice, distance = row["dice"], row["hd95_mm"]
        print(
            f"  {name:<24} Dice {dice['mean']:.3f}, median {dice['median']:.3f}, worst {dice['worst']:.3f} "
            f"({dice['worst_case']}); HD95 median {distance['median']:.2f} mm; "
            f"{counted(dice['defined'], 'case')}"
        )
