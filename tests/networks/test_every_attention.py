"""Every attention in every network keeps the same contract."""

from __future__ import annotations

import itertools

import pytest
import torch

from monai_attn.networks import ATTENTION, AttnFCN, AttnUNet, predict_with_maps

NETWORKS = (AttnUNet, AttnFCN)

SIZES = {2: (13, 9), 3: (13, 9, 7)}

members = pytest.mark.parametrize(
    ("network", "dims", "attention"),
    [
        pytest.param(network, dims, attention, id=f"{network.__name__}-{dims}d-{attention}")
        for network, dims, attention in itertools.product(NETWORKS, (2, 3), ATTENTION)
    ],
)


def build(network, dims, attention="gate", **options):
    """A small one with the same weights each time; 16 and 32 channels are one and two heads of local attention."""
    torch.manual_seed(1)
    return network(dims, 2, 3, **{"channels": [4, 16, 32], "strides": [2, 2], "attention": attention, **options})


def image(*sizes, batch=1, channels=2):
    return torch.randn(batch, channels, *sizes, generator=torch.Generator().manual_seed(2))


@members
def test_logits_lie_on_the_grid_of_the_image(network, dims, attention):
    with torch.no_grad():
        logits = build(network, dims, attention).eval()(image(*SIZES[dims], batch=2))
    assert logits.shape == (2, 3, *SIZES[dims])
    assert logits.isfinite().all()


@members
def test_every_parameter_has_a_finite_gradient_that_is_not_zero(network, dims, attention):
    model = build(network, dims, attention, deep_supervision=True).train()
    outputs = model(image(*SIZES[dims], batch=2))
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


@members
@torch.no_grad()
def test_maps_lie_on_the_grid_of_the_image_between_0_and_1_and_come_with_the_logits(network, dims, attention):
    model, x = build(network, dims, attention).eval(), image(*SIZES[dims], batch=2)
    logits, maps = predict_with_maps(model, x)
    assert torch.equal(logits, model(x))
    assert len(maps) == 2
    for one in maps:
        assert one.shape == (2, 1, *SIZES[dims])
        assert 0 <= one.min() <= one.max() <= 1
    assert (maps[0] == 1).all() == (attention == "none")
    for one, same in zip(maps, model.attention_maps(x), strict=True):
        assert torch.equal(one, same)


@members
@torch.no_grad()
def test_evaluation_is_deterministic_and_samples_do_not_see_each_other(network, dims, attention):
    model, x = build(network, dims, attention, dropout=0.5).eval(), image(*SIZES[dims], batch=2)
    assert torch.equal(model(x), model(x))
    # Convolutions of another batch size may add in another order.
    torch.testing.assert_close(model(x)[1:], model(x[1:]), atol=1e-4, rtol=1e-4)


@members
@torch.no_grad()
def test_a_size_that_divides_is_not_padded_and_others_are_padded_by_repetition(network, dims, attention):
    model = build(network, dims, attention).eval()
    x = image(*[16, 8, 8][:dims])
    cut = x[:, :, 1:-3]  # twelve of 16: divides by 4
    longer = torch.cat([cut[:, :, :-1], cut[:, :, -2:-1]], dim=2)  # eleven, and the last one repeated
    assert torch.equal(model(cut[:, :, :-1]), model(longer)[:, :, :-1])


@torch.no_grad()
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("attention", ["gate", "local"])
@pytest.mark.parametrize("sizes", [(17, 5, 3), (1, 5, 9), (9, 1, 5), (5, 9, 1), (1, 1, 1), (64, 64, 5), (1, 1), (1, 7)])
def test_thin_and_single_voxel_images(network, attention, sizes):
    logits = build(network, len(sizes), attention).eval()(image(*sizes))
    assert logits.shape == (1, 3, *sizes)
    assert logits.isfinite().all()


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("attention", ATTENTION)
def test_a_thin_window_in_bfloat16_is_finite_and_close_to_float32(attention):
    """The window in which MONAI's AttentionUnet gives nan on CPUs with AMX (pytorch#169688)."""
    x = image(128, 128, 16)
    model = build(AttnUNet, 3, attention, channels=[4, 8, 8, 8], strides=[2, 2, 2]).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = model(x)
    assert reduced.isfinite().all()
    # Eight bits of mantissa through some fifteen convolutions.
    torch.testing.assert_close(reduced.float(), model(x), atol=0.2, rtol=0.1)


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("sizes", [(17, 5, 3), (9, 9, 1)])
@pytest.mark.parametrize("strides", [[2, 2], [(2, 2, 1), (2, 2, 1)]])
def test_in_bfloat16_no_strided_convolution_sees_an_innermost_axis_of_one(attention, sizes, strides):
    model = build(AttnUNet, 3, attention, strides=strides, residual=True).eval()
    thin = []

    def look(module, inputs, output):
        if max(module.stride) > 1 and output.shape[-1] == 1:
            thin.append(module)

    for module in model.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.register_forward_hook(look)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(image(*sizes)).isfinite().all()
    assert not thin
