"""With `present` a structure that no patch holds adds nothing to the Dice part."""

from __future__ import annotations

import pytest
import torch

from monai_attn.losses import SoftmaxDiceFocalLoss


def _logits() -> torch.Tensor:
    """Two patches of eight voxels, three classes."""
    return torch.randn(2, 3, 2, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("batch", [True, False])
def test_an_absent_structure_costs_nothing(batch: bool) -> None:
    label = torch.zeros(2, 1, 2, 2, 2)
    label[:, :, 0] = 1  # the structure 2 is nowhere
    logits = _logits()
    loss = SoftmaxDiceFocalLoss(batch=batch, present=True, focal_weight=0.0)
    probabilities = logits.softmax(1)[:, 1]
    target = label[:, 0]
    axes = (0, 1, 2, 3) if batch else (1, 2, 3)
    both, sizes = (probabilities * target).sum(axes), (probabilities + target).sum(axes)
    assert float(loss(logits, label)) == pytest.approx(float((1 - 2 * both / sizes).mean()), abs=1e-4)


def test_without_a_structure_the_dice_part_is_zero() -> None:
    loss = SoftmaxDiceFocalLoss(batch=True, present=True, focal_weight=0.0)
    assert float(loss(_logits(), torch.zeros(2, 1, 2, 2, 2))) == 0


def test_what_was_not_drawn_is_not_present_either() -> None:
    label = torch.zeros(2, 1, 2, 2, 2)
    label[:, :, 0] = 1
    everything, drawn = torch.ones(2, 3), torch.tensor([[1, 1, 0], [1, 1, 0]])
    loss = SoftmaxDiceFocalLoss(batch=True, present=True, focal_weight=0.0)
    merged = torch.cat([_logits()[:, [0, 2]].logsumexp(1, keepdim=True), _logits()[:, 1:2]], dim=1)
    assert float(loss(_logits(), (label, drawn))) == pytest.approx(float(loss(merged, label)), abs=1e-5)
    assert float(loss(_logits(), (label, everything))) == pytest.approx(float(loss(_logits(), label)), abs=1e-6)
