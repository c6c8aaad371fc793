"""The Dice-focal loss, against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceFocalLoss
from torch import Tensor

from monai_attn.errors import InputError, LabelError
from monai_attn.losses import SoftmaxDiceFocalLoss, softmax_focal

BY_HAND = 1e-5
"""MONAI's smoothing of 1e-5 in the Dice, which the hand computations leave out, changes them by less."""


def logits_of(probabilities: list[list[float]]) -> Tensor:
    """Logits `(1, C, 1, voxels)` of whose softmax each inner list is one voxel."""
    return torch.tensor(probabilities).T[None, :, None].log()


# Two classes, two voxels. Probabilities of the structure: 3/4 where it is, 1/4 where it is not.
TWO = logits_of([[1 / 4, 3 / 4], [3 / 4, 1 / 4]])
TWO_LABELS = torch.tensor([[[[1, 0]]]])
# Dice of the structure = 2 * 3/4 / ((3/4 + 1/4) + 1) = 3/4
TWO_DICE_LOSS = 1 / 4
# Both voxels give their true class 3/4: (1/4)**2 * ln(4/3)
TWO_FOCAL = math.log(4 / 3) / 16

# Three classes, three voxels, labels 0, 1, 2.
THREE = logits_of([[1 / 2, 1 / 4, 1 / 4], [1 / 4, 1 / 2, 1 / 4], [0.1, 0.1, 0.8]])
THREE_LABELS = torch.tensor([[[[0, 1, 2]]]])
# Class 1: 2 * 1/2 / ((0.25 + 0.5 + 0.1) + 1) = 1 / 1.85;  class 2: 2 * 0.8 / ((0.25 + 0.25 + 0.8) + 1) = 1.6 / 2.3
THREE_DICE_1, THREE_DICE_2 = 1 / 1.85, 1.6 / 2.3
# -(1-p)**2 ln p:  1/4 ln 2 twice, and 0.04 ln 1.25
THREE_FOCAL = (0.5 * math.log(2) + 0.04 * math.log(1.25)) / 3


def test_two_classes_by_hand():
    assert softmax_focal(TWO, TWO_LABELS).item() == pytest.approx(TWO_FOCAL, abs=1e-6)
    assert SoftmaxDiceFocalLoss()(TWO, TWO_LABELS).item() == pytest.approx(TWO_DICE_LOSS + TWO_FOCAL, abs=BY_HAND)


def test_three_classes_by_hand():
    dice = 1 - (THREE_DICE_1 + THREE_DICE_2) / 2
    assert softmax_focal(THREE, THREE_LABELS).item() == pytest.approx(THREE_FOCAL, abs=1e-6)
    assert SoftmaxDiceFocalLoss()(THREE, THREE_LABELS).item() == pytest.approx(dice + THREE_FOCAL, abs=BY_HAND)


def test_the_background_has_its_dice_when_asked_for():
    # Class 0: 2 * 1/2 / ((0.5 + 0.25 + 0.1) + 1)
    dice = 1 - (1 / 1.85 + THREE_DICE_1 + THREE_DICE_2) / 3
    loss = SoftmaxDiceFocalLoss(include_background=True)(THREE, THREE_LABELS)
    assert loss.item() == pytest.approx(dice + THREE_FOCAL, abs=BY_HAND)


@pytest.mark.parametrize(("dice_weight", "focal_weight"), [(1.0, 0.0), (0.0, 1.0), (0.5, 3.0)])
def test_the_two_parts_have_weights(dice_weight, focal_weight):
    loss = SoftmaxDiceFocalLoss(dice_weight=dice_weight, focal_weight=focal_weight)(TWO, TWO_LABELS)
    assert loss.item() == pytest.approx(dice_weight * TWO_DICE_LOSS + focal_weight * TWO_FOCAL, abs=BY_HAND)


def test_class_weights_are_means_weighted_by_class():
    # Focal: (1 * 1/4 ln 2 + 2 * 1/4 ln 2 + 5 * 0.04 ln 1.25) / (1 + 2 + 5);  Dice: (2 * (1-D1) + 5 * (1-D2)) / 7
    focal = (0.75 * math.log(2) + 0.2 * math.log(1.25)) / 8
    dice = (2 * (1 - THREE_DICE_1) + 5 * (1 - THREE_DICE_2)) / 7
    for scale in (1, 10):  # only their ratios matter
        loss = SoftmaxDiceFocalLoss(class_weights=[1 * scale, 2 * scale, 5 * scale])(THREE, THREE_LABELS)
        assert loss.item() == pytest.approx(dice + focal, abs=BY_HAND)


def test_equal_class_weights_change_nothing():
    plain = SoftmaxDiceFocalLoss()(THREE, THREE_LABELS)
    assert SoftmaxDiceFocalLoss(class_weights=[3, 3, 3])(THREE, THREE_LABELS).item() == pytest.approx(plain.item())


def test_a_perfect_prediction_costs_nothing_where_monais_costs_0_116():
    labels = torch.tensor([[[[0, 1, 2, 0, 1, 2]]]])
    logits = 100.0 * F.one_hot(labels[:, 0], 3).movedim(-1, 1)
    assert SoftmaxDiceFocalLoss()(logits, labels).item() == pytest.approx(0, abs=1e-6)
    # Two classes of three have the logit 0: 2/3 * (1/2)**2 * ln 2. If MONAI mends it, our docstring has to go.
    theirs = DiceFocalLoss(softmax=True, to_onehot_y=True)(logits, labels)
    assert theirs.item() == pytest.approx(math.log(2) / 6, abs=1e-6)


@pytest.mark.parametrize("weights", [None, [0.2, 1.0, 3.0]])
def test_gamma_0_is_cross_entropy(weights):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 4, 5, 6, generator=generator)
    labels = torch.randint(0, 3, (2, 4, 5, 6), generator=generator)
    weights = None if weights is None else torch.tensor(weights)
    ours = softmax_focal(logits, labels, gamma=0, class_weights=weights)
    torch.testing.assert_close(ours, F.cross_entropy(logits, labels, weights))
    labels[0, :2] = 255
    ours = softmax_focal(logits, labels, gamma=0, class_weights=weights, ignore_index=255)
    torch.testing.assert_close(ours, F.cross_entropy(logits, labels, weights, ignore_index=255))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_are_those_of_finite_differences(gamma):
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 3, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[[0, 1, 2], [2, 9, 0]], [[1, 1, 0], [0, 0, 9]]])
    loss = SoftmaxDiceFocalLoss(gamma=gamma, class_weights=[1, 2, 3], ignore_index=9, batch=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), (logits,))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_where_the_network_is_certain(gamma):
    labels = torch.tensor([[[[0, 1, 1]]]])
    logits = torch.tensor([[[[500.0, -500.0, 500.0]], [[-500.0, 500.0, -500.0]]]], requires_grad=True)
    SoftmaxDiceFocalLoss(gamma=gamma)(logits, labels).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("ignored", [-1, 255, 2])
def test_ignored_voxels_have_no_influence_and_no_gradient(ignored):
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 3, 4, 5, generator=generator, requires_grad=True)
    labels = torch.randint(0, 2, (2, 1, 4, 5), generator=generator)
    labels[:, :, 1:3] = ignored
    loss = SoftmaxDiceFocalLoss(ignore_index=ignored, class_weights=[1, 2, 3])
    value = loss(logits, labels)
    value.backward()
    assert (logits.grad[:, :, 1:3] == 0).all()
    assert (logits.grad[:, :, 0] != 0).any()
    other = logits.detach().clone()
    other[:, :, 1:3] = 7 * torch.randn(2, 3, 2, 5, generator=generator)
    assert loss(other, labels).item() == value.item()


def test_ignoring_voxels_is_leaving_them_out():
    kept = [0, 2]  # of the three voxels
    labels = torch.tensor([[[[0, 255, 2]]]])
    ignoring = SoftmaxDiceFocalLoss(ignore_index=255)(THREE, labels)
    without = SoftmaxDiceFocalLoss()(THREE[..., kept], labels[..., kept])
    assert ignoring.item() == pytest.approx(without.item())


def test_nothing_to_judge_costs_nothing():
    logits = torch.randn(1, 2, 3, 3, generator=torch.Generator().manual_seed(4), requires_grad=True)
    loss = SoftmaxDiceFocalLoss(ignore_index=255)(logits, torch.full((1, 1, 3, 3), 255))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_a_patch_without_structure_costs_its_dice_unless_nothing_is_predicted():
    background = torch.zeros(1, 1, 1, 2, dtype=torch.long)
    # No overlap: Dice is 1e-5 / ((3/4 + 1/4) + 1e-5), all but 0. Focal: ln(4/3)/16 and 9/16 ln 4, halved.
    expected = 1 + (math.log(4 / 3) / 16 + 9 / 16 * math.log(4)) / 2
    assert SoftmaxDiceFocalLoss()(TWO, background).item() == pytest.approx(expected, abs=2 * BY_HAND)
    certain = torch.tensor([[[[50.0, 50.0]], [[-50.0, -50.0]]]])
    assert SoftmaxDiceFocalLoss()(certain, background).item() == pytest.approx(0, abs=1e-6)


def test_batch_gives_one_dice_to_all_patches():
    logits = torch.cat([TWO, TWO])
    labels = torch.cat([TWO_LABELS, torch.zeros_like(TWO_LABELS)])
    focal = (TWO_FOCAL + (math.log(4 / 3) / 16 + 9 / 16 * math.log(4)) / 2) / 2
    # Together: 2 * 3/4 / ((1 + 1) + 1) = 1/2.  Apart: 3/4, and 0 for the patch without the structure.
    together = SoftmaxDiceFocalLoss(batch=True)(logits, labels)
    apart = SoftmaxDiceFocalLoss(batch=False)(logits, labels)
    assert together.item() == pytest.approx(1 / 2 + focal, abs=BY_HAND)
    assert apart.item() == pytest.approx((1 / 4 + 1) / 2 + focal, abs=BY_HAND)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float16])
@pytest.mark.parametrize("channel_axis", [True, False])
def test_labels_of_every_type_with_or_without_a_channel_axis(dtype, channel_axis):
    labels = THREE_LABELS.to(dtype)
    expected = SoftmaxDiceFocalLoss()(THREE, THREE_LABELS)
    assert SoftmaxDiceFocalLoss()(THREE, labels if channel_axis else labels[:, 0]).item() == expected.item()


def test_a_volume_of_one_slice_is_not_taken_for_an_image_with_a_channel_axis():
    """`(2, 1, 4, 5)` could be 2-D with its channel axis or 3-D of one slice without; the logits decide."""
    logits = torch.randn(2, 3, 1, 4, 5, generator=torch.Generator().manual_seed(5))
    labels = torch.randint(0, 3, (2, 1, 4, 5), generator=torch.Generator().manual_seed(6))
    loss = SoftmaxDiceFocalLoss()
    assert loss(logits, labels).item() == loss(logits, labels[:, None]).item()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_summed_in_float32(dtype):
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(1, 2, 64, 64, 32, generator=generator).to(dtype)  # the sum overflows float16
    labels = torch.randint(0, 2, (1, 1, 64, 64, 32), generator=generator)
    loss = SoftmaxDiceFocalLoss()(logits, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(SoftmaxDiceFocalLoss()(logits.float(), labels).item())


def test_equal_levels_cost_what_one_costs():
    loss = SoftmaxDiceFocalLoss()
    assert loss([THREE, THREE, THREE], THREE_LABELS).item() == pytest.approx(loss(THREE, THREE_LABELS).item())
    assert loss([THREE], THREE_LABELS).item() == loss(THREE, THREE_LABELS).item()


def test_levels_are_weighted_1_and_a_half_and_a_quarter_or_as_told():
    loss = SoftmaxDiceFocalLoss()
    one, two = loss(THREE, THREE_LABELS).item(), loss(0 * THREE, THREE_LABELS).item()
    by_default = loss([THREE, 0 * THREE, 0 * THREE], THREE_LABELS)
    assert by_default.item() == pytest.approx((one + two / 2 + two / 4) / 1.75)
    told = SoftmaxDiceFocalLoss(level_weights=[1, 3])([THREE, 0 * THREE], THREE_LABELS)
    assert told.item() == pytest.approx((one + 3 * two) / 4)


@pytest.mark.parametrize("stride", [2, [2, 1, 2]])
def test_a_level_may_be_judged_on_every_nth_voxel(stride):
    logits, labels = torch.randn(2, 3, 4, 5, 6), torch.randint(0, 3, (2, 1, 4, 5, 6))
    loss = SoftmaxDiceFocalLoss(level_strides=[1, stride], ignore_index=2)
    fewer = (slice(1, None, 2), slice(1, None, 2) if stride == 2 else slice(None), slice(1, None, 2))
    coarse = loss(logits[:, :, *fewer], labels[:, :, *fewer])
    assert loss([logits, logits], labels).item() == pytest.approx((loss(logits, labels) + coarse / 2).item() / 1.5)
    assert loss(logits, labels).item() == SoftmaxDiceFocalLoss(ignore_index=2)(logits, labels).item()


def test_a_stride_longer_than_the_patch_leaves_a_voxel():
    loss = SoftmaxDiceFocalLoss(level_strides=[1, 8])
    assert torch.isfinite(loss([THREE, THREE], (THREE_LABELS, torch.tensor([[1, 1, 0]]))))


def test_it_does_not_change_its_arguments():
    logits, labels = THREE.clone(), THREE_LABELS.clone()
    SoftmaxDiceFocalLoss(ignore_index=1)(logits, labels)
    assert torch.equal(logits, THREE)
    assert torch.equal(labels, THREE_LABELS)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[[[0, 1, 3]]]], "Labels run from 0 to 3, but there are 3 classes, 0 to 2. Set ignore_index"),
        ([[[[0, -1, 2]]]], "Labels run from -1 to 2"),
        ([[[[0, 1.5, 2]]]], "values that are not whole numbers"),
        ([[[[0, math.nan, 2]]]], "values that are not whole numbers"),
    ],
)
def test_labels_that_are_no_class_are_refused(labels, message):
    for loss in (SoftmaxDiceFocalLoss(), softmax_focal):
        with pytest.raises(LabelError, match=message):
            loss(THREE, torch.tensor(labels))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"Target \(1, 1, 1, 2\) does not fit logits \(1, 3, 1, 3\)\."):
        SoftmaxDiceFocalLoss()(THREE, TWO_LABELS)
    with pytest.raises(InputError, match="A softmax needs two classes or more"):
        SoftmaxDiceFocalLoss()(THREE[:, :1], THREE_LABELS)
    with pytest.raises(InputError, match="The levels have different shapes"):
        SoftmaxDiceFocalLoss()([THREE, THREE[..., :2]], THREE_LABELS)
    with pytest.raises(InputError, match="1 level_strides do not fit 2 levels of deep supervision"):
        SoftmaxDiceFocalLoss(level_strides=[1])([THREE, THREE], THREE_LABELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weights": [1, -1, 1]}, "class_weights are 0 or more and not all 0"),
        ({"class_weights": [1, 0, 0]}, "class_weights of the Dice part are 0 or more and not all 0"),
        ({"level_weights": [0, 0]}, "level_weights are 0 or more and not all 0"),
        ({"level_weights": []}, "level_weights are 0 or more and not all 0"),
        ({"class_weights": [1, 2]}, "2 class_weights do not fit 3 classes"),
        ({"level_weights": [1, 2]}, "2 level_weights do not fit 1 levels of deep supervision"),
    ],
)
def test_weights_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SoftmaxDiceFocalLoss(**options)(THREE, THREE_LABELS)
