"""The course of a training: loss, learning rate, Dice of each structure; kept in a file, and shown while it runs."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from monai_attn.io import write_bytes_atomic
from monai_attn.training.drawn import DrawnDice
from monai_attn.training.timed import TimedSchedule

__all__ = ["LearningCurve", "Point", "read_curve"]

logger = logging.getLogger(__name__)

FILE = "curve.json"


@dataclass(frozen=True)
class Point:
    """Where a training stands.

    - `seconds`: since its start. `left`: seconds to its end, None where steps alone count.
    - `loss`: the mean over the steps since the point before; nan after a validation.
    - `mean_dice`: of the validation, None where none has run since the point before. `dice`: that of each structure by
      its name, nan where no case shows it.
    - `missed`: names of the structures of which a validation found no voxel although they were drawn.
    """

    seconds: float
    left: float | None
    step: int
    epoch: int
    learning_rate: float
    loss: float | None = None
    mean_dice: float | None = None
    dice: Mapping[str, float] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


Listener = Callable[[Point], None]


class LearningCurve:
    """Keeps the course of a training in `folder/curve.json` and calls `listener` with each new point.

    - `schedule`: says how much time is over and left. `dice`: the metric of the validation, see `DrawnDice`.
    - `resume`: go on with the points of the file. `enabled`: false in all processes but the first.
    """

    def __init__(
        self,
        folder: str | Path,
        schedule: TimedSchedule,
        dice: DrawnDice,
        *,
        resume: bool = False,
        enabled: bool = True,
    ) -> None:
        self.path = Path(folder) / FILE
        self.schedule = schedule
        self.dice = dice
        self.enabled = enabled
        self.listener: Listener | None = None
        self.points = list(read_curve(self.path)) if resume and self.path.is_file() else []
        self._losses: list[float] = []
        self._step = 0
        self._epoch = 0

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add_loss)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        engine.add_event_handler(Events.COMPLETED, self._end_epoch)

    def watch(self, validator: Engine) -> None:
        """Listen to a validation."""
        validator.add_event_handler(Events.COMPLETED, self._end_validation)

    def _add_loss(self, engine: Engine) -> None:
        output = engine.state.output  # one dictionary, or one per case where the trainer decollates
        self._losses.append(float((output[0] if isinstance(output, list) else output)["loss"].detach()))
        self._step, self._epoch = engine.state.iteration, engine.state.epoch

    def _end_epoch(self, engine: Engine) -> None:
        del engine
        if self._losses:
            self._add(loss=sum(self._losses) / len(self._losses))
            self._losses.clear()

    def _end_validation(self, engine: Engine) -> None:
        del engine
        dice = {self._name(value): score for value, score in self.dice.of_structures.items()}
        missed = tuple(map(self._name, self.dice.never_found))
        scores = [score for score in dice.values() if not math.isnan(score)]
        mean = sum(scores) / len(scores) if scores else 0.0
        logger.info("Validation: mean Dice %.4f", mean)
        self._add(mean_dice=mean, dice=dice, missed=missed)

    def _name(self, value: int) -> str:
        return self.dice.names.get(value, str(value))

    def _add(self, **measured: Any) -> None:
        left = self.schedule.seconds_left
        rate = float(self.schedule.optimizer.param_groups[0]["lr"])
        point = Point(self.schedule.elapsed, left, self._step, self._epoch, rate, **measured)
        self.points.append(point)
        if self.enabled:
            rows = [_plain(asdict(one)) for one in self.points]
            write_bytes_atomic(self.path, (json.dumps(rows) + "\n").encode(), overwrite=True)
            if self.listener is not None:
                self.listener(point)


def read_curve(path: str | Path) -> list[Point]:
    """The points of a `curve.json`; a Dice that is not defined is nan."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    return [Point(**{**row, "dice": _numbers(row["dice"]), "missed": tuple(row["missed"])}) for row in rows]


def _numbers(dice: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in dice.items()}


def _plain(node: Any) -> Any:
    """JSON has no nan; null stands for it."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    return None if isinstance(node, float) and not math.isfinite(node) else node
