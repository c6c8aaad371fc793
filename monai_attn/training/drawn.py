"""Training and validation with partly labelled cases: what was not drawn counts neither in loss nor in score."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from ignite.engine import Engine
from ignite.metrics import Metric
from ignite.metrics.metric import reinit__is_reduced, sync_all_reduce
from monai.data import MetaTensor
from torch import Tensor

from monai_attn.errors import InputError

__all__ = ["DrawnDice", "PrepareDrawn"]

logger = logging.getLogger(__name__)


class PrepareDrawn:
    """The `prepare_batch` of a trainer with partly labelled cases.

    It gives the image, and as the target of the loss the pair of labels and `drawn`, which
    `monai_attn.losses.SoftmaxDiceFocalLoss` takes. `image`, `label` and `drawn` are the keys of a batch. The trainer
    is one with `decollate: false`.

    >>> batch = {"image": torch.zeros(2, 1, 4, 4, 4), "label": torch.zeros(2, 1, 4, 4, 4), "drawn": torch.ones(2, 3)}
    >>> image, (label, drawn) = PrepareDrawn()(batch)
    >>> drawn.shape
    torch.Size([2, 3])
    """

    def __init__(self, image: str = "image", label: str = "label", drawn: str = "drawn") -> None:
        self.keys = (image, label, drawn)

    def __call__(
        self, batch: Mapping[str, Any], device: Any = None, non_blocking: bool = False, **options: Any
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Image, and labels with `drawn`, on a device. `options` are those of `Tensor.to`, from the trainer."""
        image, label, drawn = (batch[key].to(device=device, non_blocking=non_blocking, **options) for key in self.keys)
        return image, (label, drawn)


class DrawnDice(Metric):  # type: ignore[misc]
    """The mean Dice over structures that were drawn and are to be scored, for `key_val_metric`.

    - `classes`: how many classes the network has, background among them.
    - `names`: what the structures are called in the log, by value in the table; optional.
    - `scored`: the key of a batch that holds the marks `(N, C)` of what is scored; all is scored without it.

    An output holds "pred" and "label". Each is a label map `(1, *spatial)`, or one channel for each class, whose
    largest counts. For each case and structure the Dice is 2|A and B| / (|A| + |B|). It is left out where both are
    empty, and 0 where one is. The score is the mean over structures of each structure's mean over cases. It is nan
    where nothing was scored.

    After a validation `of_structures` holds the means by value, and `never_found` the structures that some case has
    and no prediction found. The latter are logged, and their number is the metric "structures_never_found".
    """

    def __init__(
        self, classes: int, *, names: Mapping[int | str, str] | None = None, scored: str = "scored", device: Any = "cpu"
    ) -> None:
        if classes < 2:
            raise InputError(f"There are {classes} classes; background and one structure are two.")
        self.classes = classes
        self.names = {int(value): name for value, name in (names or {}).items()}
        self.scored = scored
        self.of_structures: dict[int, float] = {}
        self.never_found: tuple[int, ...] = ()
        super().__init__(device=device)

    @reinit__is_reduced  # type: ignore[untyped-decorator]
    def reset(self) -> None:
        """Begin a validation."""
        self._totals = torch.zeros(4, self.classes, dtype=torch.float64, device=self._device)

    @reinit__is_reduced  # type: ignore[untyped-decorator]
    def update(self, output: Sequence[tuple[Tensor, Tensor, Tensor | None]]) -> None:
        """Add cases: prediction, reference, and the marks `(C,)` of what is scored, None for all."""
        for prediction, reference, marks in output:
            one, other = _label_map(prediction), _label_map(reference)
            predicted, referred = _counts(one, self.classes), _counts(other, self.classes)
            both = _counts(torch.where(one == other, other, 0), self.classes)
            counted = (predicted + referred) > 0
            if marks is not None:
                counted &= marks.to(counted.device) > 0
            dice = torch.where(counted, 2 * both / (predicted + referred).clamp(min=1), 0)
            found = torch.where(counted, predicted, 0)
            there = torch.where(counted, referred, 0)
            self._totals += torch.stack([dice, counted.to(dice), found, there]).to(self._totals)

    @sync_all_reduce("_totals")  # type: ignore[untyped-decorator]
    def compute(self) -> float:
        """The score of the validation; it fills `of_structures` and `never_found`."""
        dice, counted, found, there = self._totals[:, 1:].cpu()
        means = [float(d / n) if n else float("nan") for d, n in zip(dice, counted, strict=True)]
        self.of_structures = dict(enumerate(means, start=1))
        self.never_found = tuple(value for value, (f, t) in enumerate(zip(found, there, strict=True), 1) if t and not f)
        known = [mean for mean, number in zip(means, counted, strict=True) if number]
        return sum(known) / len(known) if known else float("nan")

    def iteration_completed(self, engine: Engine) -> None:
        """Take the cases of one batch, with what of them is scored from `engine.state.batch`."""
        self.update(list(self._cases(engine.state.batch, engine.state.output)))

    def completed(self, engine: Engine, name: str) -> None:
        """Put the score into the metrics of the engine, and log structures that were never found."""
        super().completed(engine, name)
        engine.state.metrics["structures_never_found"] = len(self.never_found)
        if self.never_found:
            called = ", ".join(self.names.get(value, str(value)) for value in self.never_found)
            logger.info("No voxel of these structures was found in any validation case: %s.", called)

    def _cases(self, batch: Any, output: Any) -> Iterable[tuple[Tensor, Tensor, Tensor | None]]:
        """Prediction, reference and marks of each case, of lists of cases and of whole batches alike."""
        if isinstance(output, Mapping):
            marks = batch.get(self.scored) if isinstance(batch, Mapping) else None
            for number, (prediction, reference) in enumerate(zip(output["pred"], output["label"], strict=True)):
                yield prediction, reference, None if marks is None else torch.as_tensor(marks[number])
            return
        for case, one in zip(batch, output, strict=True):
            marks = case.get(self.scored)
            yield one["pred"], one["label"], None if marks is None else torch.as_tensor(marks)


def _label_map(one: Tensor) -> Tensor:
    """Class of each voxel `(*spatial)`, from a label map `(1, *spatial)` or a channel for each class."""
    plain = one.as_tensor() if isinstance(one, MetaTensor) else one
    return (plain.argmax(dim=0) if plain.shape[0] > 1 else plain[0]).long()


def _counts(labels: Tensor, classes: int) -> Tensor:
    """Voxels of each class, `(C,)`, of a label map."""
    return torch.bincount(labels.flatten(), minlength=classes)[:classes].double()
