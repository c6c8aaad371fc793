"""Several networks as one give the mean of their logits, also when exported."""

from __future__ import annotations

import warnings

import pytest
import torch

from monai_attn.errors import InputError
from monai_attn.networks import AttnUNet, NetworkMean, predict_with_maps


def one_network(seed: int = 1, **options) -> AttnUNet:
    torch.manual_seed(seed)
    options = {"channels": [4, 8], "strides": [2], "deep_supervision": True, "presence": 1, **options}
    return AttnUNet(3, 2, 3, **options)


def three_networks() -> tuple[NetworkMean, list[AttnUNet]]:
    """A mean of three networks with weights of their own, and the three."""
    networks = [one_network(seed).eval() for seed in (1, 2, 3)]
    mean = NetworkMean(one_network(4), copies=3).eval()
    for network, weights in zip(mean.networks, networks, strict=True):
        network.load_state_dict(weights.state_dict())
    return mean, networks


def image(seed: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.cat([torch.randn(2, 1, 9, 8, 7, generator=generator), torch.ones(2, 1, 9, 8, 7)], dim=1)


@torch.no_grad()
def test_the_mean_of_the_logits_of_its_networks():
    mean, networks = three_networks()
    expected = sum(network(image()) for network in networks) / 3
    torch.testing.assert_close(mean(image()), expected, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(expected, networks[0](image()), atol=1e-3)


@torch.no_grad()
def test_one_copy_is_the_network_itself():
    network = one_network().eval()
    torch.testing.assert_close(NetworkMean(network, copies=1).eval()(image()), network(image()))


@torch.no_grad()
def test_networks_of_several_makes_have_copies_each():
    makes = [one_network(1), one_network(2, norm="voxel", channels=[6, 8])]
    mean = NetworkMean(makes, copies=2).eval()
    assert [len(network.state_dict()["encoder.levels.0.body.0.weight"]) for network in mean.networks] == [4, 4, 6, 6]
    for place, network in enumerate(mean.networks):
        network.load_state_dict(
            one_network(place, **({} if place < 2 else {"norm": "voxel", "channels": [6, 8]})).state_dict()
        )
    expected = sum(network.eval()(image()) for network in mean.networks) / 4
    torch.testing.assert_close(mean(image()), expected, atol=1e-6, rtol=1e-5)
    _, maps = predict_with_maps(mean, image())
    assert [one.shape[1:] for one in maps] == [(1, 9, 8, 7)]
    with pytest.raises(InputError, match=r"copies counts networks: 1 or more, not \[\]"):
        NetworkMean([], copies=2)


def test_the_weights_of_each_network_have_a_place_and_a_name():
    mean, networks = three_networks()
    state = mean.state_dict()
    assert len(state) == 3 * len(networks[0].state_dict())
    for place, network in enumerate(networks):
        for name, value in network.state_dict().items():
            assert torch.equal(state[f"networks.{place}.{name}"], value)


def test_the_copies_share_nothing_with_the_network_they_were_made_of():
    network = one_network()
    mean = NetworkMean(network, copies=2)
    with torch.no_grad():
        next(network.parameters()).fill_(7)
        next(mean.networks[0].parameters()).fill_(8)
    assert not next(mean.networks[1].parameters()).eq(7).any()
    assert not next(mean.networks[1].parameters()).eq(8).any()


def test_less_than_one_copy_is_refused():
    with pytest.raises(InputError, match=r"copies counts networks: 1 or more, not 0"):
        NetworkMean(one_network(), copies=0)


def test_outputs_of_deep_supervision_are_refused():
    with pytest.raises(ValueError, match=r"have no mean here\. Call eval\(\) before"):
        NetworkMean(one_network(), copies=2).train()(image())


@torch.no_grad()
def test_the_maps_are_the_means_of_the_maps():
    mean, networks = three_networks()
    logits, maps = predict_with_maps(mean, image())
    each = [predict_with_maps(network, image()) for network in networks]
    torch.testing.assert_close(logits, sum(one for one, _ in each) / 3, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(maps[0], sum(one[0] for _, one in each) / 3, atol=1e-6, rtol=1e-5)


def assert_same(logits: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits.argmax(1), expected.argmax(1))


@torch.no_grad()
def test_torch_export_and_torchscript_give_the_same_labels(tmp_path):
    mean, _ = three_networks()
    program = torch.export.export(mean, (image(),), strict=False)
    assert_same(program.module()(image(5)), mean(image(5)))
    with warnings.catch_warnings():
        # torch 2.13 says that TorchScript is deprecated; MONAI's ckpt_export still writes it.
        warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated", category=DeprecationWarning)
        torch.jit.save(torch.jit.script(mean), tmp_path / "mean.ts")
        scripted = torch.jit.load(tmp_path / "mean.ts")
    assert_same(scripted(image(5)), mean(image(5)))


@torch.no_grad()
def test_openvino_gives_the_same_labels():
    openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")
    mean, _ = three_networks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter's tracing: none is of our making
        model = openvino.convert_model(mean, example_input=image())
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    assert_same(torch.from_numpy(compiled(image(5).numpy())[0].copy()), mean(image(5)))
