"""Runs `monai_attn.learn` for the window in a thread. There is no Qt in this file.

PyTorch and MONAI are imported here, when a training starts, so that the window opens without them.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.bundle.trust import remember_trust
from monai_attn.errors import Cancelled
from monai_attn.napari.learn.cases import OpenCase, write_cases
from monai_attn.napari.segment.loading import load_torch_library, without_collections
from monai_attn.napari.segment.work import Work

if TYPE_CHECKING:
    from monai_attn.learn import Learned, Now

__all__ = ["CurvePoint", "LearnRequest", "LearnState", "Outcome", "train"]

STAGES = {
    "read": "Reading the cases",
    "check": "Checking the cases",
    "plan": "Planning",
    "measure": "Measuring the time of a training step",
    "train": "Training",
    "score": "Scoring cases",
    "describe": "Writing the model card",
}
"""What the window says of a stage of `learn`."""

BEFORE = ("read", "check", "plan", "measure")
"""Stages in which there are no weights yet: what is cancelled there leaves nothing behind."""


@dataclass(frozen=True)
class LearnRequest:
    """What to learn from, for how long, and where the bundle goes.

    `dataset` is a folder or table, None for `cases` that are open. `initial` is a bundle to begin with, None for a new
    network. `overrides` change the training by ids of its train.json.
    """

    output: Path
    minutes: float
    dataset: Path | None = None
    cases: tuple[OpenCase, ...] = ()
    initial: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CurvePoint:
    """A point of the learning curve: seconds since the start, and the loss or the mean Dice of the validation."""

    seconds: float
    loss: float | None
    dice: float | None


@dataclass(frozen=True)
class LearnState:
    """How far a training is: a stage in words, its share from 0 to 1 or None, seconds left or None, and the curve."""

    stage: str
    share: float | None = None
    left: float | None = None
    curve: tuple[CurvePoint, ...] = ()
    findings: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a training: the folder of the bundle, and a sentence with the scores."""

    bundle: Path
    sentence: str


class _Watch:
    """Hears what `learn` says, and keeps the curve; stops before the training where the user has cancelled."""

    def __init__(self, work: Work[Outcome], ending: threading.Event) -> None:
        self._work, self._ending = work, ending
        self._curve: list[CurvePoint] = []
        self._findings = ""

    def ends(self) -> bool:
        """Whether the training is to end after its step."""
        return self._ending.is_set() or self._work.abandoned()

    def show(self, now: Now) -> None:
        """Take up what `learn` says. Raises `Cancelled` where there are no weights yet and the user wants no more."""
        if self.ends() and now.stage in BEFORE:
            raise Cancelled("The training was cancelled before it began; nothing was written.")
        self._findings = now.text or self._findings
        point = now.point
        if point is not None:
            self._curve.append(CurvePoint(point.seconds, point.loss, point.mean_dice))
        left = point.left if point is not None else None
        self._work.show(LearnState(STAGES[now.stage], now.share, left, tuple(self._curve), self._findings))


def train(request: LearnRequest, ending: threading.Event, work: Work[Outcome]) -> Outcome:
    """Train, score and describe a bundle; `work` hears how far that is.

    Once `ending` is set the training ends after its step, and its best weights become the bundle. A training that was
    ended or has failed before it had weights leaves nothing behind. Raises as `monai_attn.learn.learn` does.
    """
    work.show(LearnState("Loading PyTorch"))
    with without_collections():
        load_torch_library()
        from monai_attn.learn import learn
        from monai_attn.learn.write import check_output

    watch, beside = _Watch(work, ending), request.output.with_name(f"{request.output.name}_cases")
    check_output(request.output, resume=False)  # before the cases are written beside it
    fresh, free = not request.output.exists(), not beside.exists()
    try:
        dataset = request.dataset or write_cases(request.cases, beside)
        learned = learn(
            dataset,
            request.output,
            minutes=request.minutes,
            initial=request.initial,
            overrides=request.overrides,
            progress=watch.show,
            wanted=watch.ends,
        )
    except Exception:
        if not (request.output / "models" / "model.pt").exists():
            if fresh:
                shutil.rmtree(request.output, ignore_errors=True)
            if free and request.dataset is None:
                shutil.rmtree(beside, ignore_errors=True)
        raise
    remember_trust(learned.bundle)  # its code is what this package has just written
    return Outcome(learned.bundle, _sentence(learned))


def _sentence(learned: Learned) -> str:
    """The mean Dice of each structure, and on how many cases."""
    from monai_attn.learn.score import KINDS
    from monai_attn.training import summary_of

    scores = learned.scores
    ended = "" if learned.finished else "Ended early; these are the best weights. "
    rows = summary_of(scores.rows)["labels"] if scores.rows else {}
    dice = ", ".join(f"{name} {row['dice']['mean']:.2f}" for name, row in rows.items())
    cases = f"{len(scores.cases)} case{'s' if len(scores.cases) != 1 else ''}"
    return f"{ended}Mean Dice on {cases} {KINDS[scores.kind]}: {dice}." if dice else f"{ended}No case was scored."
