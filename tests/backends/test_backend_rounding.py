"""Rounding is told from rubbish: near ties may turn, clear labels and whole regions may not."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import AttentionUnet
from test_backends import image
from torch import Tensor, nn

from monai_attn.backends import Execution, load_network
from monai_attn.backends.agreement import differing, disagreement
from monai_attn.networks import AttnUNet

SHAPE = (24, 24, 24)


def smooth(channels: int, seed: int = 0) -> Tensor:
    """Logits as of a trained network: areas of each class, about 3 in size."""
    return image(1, channels, *SHAPE, seed=seed)[0] * 3


def noise(like: Tensor, share: float, seed: int = 1) -> Tensor:
    """Rounding: independent of the values, a share of their spread."""
    return share * like.std() * torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def in_bf16(network: nn.Module, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return network(x)[0].float()


@torch.no_grad()
@pytest.mark.parametrize(("precision", "share"), [("f32", 1e-4), ("f16", 0.003), ("bf16", 0.02), ("int8", 0.05)])
@pytest.mark.parametrize("channels", [1, 3, 14])
def test_rounding_agrees_in_each_precision_and_turns_near_ties_only(precision, share, channels):
    expected = smooth(channels)
    assert disagreement(expected, expected + noise(expected, share), precision) == ""
    assert "what rounding explains" in disagreement(expected, expected + noise(expected, 30 * share), precision)


@torch.no_grad()
def test_an_undecided_network_and_a_rare_class_are_no_reason_to_refuse():
    undecided = 1e-3 * smooth(14) + torch.arange(14.0).view(-1, 1, 1, 1) * 1e-6
    other = undecided + noise(undecided, 0.02)
    assert disagreement(undecided, other, "bf16") == ""
    assert 0.001 < differing(undecided, other) / other[0].numel() < 0.1  # what the old rule refused
    rare = smooth(3)
    rare[2] -= rare[2].max() + 0.1  # nowhere ahead of channel 0 by much, and so in few voxels
    rare[2, 4:7, 4:7, 4:7] = rare[:2, 4:7, 4:7, 4:7].amax(0) + 0.01  # 27 voxels, nearly tied
    other = rare + noise(rare, 0.02)
    assert disagreement(rare, other, "bf16") == ""
    assert differing(rare, other) > 10


@torch.no_grad()
@pytest.mark.parametrize("attention", ["none", "gate", "cbam"])
def test_untrained_networks_keep_bf16(attention):
    torch.manual_seed(1)
    network = AttnUNet(3, 1, 14, channels=[4, 8, 16], strides=[2, 2], attention=attention).eval()
    x = image(1, 1, *SHAPE)
    expected, given = network(x)[0], in_bf16(network, x)
    assert disagreement(expected, given, "bf16") == ""
    assert differing(expected, given) > 14  # the old rule allowed 10 voxels of a class and 1 %


@torch.no_grad()
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_an_untrained_network_runs_in_bf16_and_the_provenance_says_how_many_labels_differ(backend):
    torch.manual_seed(1)
    network = AttnUNet(3, 1, 14, channels=[4, 8, 16], strides=[2, 2], attention="gate").eval()
    x = image(1, 1, *SHAPE)
    expected = network(x).argmax(1)
    loaded = load_network(network, Execution("cpu", backend=backend, precision="bf16"))
    turned = float((loaded(x).argmax(1) != expected).float().mean())
    ((_, precision),) = loaded.record.used
    about = loaded.record.provenance()
    assert about["differing"] == {f"{backend} bf16": pytest.approx(turned, abs=1e-6)}
    if precision == "bf16":  # a processor without it has run f32, and says so
        assert 0.001 < turned < 0.1
        assert about["fallbacks"] == []


@torch.no_grad()
@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
@pytest.mark.parametrize("regions", [False, True], ids=["classes", "regions"])
def test_what_rounding_cannot_do_is_refused(precision, regions):
    expected = smooth(4)
    slice_lost, channel_lost, shifted, scaled = (expected.clone() for _ in range(4))
    slice_lost[..., -1] = smooth(4, seed=9)[..., 0]  # a whole region, 4 % of the window
    channel_lost[2] = smooth(4, seed=9)[2]
    shifted[1] += 4
    scaled *= 2
    for given in (slice_lost, channel_lost, shifted, scaled, torch.zeros_like(expected), -expected):
        assert "differ from those of torch f32" in disagreement(expected, given, precision, regions=regions)


@torch.no_grad()
def test_what_is_added_to_all_classes_of_a_voxel_is_no_difference_but_to_regions_it_is():
    expected = smooth(3)
    moved = expected + 5 * smooth(1, seed=3)
    assert disagreement(expected, moved, "f32") == ""
    assert disagreement(expected, moved, "bf16", regions=True)


@torch.no_grad()
def test_a_few_clear_voxels_are_a_fault_and_a_background_of_one_value_is_none():
    expected = smooth(2)
    ahead = expected[0] - expected[1]
    i, j, k = ((ahead > 2.5) & (ahead < 3.5)).nonzero()[:15].T
    given = expected.clone()
    given[:, i, j, k] *= -1
    assert "in 15 voxels where one class is clearly ahead" in disagreement(expected, given, "bf16")
    flat = torch.full((2, *SHAPE), 10.0)
    flat[1] = -10
    assert disagreement(flat, flat * (1 + 2.0**-9), "bf16") == ""  # rounding of a number of its size
    assert disagreement(flat, -flat, "bf16")


@torch.no_grad()
def test_a_wrong_int8_range_is_refused_and_a_right_one_is_not():
    torch.manual_seed(0)
    network, x = AttentionUnet(3, 1, 3, (4, 8, 16), (2, 2)).eval(), image(1, 1, *SHAPE)
    expected = network(x)[0]

    def quantised(share: float) -> Tensor:
        """Activations in 8 bits, in a range of `share` of what they take."""

        def rounded(_: nn.Module, __: object, output: Tensor) -> Tensor:
            step = share * output.abs().max() / 127
            return (output / step).round().clamp(-127, 127) * step

        hooks = [one.register_forward_hook(rounded) for one in network.modules() if isinstance(one, nn.Conv3d)]
        given = network(x)[0]
        for hook in hooks:
            hook.remove()
        return given

    assert disagreement(expected, quantised(1.0), "int8") == ""
    assert disagreement(expected, quantised(0.1), "int8")
