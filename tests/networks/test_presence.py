"""A network that is told which images it has: `presence` of AttnUNet."""

from __future__ import annotations

import warnings

import pytest
import torch

from monai_attn.bundle import find_bundle
from monai_attn.errors import InputError
from monai_attn.networks import ATTENTION, AttnFCN, AttnUNet


def build(presence: int = 3, *, dims: int = 3, seed: int = 1, **options) -> AttnUNet:
    torch.manual_seed(seed)
    return AttnUNet(dims, 6, 2, **{"channels": [4, 8, 8], "strides": [2, 2], "presence": presence, **options}).eval()


def steered(network: AttnUNet) -> AttnUNet:
    """With steering weights as after training; before, they are zero."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for steering in network.encoder.steering:
            for parameter in steering.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return network


def image(*present: float, dims: int = 3, size: int = 12) -> torch.Tensor:
    """Three noisy channels, of which the absent are 0, and their masks."""
    noise = torch.randn(1, 3, *(size,) * dims, generator=torch.Generator().manual_seed(2))
    masks = torch.tensor(present).reshape(1, 3, *(1,) * dims).expand_as(noise)
    return torch.cat([noise * masks, masks], dim=1)


@torch.no_grad()
def test_before_training_steering_does_nothing():
    plain, network = build(0), build(3)
    network.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(network(image(1, 1, 0)), plain(image(1, 1, 0)))


@torch.no_grad()
def test_features_are_scaled_and_shifted_by_the_part_of_space_that_each_image_covers():
    network = steered(build())
    x = image(1, 1, 1)
    x[:, 5, :3] = 0  # the third image covers three quarters
    level, steering = network.encoder.levels[0], network.encoder.steering[0]
    scale, shift = steering.linear(torch.tensor([[1.0, 1.0, 0.75]])).chunk(2, dim=1)
    expected = level(x) * (1 + scale[..., None, None, None]) + shift[..., None, None, None]
    torch.testing.assert_close(network.encoder(x)[0], expected)


@torch.no_grad()
def test_a_network_can_tell_an_absent_image_from_one_that_is_zero():
    """As mere channels, constant masks would vanish in the first instance normalisation."""
    x, absent = image(1, 0, 1), image(1, 0, 1)
    x[:, 4] = 1  # the second image is there, and zero everywhere
    inside = (slice(None), slice(None), *(slice(4, 8),) * 3)
    plain, network = build(0, attention="none"), steered(build(3, attention="none"))
    told, untold = ((n(x) - n(absent))[inside].abs().mean() for n in (network, plain))
    assert told > 0.05
    assert told > 2 * untold  # what is left of it comes in from the borders, where padding is zero


@torch.no_grad()
def test_each_case_of_a_batch_is_steered_by_its_own_images():
    network = steered(build())
    cases = [image(1, 1, 1), image(1, 0, 0), image(0, 1, 1)]
    together = network(torch.cat(cases))
    for place, case in enumerate(cases):
        torch.testing.assert_close(together[place : place + 1], network(case), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTION)
def test_with_every_attention_in_two_and_three_dimensions_at_any_size(attention):
    for dims, size in ((2, 11), (3, 7)):
        network = steered(build(dims=dims, attention=attention))
        assert network(image(1, 0, 1, dims=dims, size=size)).shape == (1, 2, *(size,) * dims)


def test_training_reaches_the_steering_through_deep_supervision():
    network = build(deep_supervision=True).train()
    sum(output.square().mean() for output in network(image(1, 1, 0))).backward()
    for steering in network.encoder.steering:
        assert steering.linear.weight.grad[:, :2].any()
        assert not steering.linear.weight.grad[:, 2].any()  # that image is absent


@pytest.mark.parametrize("presence", [-1, 6, 7])
def test_more_masks_than_channels_are_refused(presence):
    with pytest.raises(InputError, match=rf"presence counts channels of the 6 of the image, not {presence}"):
        build(presence)


def test_without_presence_state_dicts_are_as_they_were_and_the_shipped_weights_load():
    assert not [name for name in build(0).state_dict() if "steering" in name]
    assert not [name for name in AttnFCN(3, 6, 2, channels=[4, 8], strides=[2]).state_dict() if "steering" in name]
    weights = torch.load(find_bundle("hippocampus_mri") / "models" / "model.pt", weights_only=True)
    options = {"channels": [16, 32, 64, 128], "strides": [2, 2, 2], "attention": "gate", "deep_supervision": True}
    AttnUNet(3, 1, 3, **options).load_state_dict(weights, strict=True)


def assert_same(logits: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits.argmax(1), expected.argmax(1))


@torch.no_grad()
@pytest.mark.parametrize("presence", [0, 3])
def test_torch_export_and_torchscript_give_the_same_labels(presence, tmp_path):
    network = build(presence)
    network = steered(network) if presence else network
    program = torch.export.export(network, (image(1, 1, 1),), strict=False)
    with warnings.catch_warnings():
        # torch 2.13 says that TorchScript is deprecated; MONAI's ckpt_export still writes it.
        warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated", category=DeprecationWarning)
        torch.jit.save(torch.jit.script(network), tmp_path / "network.ts")
        scripted = torch.jit.load(tmp_path / "network.ts")
    for present in ((1, 1, 1), (1, 0, 0)):
        x = image(*present)
        assert_same(program.module()(x), network(x))
        assert_same(scripted(x), network(x))
    x = image(0, 1, 1, size=9)
    assert_same(scripted(x), network(x))


@torch.no_grad()
@pytest.mark.parametrize("presence", [0, 3])
def test_openvino_gives_the_same_labels(presence):
    openvino = pytest.importorskip("openvino", reason="the extra openvino is not installed")
    network = steered(build(presence)) if presence else build(presence)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter's tracing: none is of our making
        model = openvino.convert_model(network, example_input=image(1, 1, 1))
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    for present in ((1, 1, 1), (1, 0, 0)):
        x = image(*present)
        assert_same(torch.from_numpy(compiled(x.numpy())[0].copy()), network(x))
