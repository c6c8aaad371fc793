"""Dice plus focal loss on a softmax: both parts see the same probabilities.

MONAI 1.6's `DiceFocalLoss(softmax=True)` computes its focal part with a sigmoid (Project-MONAI/MONAI#8242). Logits of
100 for the true class and 0 for two others are a perfect softmax, and still cost 0.116, since the sigmoid of 0 is 1/2.
Here the Dice part is MONAI's `DiceLoss`, and the focal part uses the softmax.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.losses.dice import DiceLoss
from torch import Tensor, nn

from monai_attn.errors import InputError, LabelError
from monai_attn.losses.partly_labelled import checked_drawn, merge_undrawn, unknown_as_background

__all__ = ["SoftmaxDiceFocalLoss", "softmax_focal"]


def softmax_focal(
    logits: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    *,
    class_weights: Tensor | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Mean over voxels of `-w[t] * (1 - p[t])**gamma * log p[t]`, with p the softmax and t the true class.

    - `logits`: `(N, C, *spatial)`; `target`: `(N, *spatial)` or `(N, 1, *spatial)` whole numbers.
    - With weights the mean is weighted, as in `torch.nn.CrossEntropyLoss`. With `gamma=0` it is cross-entropy.

    It is 0 where no voxel is left to judge. Raises `LabelError` for labels that are not classes, and `InputError` for
    shapes that differ. Lin et al. 2017, arXiv 1708.02002.
    """
    labels, judged = _labels(logits, target, ignore_index)
    return _focal(logits, labels, judged, gamma, class_weights)


class SoftmaxDiceFocalLoss(nn.Module):
    """`dice_weight * Dice + focal_weight * focal`, both on the softmax over classes.

    - `gamma`: how strongly easy voxels are discounted; 0 is cross-entropy.
    - `class_weights`: one per class, background first. Both parts are means weighted by them, so only their ratios
      matter: over voxels in the focal part, over classes in the Dice part. (MONAI's `DiceLoss` does not divide by their
      sum.)
    - `include_background`: for the Dice part only.
    - `batch`: one Dice over all patches of the batch, else one per patch. A structure that is absent costs almost 1,
      unless its probabilities sum to less than 1e-5 (MONAI's smoothing). With patches of background only, `batch=True`
      avoids that.
    - `present`: the Dice part is taken over the structures that are there alone: in the batch with `batch=True`, else
      in each patch. Small patches lack most structures. The price of absent ones makes a young network give up all.
    - `ignore_index`: voxels of this label count in neither part.
    - `level_weights`: for a list of logits (deep supervision), finest first; by default 1, 1/2, 1/4 and so on. The
      weights are divided by their sum, so the loss of a list of equals is the loss of one of them.
    - `level_strides`: which voxels of each level are judged: every n-th along each axis (a number, or one for each
      axis). With the strides of the decoder's levels little is lost, as a coarse level says no more than that, and the
      loss takes a third of the time. By default all voxels are judged.

    Logits are `(N, C, *spatial)`, or a list of such tensors on one grid. The target is `(N, 1, *spatial)` or `(N,
    *spatial)`, whole numbers of any type. All is computed in float32 or better. The loss is 0 where no voxel is left to
    judge.

    For partly labelled cases the target is a pair: these labels, and `drawn` `(N, C)`, which is 1 for each structure
    that was drawn in a case. A structure that was not drawn is unknown, not background. Its probability is added to
    the background's, for both parts of the loss, and the case says nothing about the Dice of that structure. With
    `batch=True` the Dice of a structure is taken over the patches in which it was drawn. See `merge_undrawn`.

    Raises `LabelError` for labels that are not classes, and `InputError` for shapes or weights that do not fit.
    Milletari et al. 2016 (Dice); Lin et al. 2017 (focal).

    >>> import torch
    >>> logits = torch.tensor([[100.0, 0.0, 0.0]]).reshape(1, 3, 1, 1, 1)
    >>> float(SoftmaxDiceFocalLoss()(logits, torch.zeros(1, 1, 1, 1, 1))) < 0.001
    True
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        dice_weight: float = 1.0,
        focal_weight: float = 1.0,
        class_weights: Sequence[float] | None = None,
        include_background: bool = False,
        batch: bool = False,
        present: bool = False,
        ignore_index: int | None = None,
        level_weights: Sequence[float] | None = None,
        level_strides: Sequence[int | Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.dice_weight = dice_weight
        self.focal_weight = focal_weight
        self.ignore_index = ignore_index
        self.level_weights = None if level_weights is None else list(level_weights)
        if self.level_weights is not None:
            _weights("level_weights", self.level_weights)
        self.level_strides = None if level_strides is None else list(level_strides)
        weights = None if class_weights is None else _weights("class_weights", class_weights)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights, persistent=False)  # a setting: it is in the config
        judged = None if weights is None else weights[0 if include_background else 1 :]
        if judged is not None:  # MONAI takes the plain mean of weight * loss: weights of mean 1 make it a weighted mean
            judged = _weights("class_weights of the Dice part", judged.tolist())
            judged = judged / judged.mean()
        self.include_background = include_background
        self.batch = batch
        self.present = present
        self.dice = DiceLoss(include_background=include_background, batch=batch, weight=judged)
        self.dice_of_each = DiceLoss(include_background=include_background, batch=batch, reduction="none")
        self.register_buffer("dice_weights", judged, persistent=False)
        self.dice_weights: Tensor | None

    def forward(self, logits: Tensor | Sequence[Tensor], target: Tensor | Sequence[Tensor]) -> Tensor:
        """The loss of logits against labels, or against labels and what was drawn; one number."""
        levels = [logits] if isinstance(logits, Tensor) else list(logits)
        weights = self.level_weights or [0.5**level for level in range(len(levels))]
        if not levels or len(weights) != len(levels):
            raise InputError(f"{len(weights)} level_weights do not fit {len(levels)} levels of deep supervision.")
        if any(level.shape != levels[0].shape for level in levels):
            raise InputError(f"The levels have different shapes: {[tuple(level.shape) for level in levels]}.")
        if self.class_weights is not None and len(self.class_weights) != levels[0].shape[1]:
            raise InputError(f"{len(self.class_weights)} class_weights do not fit {levels[0].shape[1]} classes.")
        given, marks = (target, None) if isinstance(target, Tensor) else target
        labels, judged = _labels(levels[0], given, self.ignore_index)
        drawn = None if marks is None else checked_drawn(marks, levels[0])
        if drawn is not None:
            labels = unknown_as_background(labels, drawn)
        strides = self.level_strides or [1] * len(levels)
        if len(strides) < len(levels):
            raise InputError(f"{len(strides)} level_strides do not fit {len(levels)} levels of deep supervision.")
        losses = []
        for level, weight, stride in zip(levels, weights, strides, strict=False):
            its_logits, its_labels, its_judged = (
                _every(one, stride, labels.dim() - 1) for one in (level, labels, judged)
            )
            losses.append(weight * self._of_level(its_logits, its_labels, its_judged, drawn))
        total: Tensor = torch.stack(losses).sum() / sum(weights)
        return total

    def _of_level(self, logits: Tensor, labels: Tensor, judged: Tensor, drawn: Tensor | None) -> Tensor:
        """The loss of one level's logits `(N, C, *spatial)`. `judged` `(N, *spatial)`: the voxels that count.

        `drawn` `(N, C)`: the structures that are known in each patch; None stands for all.
        """
        logits = _in_full(logits)
        if drawn is not None:
            logits = merge_undrawn(logits, drawn)
        probabilities = logits.softmax(dim=1)
        one_hot = F.one_hot(labels, logits.shape[1]).movedim(-1, 1).to(probabilities)
        of_dice = probabilities * judged[:, None], one_hot * judged[:, None]
        counted = one_hot.flatten(2).any(dim=2) if self.present else drawn  # what was not drawn is not there either
        dice = self.dice(*of_dice) if counted is None else self._dice_of_counted(*of_dice, counted)
        focal = _focal(logits, labels, judged, self.gamma, self.class_weights)
        total: Tensor = self.dice_weight * dice + self.focal_weight * focal
        return total

    def _dice_of_counted(self, probabilities: Tensor, one_hot: Tensor, counted: Tensor) -> Tensor:
        """The mean Dice loss over what counts, `(N, C)`: over classes, or over patches and classes; 0 for nothing.

        Merged probabilities and labels of an undrawn structure are 0, so its patch adds nothing to the sums of a batch.
        """
        each = self.dice_of_each(probabilities, one_hot)  # (C, 1, 1, 1) of a batch, else (N, C, 1, 1, 1)
        counts = counted if self.include_background else counted[:, 1:]
        weight = counts.any(dim=0) if self.batch else counts
        weight = weight.to(each) if self.dice_weights is None else weight.to(each) * self.dice_weights
        total: Tensor = (each.reshape(weight.shape) * weight).sum() / weight.sum().clamp(min=1e-12)
        return total


def _focal(logits: Tensor, labels: Tensor, judged: Tensor, gamma: float, class_weights: Tensor | None) -> Tensor:
    """The focal loss over the voxels that are judged; 0 where there are none."""
    log_p = F.log_softmax(_in_full(logits), dim=1)
    log_pt = log_p.gather(1, labels[:, None])[:, 0]
    weight = judged.to(log_pt)
    if class_weights is not None:
        weight = weight * class_weights.to(log_pt)[labels]
    # 1 - p from expm1, exact where p is close to 1; the clamp keeps the gradient of 0**gamma finite for gamma < 1
    miss = (-torch.expm1(log_pt)).clamp(min=1e-12)
    return (weight * miss**gamma * -log_pt).sum() / weight.sum().clamp(min=1e-12)


def _labels(logits: Tensor, target: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    """Labels `(N, *spatial)`, long, 0 where ignored; and a mask of the voxels that count."""
    labels = target[:, 0] if target.dim() == logits.dim() and target.shape[1] == 1 else target
    if labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise InputError(f"Target {tuple(target.shape)} does not fit logits {tuple(logits.shape)}.")
    classes = logits.shape[1]
    if classes < 2:
        raise InputError("A softmax needs two classes or more, background and one structure; the logits have one.")
    whole = labels.long()
    if labels.is_floating_point() and not torch.equal(whole.to(labels), labels):
        raise LabelError("The target holds values that are not whole numbers; resample labels with mode='nearest'.")
    judged = torch.ones_like(whole, dtype=torch.bool) if ignore_index is None else whole != ignore_index
    whole = torch.where(judged, whole, 0)
    lowest, highest = (int(value) for value in torch.aminmax(whole))
    if lowest < 0 or highest >= classes:
        raise LabelError(
            f"Labels run from {lowest} to {highest}, but there are {classes} classes, 0 to {classes - 1}. "
            "Set ignore_index for voxels that are not to count."
        )
    return whole, judged


def _every(x: Tensor, stride: int | Sequence[int], dims: int) -> Tensor:
    """Every n-th voxel along each of the last `dims` axes, the middle one of each n."""
    steps = [stride] * dims if isinstance(stride, int) else list(stride)
    for axis, step in enumerate(steps, start=x.dim() - dims):
        first = min(step // 2, x.shape[axis] - 1)
        x = x[(slice(None),) * axis + (slice(first, None, step),)]
    return x


def _in_full(logits: Tensor) -> Tensor:
    """Half precision as float32; the sum over a patch needs it."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _weights(name: str, values: Sequence[float]) -> Tensor:
    """Float32, refused where negative or all zero."""
    weights = torch.tensor(list(values), dtype=torch.float32)
    if not (weights >= 0).all() or not weights.sum() > 0:
        raise InputError(f"{name} are 0 or more and not all 0; got {list(values)}.")
    return weights
