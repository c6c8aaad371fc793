"""Partly labelled cases: what was not drawn is unknown, and gives no gradient towards background."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from monai_attn.errors import InputError
from monai_attn.losses import SoftmaxDiceFocalLoss, merge_undrawn

SETTINGS = [
    {},
    {"batch": True},
    {"gamma": 0.0},
    {"include_background": True, "batch": True},
    {"class_weights": [0.5, 1.0, 2.0, 3.0], "batch": True},
    {"class_weights": [0.5, 1.0, 2.0, 3.0]},
]


def patches(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits `(2, 4, 3, 4, 5)` and labels `(2, 1, 3, 4, 5)` at random."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 4, 3, 4, 5, generator=generator)
    return logits.requires_grad_(), torch.randint(0, 4, (2, 1, 3, 4, 5), generator=generator)


@pytest.mark.parametrize("settings", SETTINGS)
def test_with_all_drawn_it_is_the_plain_loss(settings):
    logits, labels = patches()
    loss = SoftmaxDiceFocalLoss(**settings)
    torch.testing.assert_close(loss(logits, (labels, torch.ones(2, 4))), loss(logits, labels), rtol=1e-6, atol=1e-6)


def test_an_undrawn_probability_counts_as_background_by_hand():
    logits = torch.tensor([[0.2, 0.3, 0.5]]).T.reshape(1, 3, 1, 1, 1).log()
    background = torch.zeros(1, 1, 1, 1, 1)
    loss = SoftmaxDiceFocalLoss(gamma=0.0, dice_weight=0.0)
    drawn = torch.tensor([[1, 1, 0]])
    assert float(loss(logits, (background, drawn))) == pytest.approx(-math.log(0.2 + 0.5))
    assert float(loss(logits, background)) == pytest.approx(-math.log(0.2))


@pytest.mark.parametrize("settings", SETTINGS)
def test_an_undrawn_structure_is_not_pushed_towards_background(settings):
    logits, labels = patches()
    labels[labels == 3] = 0  # nobody drew structure 3
    drawn = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0]], dtype=torch.uint8)
    loss = SoftmaxDiceFocalLoss(**settings)
    loss(logits, (labels, drawn)).backward()
    # The loss sees the sum of exp(background) and exp(undrawn) alone: their gradients are in the ratio of these.
    ratio = logits.grad[:, 3] / logits.grad[:, 0]
    torch.testing.assert_close(ratio, (logits[:, 3] - logits[:, 0]).exp().detach(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS)
def test_where_the_network_is_sure_of_an_undrawn_structure_nothing_changes(settings):
    logits = torch.zeros(1, 4, 2, 2, 2)
    logits[:, 3] = 50.0
    logits.requires_grad_()
    labels = torch.zeros(1, 1, 2, 2, 2)
    drawn = torch.tensor([[1, 1, 1, 0]])
    SoftmaxDiceFocalLoss(**settings)(logits, (labels, drawn)).backward()
    assert float(logits.grad.abs().max()) < 1e-6
    plain = logits.detach().clone().requires_grad_()
    SoftmaxDiceFocalLoss(**settings)(plain, labels).backward()
    assert float(plain.grad.abs().max()) > 1e-3


@pytest.mark.parametrize("include_background", [False, True])
def test_the_dice_of_a_batch_leaves_out_what_nobody_drew(include_background):
    logits, labels = patches()
    labels[labels > 1] = 0
    loss = SoftmaxDiceFocalLoss(focal_weight=0.0, batch=True, include_background=include_background)
    value = loss(logits, (labels, torch.tensor([[1, 1, 0, 0]] * 2)))
    merged = torch.stack([1 - logits.softmax(1)[:, 1], logits.softmax(1)[:, 1]], dim=1).log()
    torch.testing.assert_close(value, loss(merged, labels), rtol=1e-5, atol=1e-5)


def test_the_dice_of_a_structure_is_that_of_the_patches_in_which_it_was_drawn():
    logits, labels = patches()
    labels[1][labels[1] == 2] = 0
    drawn = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0]])
    loss = SoftmaxDiceFocalLoss(focal_weight=0.0, batch=True, class_weights=[0, 1, 0, 0])  # structure 1 alone
    alone = loss(logits[:1], labels[:1])
    torch.testing.assert_close(loss(logits, (labels, drawn)), alone, rtol=1e-5, atol=1e-5)


def test_each_patch_counts_the_structures_it_knows():
    logits, labels = patches()
    loss = SoftmaxDiceFocalLoss(focal_weight=0.0)
    known = loss(logits[:1], labels[:1])
    drawn = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]])
    torch.testing.assert_close(loss(logits, (labels, drawn)), known, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("batch", [False, True])
def test_patches_in_which_nothing_was_drawn_cost_nothing(batch):
    logits, labels = patches()
    value = SoftmaxDiceFocalLoss(batch=batch)(logits, (labels, torch.tensor([[1, 0, 0, 0]] * 2)))
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    assert bool(logits.grad.isfinite().all())
    assert float(logits.grad.abs().max()) < 1e-6


def test_voxels_of_an_undrawn_structure_are_unknown_also_where_the_mask_holds_some():
    logits, labels = patches()
    drawn = torch.tensor([[1, 1, 1, 0]] * 2)
    without = torch.where(labels == 3, 0, labels)
    loss = SoftmaxDiceFocalLoss(batch=True)
    torch.testing.assert_close(loss(logits, (labels, drawn)), loss(logits, (without, drawn)))


def test_every_level_of_deep_supervision_is_merged():
    logits, labels = patches()
    drawn = torch.tensor([[1, 1, 0, 1]] * 2)
    loss = SoftmaxDiceFocalLoss(batch=True)
    torch.testing.assert_close(loss([logits] * 3, (labels, drawn)), loss(logits, (labels, drawn)))


def test_half_precision_and_extreme_logits_stay_finite():
    logits = (1e4 * torch.randn(2, 4, 3, 3, 3, generator=torch.Generator().manual_seed(1))).bfloat16().requires_grad_()
    value = SoftmaxDiceFocalLoss(batch=True)(logits, (torch.zeros(2, 3, 3, 3), torch.tensor([[1, 0, 1, 0]] * 2)))
    value.backward()
    assert bool(value.isfinite())
    assert bool(logits.grad.isfinite().all())


def test_merging_keeps_the_sum_of_probabilities():
    logits, _ = patches()
    merged = merge_undrawn(logits, torch.tensor([[True, True, False, False], [True, False, True, True]])).softmax(1)
    whole = logits.softmax(1)
    torch.testing.assert_close(merged[0, 0], whole[0, [0, 2, 3]].sum(0))
    torch.testing.assert_close(merged[1, 0], whole[1, [0, 1]].sum(0))
    assert float(merged[0, 2:].detach().abs().max()) == 0


def test_marks_of_another_shape_are_refused():
    logits, labels = patches()
    with pytest.raises(InputError, match=r"drawn has the shape \(2, 3\). It needs a row for each of 2 patches"):
        SoftmaxDiceFocalLoss()(logits, (labels, torch.ones(2, 3)))
