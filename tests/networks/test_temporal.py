"""Attention over time keeps the family's contract, begins as a network for single frames, and sees the other frames."""

from __future__ import annotations

import warnings

import pytest
import torch

from monai_attn.errors import InputError
from monai_attn.networks import AttnUNet, TemporalAttention, predict_with_maps

SIZES = {2: (13, 9), 3: (13, 9, 7)}
dims = pytest.mark.parametrize("dims", [2, 3])


def build(dims, temporal="attention", **options):
    torch.manual_seed(1)
    return AttnUNet(dims, 2, 3, **{"channels": [4, 8, 16], "strides": [2, 2], "temporal": temporal, **options})


def sequence(dims, batch=2, frames=4, seed=2):
    return torch.randn(batch, frames, 2, *SIZES[dims], generator=torch.Generator().manual_seed(seed))


def awake(model):
    """The same network with an attention that does something, as after a training."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        model.temporal.out.weight.normal_(0, 0.5, generator=generator)
    return model


@dims
@torch.no_grad()
def test_logits_of_each_frame_lie_on_its_grid_for_any_number_of_frames(dims):
    model = awake(build(dims)).eval()
    for frames in (1, 4, 7):
        logits = model(sequence(dims, frames=frames))
        assert logits.shape == (2, frames, 3, *SIZES[dims])
        assert logits.isfinite().all()


@dims
@torch.no_grad()
def test_it_begins_as_the_network_for_single_frames_and_takes_over_its_weights(dims):
    model, single = build(dims).eval(), build(dims, "none").eval()
    missing, unexpected = model.load_state_dict(single.state_dict(), strict=False)
    assert unexpected == []
    assert all(name.startswith("temporal.") for name in missing)
    x = sequence(dims)
    each = torch.stack([single(frame) for frame in x.unbind(1)], dim=1)
    torch.testing.assert_close(model(x), each)


@torch.no_grad()
def test_a_frame_sees_the_other_frames_and_their_order_but_no_other_sequence():
    model, x = awake(build(2)).eval(), sequence(2)
    logits = model(x)
    changed = x.clone()
    changed[0, 3] = 0
    other = model(changed)
    assert (other[0, 0] - logits[0, 0]).abs().max() > 1e-3
    torch.testing.assert_close(other[1], logits[1])
    turned = model(x.flip(1)).flip(1)
    assert (turned - logits).abs().max() > 1e-3


def test_every_parameter_has_a_finite_gradient_that_is_not_zero():
    model = awake(build(2, deep_supervision=True)).train()
    outputs = model(sequence(2))
    assert [output.shape for output in outputs] == [(2, 4, 3, *SIZES[2])] * 2
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith(("queries_keys_values.bias",)):  # the same number added to all keys changes no softmax
            assert parameter.grad.abs().max() > 0, name


@torch.no_grad()
def test_maps_have_the_axis_of_time_and_weights_sum_to_one():
    model, x = build(2).eval(), sequence(2)
    logits, maps = predict_with_maps(model, x)
    assert logits.shape == (2, 4, 3, 13, 9)
    assert [one.shape for one in maps] == [(2, 4, 1, 13, 9)] * 2
    weights = TemporalAttention(8).weights(torch.randn(2 * 4, 8, 3, 5), 4)
    assert weights.shape == (2, 4, 4)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4))


@dims
@torch.no_grad()
def test_exported_or_scripted_it_gives_the_same(dims):
    model, x = awake(build(dims, deep_supervision=True)).eval(), sequence(dims, seed=5)
    program = torch.export.export(model, (sequence(dims),))
    torch.testing.assert_close(program.module()(x), model(x), atol=1e-4, rtol=1e-4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated", category=DeprecationWarning)
        scripted = torch.jit.script(model)
    for frames in (1, 3):
        x = sequence(dims, frames=frames)
        torch.testing.assert_close(scripted(x), model(x), atol=1e-4, rtol=1e-4)


def test_an_unknown_name_and_an_image_without_time_are_refused():
    with pytest.raises(InputError, match=r"Unknown temporal 'lstm'\. Choose one of none, attention"):
        build(2, "lstm")
    with pytest.raises(ValueError, match=r"A sequence has 5 axes \(N, T, C, then space\), not 4"):
        build(2)(torch.zeros(1, 2, 13, 9))
