"""The choices a network offers, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_attn.errors import InputError
from monai_attn.networks import (
    AttentionGate,
    AttnFCN,
    AttnUNet,
    ChannelAttention,
    NoAttention,
    SkipAttention,
    predict_with_maps,
)
from monai_attn.networks.blocks import ConvStack, InterpolatedUp, TransposedUp, pad_to_multiple

both = pytest.mark.parametrize("network", [AttnUNet, AttnFCN])


def build(network=AttnUNet, dims=3, **options):
    torch.manual_seed(1)
    return network(dims, 1, 2, **{"channels": [4, 8, 8], "strides": [2, 2], **options})


def image(*sizes, batch=1):
    return torch.randn(batch, 1, *sizes, generator=torch.Generator().manual_seed(2))


def kinds(model):
    return [type(level.attention) for level in model.decoder]  # coarsest first


@both
def test_one_attention_for_all_levels_or_one_each(network):
    assert kinds(build(network, attention="gate")) == [AttentionGate, AttentionGate]
    assert kinds(build(network, attention=["none", "gate"])) == [AttentionGate, NoAttention]
    assert kinds(build(network, attention=ChannelAttention)) == [ChannelAttention, ChannelAttention]
    assert kinds(build(network, attention=["none", ChannelAttention])) == [ChannelAttention, NoAttention]


@both
def test_a_factory_is_told_the_channels_and_the_stride_of_its_level(network):
    told = []

    def factory(*arguments):
        told.append(arguments)
        return NoAttention(*arguments)

    build(network, channels=[4, 6, 8], strides=[(1, 2, 2), 2], attention=factory)
    gating = (6, 8) if network is AttnUNet else (2, 2)  # an FCN is gated by its class scores
    assert told == [(3, 4, gating[0], (1, 2, 2)), (3, 6, gating[1], (2, 2, 2))]


@torch.no_grad()
def test_an_attention_of_ones_own_is_used_and_seen():
    class Half(SkipAttention):
        def forward(self, skip, gating):  # noqa: ARG002 - the contract
            return skip / 2

        def map(self, skip, gating):  # noqa: ARG002 - the contract
            return torch.full_like(skip[:, :1], 0.5)

    plain, half = build(attention="none").eval(), build(attention=Half).eval()
    half.load_state_dict(plain.state_dict())
    x = image(8, 8, 8)
    assert not torch.allclose(plain(x), half(x))
    assert all((one == 0.5).all() for one in half.attention_maps(x))


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "gates"}, r"Unknown attention 'gates'\. Choose one of none, gate, .*local, or pass a factory\."),
        ({"attention": ["gate", "x"]}, r"Unknown attention 'x'\."),
        ({"attention": None}, r"Unknown attention None\."),
        ({"attention": ["gate"]}, r"1 attentions do not fit 2 skip connections: \['gate'\]\."),
        ({"bottleneck": "asp"}, r"Unknown bottleneck 'asp'\. Choose one of conv, aspp\."),
        ({"strides": [2]}, r"3 levels need 2 strides .* channels=\[4, 8, 8\], strides=\[2\]\."),
        ({"channels": [4], "strides": []}, "two levels or more"),
        ({"strides": [2, (2, 2)]}, r"A stride is a positive whole number or 3 of them, not \(2, 2\)\."),
        ({"strides": [2, 0]}, "A stride is a positive whole number or 3 of them, not 0"),
        ({"strides": [2, 1.5]}, "A stride is a positive whole number or 3 of them, not 1.5"),
        ({"kernel_sizes": [3, 3]}, "2 kernel sizes do not fit 3 levels"),
        ({"kernel_sizes": [3, 3, 2]}, r"Kernel sizes are odd, .* not \(2, 2, 2\)"),
        ({"depth": 0}, "depth counts the convolutions of a block: 1 or more, not 0"),
        ({"dims": 1}, "spatial_dims is 2 or 3, not 1"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(network, options, message):
    with pytest.raises(InputError, match=message):
        build(network, **options)


def test_an_unknown_way_up_is_refused():
    with pytest.raises(InputError, match=r"Unknown upsample 'up'\. Choose one of transposed, interpolated\."):
        build(upsample="up")


@both
@pytest.mark.parametrize("norm", ["instance", ("instance", {"affine": True}), "batch", ("group", {"num_groups": 4})])
@pytest.mark.parametrize("act", ["relu", ("leakyrelu", {"negative_slope": 0.2}), "prelu", "gelu"])
def test_norms_and_activations(network, norm, act):
    model = build(network, norm=norm, act=act)
    model(image(8, 8, 8, batch=2)).sum().backward()
    with torch.no_grad():
        assert model.eval()(image(8, 8, 8)).isfinite().all()
    kind = norm if isinstance(norm, str) else norm[0]
    assert any(kind in type(module).__name__.lower() for module in model.modules())


def test_a_config_may_write_its_pairs_as_lists():
    assert build(norm=["instance", {"affine": True}], act=["leakyrelu", {"negative_slope": 0.1}])


@both
@torch.no_grad()
@pytest.mark.parametrize(
    "options",
    [
        {"strides": [(1, 2, 2), 2]},
        {"strides": [(1, 2, 2), (2, 2, 1)], "kernel_sizes": [(1, 3, 3), 3, (3, 3, 1)]},
        {"strides": [1, 3], "kernel_sizes": [5, 3, 1]},
        {"channels": [4, 4, 8, 8, 8], "strides": [2, 2, 2, 2]},
        {"channels": [4, 8], "strides": [4]},
        {"depth": 1, "dropout": 0.5},
        {"depth": 3, "residual": True},
        {"residual": True, "strides": [(1, 2, 2), 1]},
        {"bottleneck": "aspp"},
        {"bottleneck": "aspp", "residual": True, "channels": [4, 8, 6]},
    ],
)
def test_strides_kernels_blocks_and_bottlenecks(network, options):
    assert build(network, **options).eval()(image(11, 7, 5)).shape == (1, 2, 11, 7, 5)


@torch.no_grad()
@pytest.mark.parametrize(("upsample", "kind"), [("transposed", TransposedUp), ("interpolated", InterpolatedUp)])
def test_both_ways_up(upsample, kind):
    model = build(upsample=upsample, strides=[(1, 2, 2), 2]).eval()
    assert {type(level.up) for level in model.decoder} == {kind}
    assert model(image(5, 6, 7)).shape == (1, 2, 5, 6, 7)


@torch.no_grad()
def test_a_residual_block_adds_what_came_in():
    options = {"kernel_size": (3, 3, 3), "stride": (1, 1, 1), "norm": "instance", "act": "relu"}
    block = ConvStack(3, 4, 4, **options, residual=True).eval()
    for parameter in block.parameters():
        parameter.zero_()
    x = torch.randn(1, 4, 4, 4, 4, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(block(x), x.clamp(min=0))
    plain = ConvStack(3, 4, 4, **options).eval()
    for parameter in plain.parameters():
        parameter.zero_()
    assert (plain(x) == 0).all()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_block_drops_channels_once_whatever_its_depth(depth):
    model = build(dropout=0.25, depth=depth)
    dropouts = [module for module in model.modules() if isinstance(module, nn.Dropout3d)]
    assert len(dropouts) == 3 + 2  # one for each level of the encoder and of the decoder
    assert {module.p for module in dropouts} == {0.25}


@both
@pytest.mark.parametrize("sizes", [(8, 8, 8), (9, 7, 5)])
def test_deep_supervision_gives_every_decoder_level_on_the_grid_of_the_image_in_training_only(network, sizes):
    model = build(network, channels=[4, 8, 8, 8], strides=[2, 2, 2], deep_supervision=True)
    outputs = model.train()(image(*sizes, batch=2))
    assert [output.shape for output in outputs] == [(2, 2, *sizes)] * 3
    with torch.no_grad():
        alone = model.eval()(image(*sizes, batch=2))
    torch.testing.assert_close(outputs[0], alone)  # instance norm does the same in both
    assert torch.is_tensor(build(network).train()(image(*sizes)))


@torch.no_grad()
def test_coarse_outputs_are_interpolated_linearly():
    model = build(strides=[2, 2], deep_supervision=True).train()
    coarse = []

    def look(module, inputs, output):
        coarse.append(output)

    model.heads[0].register_forward_hook(look)
    outputs = model(image(8, 8, 8))
    expected = torch.nn.functional.interpolate(coarse[0], scale_factor=2, mode="trilinear")
    torch.testing.assert_close(outputs[1], expected)


def test_padding_repeats_the_far_border_and_stops_at_the_multiple():
    x = torch.arange(5.0).reshape(1, 1, 5, 1)
    padded = pad_to_multiple(x, [4, 1], [4, 2])
    assert padded.shape == (1, 1, 8, 2)
    assert padded[0, 0, :, 0].tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
    assert pad_to_multiple(x, [5, 1], [5, 1]) is x


def test_the_weights_of_the_trained_network_keep_their_names():
    """A bundle's weights are loaded strictly: what is renamed here cannot be loaded any more."""
    names = set(build(channels=[16, 32, 64, 128], strides=[2, 2, 2], deep_supervision=True).state_dict())
    assert len(names) == 69
    assert {
        "encoder.levels.3.body.4.weight",
        "decoder.0.attention.theta.weight",
        "decoder.0.attention.psi.bias",
        "decoder.2.up.conv.weight",
        "decoder.2.block.body.0.weight",
        "heads.0.weight",
        "heads.2.bias",
    } <= names


def test_a_network_without_attention_of_ours_has_no_maps():
    logits, maps = predict_with_maps(nn.Conv3d(1, 2, 1), image(3, 3, 3))
    assert logits.shape == (1, 2, 3, 3, 3)
    assert maps == []
