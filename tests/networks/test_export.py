"""Exported, scripted or compiled to ONNX, a network gives the same labels."""

from __future__ import annotations

import itertools
import warnings

import pytest
import torch

from monai_attn.networks import ATTENTION, AttnFCN, AttnUNet

OPTIONS = {
    "plain": {},
    "anisotropic-residual": {"strides": [(1, 2, 2), 2], "kernel_sizes": [(1, 3, 3), 3, 3], "residual": True},
    "aspp-interpolated": {"bottleneck": "aspp", "upsample": "interpolated"},
}

SIZES = (9, 13, 7)
"""Odd, so that padding and cropping are exported, too."""

MEMBERS = [
    *[pytest.param(AttnUNet, name, "plain", id=f"unet-{name}") for name in ATTENTION],
    *[pytest.param(AttnUNet, "gate", options, id=f"unet-{options}") for options in OPTIONS if options != "plain"],
    pytest.param(AttnFCN, "gate", "plain", id="fcn-gate"),
    pytest.param(AttnFCN, "local", "plain", id="fcn-local"),
]

members = pytest.mark.parametrize(("network", "attention", "options"), MEMBERS)


def build(network, attention, options):
    torch.manual_seed(1)
    options = {"channels": [4, 16, 32], "strides": [2, 2], "deep_supervision": True, **OPTIONS[options]}
    return network(3, 1, 3, attention=attention, **options).eval()


def image(batch=1, seed=2):
    return torch.randn(batch, 1, *SIZES, generator=torch.Generator().manual_seed(seed))


def assert_same(logits, expected):
    """The same labels, and the same logits but for the order in which kernels add."""
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits.argmax(1), expected.argmax(1))


@torch.no_grad()
@members
@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_torch_export(network, attention, options, strict):
    model = build(network, attention, options)
    program = torch.export.export(model, (image(),), strict=strict)
    x = image(seed=3)
    assert_same(program.module()(x), model(x))


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTION)
def test_torch_export_with_any_number_of_windows(attention):
    model = build(AttnUNet, attention, "plain")
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (image(2),), dynamic_shapes=({0: batch},))
    for number in (1, 3):
        x = image(number, seed=3)
        assert_same(program.module()(x), model(x))


@torch.no_grad()
@members
def test_onnx(network, attention, options, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    model = build(network, attention, options)
    file = tmp_path / "network.onnx"
    with warnings.catch_warnings():
        # Of torch's own exporter (pytree, isinstance of LeafSpec) and of onnxscript's; none is of our making.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        torch.onnx.export(model, (image(),), file, input_names=["image"], output_names=["pred"], dynamo=True)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
    x = image(seed=3)
    (logits,) = session.run(None, {"image": x.numpy()})
    assert_same(torch.from_numpy(logits), model(x))


@torch.no_grad()
@members
def test_torchscript(network, attention, options, tmp_path):
    model = build(network, attention, options)
    with warnings.catch_warnings():
        # torch 2.13 says that TorchScript is deprecated; MONAI's ckpt_export still writes it.
        warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated", category=DeprecationWarning)
        scripted = torch.jit.script(model)
        torch.jit.save(scripted, tmp_path / "network.ts")
        scripted = torch.jit.load(tmp_path / "network.ts")
    for sizes, number in itertools.product([SIZES, (8, 8, 8), (1, 5, 3)], (1, 2)):
        x = torch.randn(number, 1, *sizes, generator=torch.Generator().manual_seed(4))
        assert_same(scripted(x), model(x))
    x = image(2)
    levels = scripted.train()(x)
    for level, expected in zip(levels, model.train()(x), strict=True):
        torch.testing.assert_close(level, expected, atol=1e-4, rtol=1e-4)
