"""What a training says while it runs, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from monai_attn.learn.plan import Plan
from monai_attn.learn.score import Scores, mean_dice_of
from monai_attn.training import Point

__all__ = ["Learned", "Now", "Progress"]


@dataclass(frozen=True)
class Now:
    """What `learn` is doing: a stage in words, how much of it is done, and in training the newest point of the curve.

    `stage` is one of "read", "check", "plan", "measure", "train", "score", "describe". `share` is None where it is not
    known. `text` has the findings on the cases, at the stage "check".
    """

    stage: str
    share: float | None = None
    point: Point | None = None
    text: str = ""


Progress = Callable[[Now], None]


@dataclass(frozen=True)
class Learned:
    """What came of `learn`: the folder of the bundle, the plan, and the scores of unseen cases.

    `finished` is false where the training was ended before its time.
    """

    bundle: Path
    plan: Plan
    scores: Scores
    finished: bool

    @property
    def mean_dice(self) -> float:
        """The mean over structures of their mean Dice."""
        return mean_dice_of(self.scores)
