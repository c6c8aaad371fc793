"""Dice plus focal loss on a softmax: both parts see the same probabilities.

MONAI 1.6's `DiceFocalLoss(softmax=True)` computes its focal part with a sigmoid (Project-MONAI/MONAI#8242), so a
perfect prediction still costs 0.117. Here the Dice part is MONAI's `DiceLoss`, the focal part is softmax's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.losses.dice import DiceLoss
from torch import Tensor, nn

__all__ = ["SoftmaxDiceFocalLoss", "softmax_focal_loss"]


def softmax_focal_loss(
    logits: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    *,
    class_weights: Tensor | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Mean over voxels of `-w[t] * (1 - p[t])**gamma * log p[t]`, p the softmax and t the true class.

    Logits `(N, C, *spatial)`, target `(N, *spatial)` or `(N, 1, *spatial)` whole numbers. With weights the mean is
    weighted, as in `torch.nn.CrossEntropyLoss`; `gamma=0` is cross-entropy. No voxel left to judge: 0.
    Lin et al. 2017, arXiv 1708.02002.
    """
    target = _as_labels(logits, target)
    log_p = F.log_softmax(logits.float(), dim=1)
    judged = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    known = torch.where(judged, target, 0)
    log_pt = log_p.gather(1, known[:, None])[:, 0]
    weight = judged.to(log_pt.dtype)
    if class_weights is not None:
        weight = weight * class_weights.to(log_pt)[known]
    # 1 - p from expm1, exact where p is close to 1; the clamp keeps the gradient of 0**gamma finite for gamma < 1
    miss = (-torch.expm1(log_pt)).clamp(min=1e-12)
    return (weight * miss**gamma * -log_pt).sum() / weight.sum().clamp(min=1e-12)


class SoftmaxDiceFocalLoss(nn.Module):
    """`dice_weight * Dice + focal_weight * focal`, both on the softmax over classes.

    - `gamma`: how strongly easy voxels are discounted (0: cross-entropy).
    - `class_weights`: one per class, background first, for both parts; `include_background` in the Dice part.
    - `batch`: one Dice over all patches of the batch, which gives patches without foreground a meaning;
      otherwise one per patch. Where both sides are empty the Dice part is 0.
    - `ignore_index`: voxels of this label count in neither part.
    - `level_weights`: for a list of logits (deep supervision), finest first; default 1, 1/2, 1/4, ... The weights
      are normalised to sum 1, so the loss of a list of equals is the loss of one.

    Logits `(N, C, *spatial)` or a list of them, target `(N, 1, *spatial)` or `(N, *spatial)` whole numbers of any
    type. Milletari 2016 (Dice); Lin 2017 (focal). Raises `ValueError` for labels outside 0..C-1 or shapes that differ.
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
        ignore_index: int | None = None,
        level_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.dice_weight = dice_weight
        self.focal_weight = focal_weight
        self.ignore_index = ignore_index
        self.level_weights = level_weights
        self.register_buffer("class_weights", None if class_weights is None else torch.tensor(list(class_weights)))
        self.class_weights: Tensor | None
        dice_weights = None if class_weights is None else list(class_weights)[0 if include_background else 1 :]
        # No smoothing in the numerator: a structure that is absent and predicted nowhere would else cost 1 - 1 = 0
        # only by luck of the epsilon; MONAI's default 1e-5 in both gives 0 for empty against empty.
        self.dice = DiceLoss(include_background=include_background, batch=batch, weight=dice_weights)

    def forward(self, logits: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        """The loss, one number."""
        levels = [logits] if isinstance(logits, Tensor) else list(logits)
        weights = self.level_weights or [0.5**level for level in range(len(levels))]
        if len(weights) != len(levels):
            raise ValueError(f"{len(weights)} level_weights do not fit {len(levels)} levels of deep supervision.")
        losses = [weight * self._one(level, target) for weight, level in zip(weights, levels, strict=True)]
        return torch.stack(losses).sum() / sum(weights)

    def _one(self, logits: Tensor, target: Tensor) -> Tensor:
        labels = _as_labels(logits, target)
        judged = torch.ones_like(labels) if self.ignore_index is None else (labels != self.ignore_index).long()
        labels = labels * judged
        if labels.min() < 0 or labels.max() >= logits.shape[1]:
            raise ValueError(
                f"Labels run from {int(labels.min())} to {int(labels.max())}, but there are {logits.shape[1]} classes. "
                "Set ignore_index for voxels that are not to count."
            )
        one_hot = F.one_hot(labels, logits.shape[1]).movedim(-1, 1).float() * judged[:, None]
        probabilities = logits.float().softmax(dim=1) * judged[:, None]
        dice = self.dice(probabilities, one_hot)
        focal = softmax_focal_loss(
            logits, target, self.gamma, class_weights=self.class_weights, ignore_index=self.ignore_index
        )
        total: Tensor = self.dice_weight * dice + self.focal_weight * focal
        return total


def _as_labels(logits: Tensor, target: Tensor) -> Tensor:
    """`(N, *spatial)` long, from with or without a channel axis."""
    labels = target[:, 0] if target.dim() == logits.dim() and target.shape[1] == 1 else target
    if labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(f"Target {tuple(target.shape)} does not fit logits {tuple(logits.shape)}.")
    return labels.long()
