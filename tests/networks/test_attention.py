"""What each attention does, alone."""

from __future__ import annotations

import pytest
import torch

from monai_attn.networks import (
    ATTENTION,
    CBAM,
    SCSE,
    AttentionGate,
    ChannelAttention,
    LocalAttention,
    NoAttention,
    SpatialAttention,
)
from monai_attn.networks.local import _relative_positions


def build(attention, dims=3, skip_channels=8, gating_channels=6, stride=None):
    torch.manual_seed(1)
    factory = ATTENTION[attention] if isinstance(attention, str) else attention
    return factory(dims, skip_channels, gating_channels, stride or (2,) * dims).eval()


def features(*shape, seed=2):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def skip():
    return features(2, 8, 8, 4, 6)


@pytest.fixture
def gating():
    return features(2, 6, 4, 2, 3, seed=3)


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("stride", [(2, 2, 2), (1, 2, 2), (4, 1, 2), (2, 2), (1, 2)])
def test_the_skip_keeps_its_shape_and_the_map_lies_on_it(attention, stride):
    sizes = (8, 4, 6)[: len(stride)]
    skip = features(2, 8, *sizes)
    gating = features(2, 6, *[size // step for size, step in zip(sizes, stride, strict=True)])
    before = skip.clone()
    module = build(attention, len(stride), stride=stride)
    assert module(skip, gating).shape == skip.shape
    shown = module.map(skip, gating)
    assert shown.shape == (2, 1, *sizes)
    assert 0 <= shown.min() <= shown.max() <= 1
    assert torch.equal(skip, before)


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTION)
def test_only_the_gate_looks_at_the_gating(attention, skip, gating):
    module = build(attention)
    changed = not torch.equal(module(skip, gating), module(skip, 3 * gating))
    assert changed == (attention == "gate")
    assert torch.equal(module.map(skip, gating), module.map(skip, 3 * gating)) != changed


def test_no_attention_is_the_skip_itself(skip, gating):
    assert build(NoAttention)(skip, gating) is skip
    assert not list(build(NoAttention).parameters())


@torch.no_grad()
def test_the_gate_is_the_formula_of_its_paper(skip, gating):
    gate = build(AttentionGate, stride=(1, 1, 1))
    gating = features(2, 6, 8, 4, 6)
    theta, phi, psi = gate.theta, gate.phi, gate.psi
    voxel = (1, slice(None), 5, 2, 3)
    hidden = theta.weight.flatten(1) @ skip[voxel] + phi.weight.flatten(1) @ gating[voxel] + phi.bias
    alpha = torch.sigmoid(psi.weight.flatten(1) @ hidden.clamp(min=0) + psi.bias)
    torch.testing.assert_close(gate(skip, gating)[voxel], alpha * skip[voxel])
    torch.testing.assert_close(gate.map(skip, gating)[1, 0, 5, 2, 3], alpha[0])


@torch.no_grad()
def test_a_gate_begins_nearly_open():
    weights = build(AttentionGate, skip_channels=32, gating_channels=64).map(
        features(1, 32, 8, 8, 8), features(1, 64, 4, 4, 4)
    )
    assert 0.7 < weights.mean() < 0.97


@torch.no_grad()
def test_the_gate_closes_where_the_gating_says_so(skip, gating):
    gate = build(AttentionGate)
    for parameter in gate.parameters():
        parameter.zero_()
    gate.phi.weight[0, 0] = 1.0
    gate.psi.weight[0, 0] = -100.0
    gate.psi.bias.fill_(10.0)
    gating = torch.zeros_like(gating)
    gating[:, 0, :2] = 1.0  # the first half along the first axis
    weights = gate.map(skip, gating)
    assert (weights[:, :, :3] < 0.01).all()  # the fourth of eight is halfway between coarse voxels
    assert (weights[:, :, 5:] > 0.99).all()


@torch.no_grad()
def test_channel_attention_weighs_whole_channels(skip, gating):
    factors = build(ChannelAttention)(skip, gating) / skip
    first = factors[:, :, :1, :1, :1]
    torch.testing.assert_close(factors, first.expand_as(factors))
    assert len(set(first[0].flatten().tolist())) == 8  # each channel has its own
    assert not torch.allclose(first[0], first[1])  # and each sample


@torch.no_grad()
def test_spatial_attention_weighs_all_channels_of_a_voxel_alike(skip, gating):
    factors = build(SpatialAttention)(skip, gating) / skip
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors))
    assert factors[:, 0].std() > 0.01


@torch.no_grad()
def test_scse_takes_the_larger_of_channel_and_voxel(skip, gating):
    module = build(SCSE)
    channel = module.channel.weights(skip, gating)
    voxel = torch.sigmoid(module.spatial(skip))
    torch.testing.assert_close(module(skip, gating), skip * torch.maximum(channel, voxel))


@torch.no_grad()
def test_cbam_weighs_channels_by_mean_and_maximum_and_then_voxels(skip, gating):
    module = build(CBAM)
    squeeze, excite = module.channel.squeeze, module.channel.excite

    def shared(pooled):  # (N, C)
        hidden = (pooled @ squeeze.weight.flatten(1).T + squeeze.bias).clamp(min=0)
        return hidden @ excite.weight.flatten(1).T + excite.bias

    voxels = skip.flatten(2)
    which = torch.sigmoid(shared(voxels.mean(2)) + shared(voxels.max(2).values))[:, :, None, None, None]
    pooled = torch.cat([(skip * which).mean(1, keepdim=True), (skip * which).max(1, keepdim=True).values], dim=1)
    where = torch.sigmoid(module.spatial.conv(pooled))
    torch.testing.assert_close(module(skip, gating), skip * which * where)


@torch.no_grad()
@pytest.mark.parametrize("dims", [2, 3])
def test_local_attention_reaches_its_window_and_no_further(dims):
    module = build(LocalAttention, dims, skip_channels=32)
    module.norm = torch.nn.Identity()  # statistics over the image would reach everywhere
    skip = features(1, 32, *[8] * dims)
    changed = skip.clone()
    changed[(0, slice(None), *[1] * dims)] += 1.0
    differs = (module(skip, skip) != module(changed, skip)).any(dim=1)[0]
    window = torch.zeros_like(differs)
    window[(slice(0, 4),) * dims] = True
    assert torch.equal(differs, window)


@torch.no_grad()
def test_local_attention_is_softmax_attention_of_each_head():
    module = build(LocalAttention, skip_channels=32)
    module.bias.normal_(generator=torch.Generator().manual_seed(4))
    skip = features(1, 32, 8, 4, 4)
    place, (axis, row, column) = 4 * 16 + 2 * 4 + 3, (0, 2, 3)  # in the second window: voxel (4 + 0, 2, 3)
    place -= 64  # its number among the 64 neighbours
    qkv = module.project(module.norm(skip))[0, :, 4:].reshape(3, 2, 16, 64)  # (q k v, heads, 16, neighbours)
    query, key, value = qkv
    told = []
    for head in range(2):
        scores = key[head].T @ query[head, :, place] / 4 + module.bias[head, module.relative[place]]
        told.append(value[head] @ scores.softmax(0))
    expected = skip[0, :, 4 + axis, row, column] + module.out(torch.cat(told)[None, :, None, None, None]).flatten()
    torch.testing.assert_close(module(skip, skip)[0, :, 4 + axis, row, column], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_map_of_local_attention_is_how_much_a_voxel_is_looked_at_beside_the_average():
    module = build(LocalAttention, skip_channels=32)
    module.bias.normal_(generator=torch.Generator().manual_seed(4))
    skip = 3 * features(1, 32, 4, 4, 4)
    query, key, _ = module.project(module.norm(skip)).reshape(3, 2, 16, 64)
    received = torch.zeros(64)
    for head in range(2):
        scores = query[head].T @ key[head] / 4 + module.bias[head, module.relative]  # (who looks, at whom)
        received += scores.softmax(1).sum(0) / 2  # the mean over heads; 64 looks at 64 neighbours: 1 is the average
    torch.testing.assert_close(module.map(skip, skip).flatten(), received / (1 + received))


@torch.no_grad()
def test_the_map_of_local_attention_is_one_half_where_all_are_looked_at_alike():
    module = build(LocalAttention, skip_channels=16)
    module.project.weight.zero_()
    shown = module.map(features(1, 16, 4, 8, 4), features(1, 6, 2, 4, 2))
    torch.testing.assert_close(shown, torch.full_like(shown, 0.5))


@pytest.mark.parametrize("dims", [2, 3])
def test_pairs_of_neighbours_share_a_bias_if_and_only_if_their_offset_is_the_same(dims):
    number = _relative_positions(dims)
    places = torch.cartesian_prod(*[torch.arange(4)] * dims)
    offsets = {}
    for one, here in enumerate(places.tolist()):
        for other, there in enumerate(places.tolist()):
            offset = tuple(a - b for a, b in zip(here, there, strict=True))
            offsets.setdefault(int(number[one, other]), set()).add(offset)
    assert all(len(same) == 1 for same in offsets.values())
    assert len(offsets) == 7**dims


def test_a_printed_network_says_what_its_attentions_were_given():
    assert "skip=8, gating=6, stride=(2, 2, 2)" in repr(build(AttentionGate))
