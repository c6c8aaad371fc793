"""Every back-end gives the labels of PyTorch in f32, whatever the network, the window and the shape of its output."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import AttentionUnet, SegResNet, UNet
from torch import nn

from monai_attn.backends import BACKENDS, Execution, choose_backend, choose_device, choose_precision, load_network
from monai_attn.backends.conversion import openvino_without_telemetry
from monai_attn.errors import BackendError, InputError
from monai_attn.networks import AttnUNet

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")

NETWORKS = {
    "attention": lambda: AttnUNet(3, 1, 3, channels=[8, 16, 32], strides=[2, 2], attention="gate"),
    "local attention": lambda: AttnUNet(3, 1, 3, channels=[8, 16, 32], strides=[2, 2], attention="local"),
    "MONAI UNet": lambda: UNet(3, 1, 3, (8, 16, 32), (2, 2), num_res_units=2),
    "MONAI SegResNet": lambda: SegResNet(3, 8, 1, 3),
    "MONAI AttentionUnet": lambda: AttentionUnet(3, 1, 3, (8, 16, 32), (2, 2)),
}

EXACT = {"atol": 1e-4, "rtol": 1e-4}
"""Of logits of about 1: float32 with sums in another order."""


def takes_f32(backend: str) -> bool:
    """Whether a back-end takes f32 by itself where bf16 is asked for: OpenVINO does on a processor without."""
    if backend != "openvino":
        return False
    return "BF16" not in openvino_without_telemetry().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def image(*size: int, seed: int = 0) -> torch.Tensor:
    """Smooth noise, so that labels have areas and not only borders."""
    noise = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    pool = nn.AvgPool3d(3, 1, 1) if len(size) == 5 else nn.AvgPool2d(3, 1, 1)
    return pool(noise) * 3


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]().eval()


@torch.no_grad()
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_backend_gives_the_logits_of_the_network(backend, name):
    network, x = make(name), image(2, 1, 40, 48, 32)
    loaded = load_network(network, Execution("cpu", backend=backend, precision="f32"))
    torch.testing.assert_close(loaded(x), network(x), **EXACT)
    assert loaded.record.used == [(backend, "f32")]
    assert loaded.record.notes == []


@torch.no_grad()
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_what_one_window_gave_stays_as_it_is_when_the_next_is_computed(backend):
    loaded = load_network(make("attention"), Execution("cpu", backend=backend, precision="f32"))
    first = loaded(image(1, 1, 16, 16, 16))
    kept = first.clone()
    loaded(image(1, 1, 16, 16, 16, seed=1))
    assert torch.equal(first, kept)


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # in torch's compiler
def test_the_compiled_network_gives_the_logits_of_the_network():
    if not BACKENDS["torch-compile"].is_available():
        pytest.skip("there is no C++ compiler")
    network, x = make("MONAI UNet"), image(1, 1, 16, 24, 16)
    loaded = load_network(network, Execution("cpu", backend="torch-compile"))
    torch.testing.assert_close(loaded(x), network(x), **EXACT)
    assert loaded.record.backend == "torch-compile"


@torch.no_grad()
@pytest.mark.parametrize("size", [(41, 53, 37), (16, 16, 5), (33, 32, 70)])
def test_windows_that_do_not_divide_by_the_strides_are_right_in_openvino(size):
    """Padding and cropping are constants of a trace; the traced example has the window's remainders."""
    network, x = make("attention"), image(1, 1, *size)
    loaded = load_network(network, Execution("cpu", backend="openvino"))
    torch.testing.assert_close(loaded(x), network(x), **EXACT)
    assert loaded.record.notes == []


@torch.no_grad()
def test_a_network_whose_deepest_level_would_vanish_in_a_small_example_is_traced_on_a_larger_one():
    """InstanceNorm refuses a single voxel, which 32 voxels become after five strides of two."""
    torch.manual_seed(0)
    network = UNet(3, 1, 2, (2, 2, 2, 2, 2, 2), (2, 2, 2, 2, 2)).eval()
    x = image(1, 1, 64, 64, 64)
    loaded = load_network(network, Execution("cpu", backend="openvino"))
    torch.testing.assert_close(loaded(x), network(x), **EXACT)


@torch.no_grad()
def test_images_of_two_dimensions_run_too():
    torch.manual_seed(0)
    network, x = UNet(2, 3, 2, (4, 8), (2,)).eval(), image(3, 3, 40, 56)
    torch.testing.assert_close(load_network(network, Execution("cpu", backend="openvino"))(x), network(x), **EXACT)


class Several(nn.Module):
    """Logits with something beside them, in a shape of its own."""

    def __init__(self, build) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 2, 3, padding=1)
        self.build = build

    def forward(self, x):
        logits = self.conv(x)
        return self.build(logits, nn.functional.avg_pool3d(logits, 2))


@torch.no_grad()
@pytest.mark.parametrize(
    ("build", "look"),
    [
        (lambda a, b: {"logits": a, "maps": [b, a]}, lambda out: [out["logits"], *out["maps"]]),
        (lambda a, b: [a, b], lambda out: list(out)),
        (lambda a, b: (a, (b,)), lambda out: [out[0], *out[1]]),
    ],
    ids=["mapping", "list", "tuple"],
)
def test_outputs_of_several_tensors_keep_their_shape(build, look):
    network, x = Several(build).eval(), image(2, 1, 16, 24, 16)
    loaded = load_network(network, Execution("cpu", backend="openvino"))
    for given, expected in zip(look(loaded(x)), look(network(x)), strict=True):
        torch.testing.assert_close(given, expected, **EXACT)
    assert loaded.record.used == [("openvino", "f32")]


@torch.no_grad()
def test_an_inferer_a_forward_hook_and_the_affine_of_an_image_do_not_see_the_difference():
    network = make("MONAI UNet")
    loaded = load_network(network, Execution("cpu", backend="openvino"))
    seen: list[int] = []
    loaded.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    x = MetaTensor(image(1, 1, 40, 24, 24), affine=torch.diag(torch.tensor([2.0, 1, 1, 1])))
    inferer = SlidingWindowInferer((16, 16, 16), sw_batch_size=4, overlap=0.5, mode="gaussian")
    torch.testing.assert_close(inferer(x, loaded), inferer(x, network), **EXACT)
    assert sum(seen) == 4 * 2 * 2
    assert loaded(x).affine.equal(x.affine)


@torch.no_grad()
def test_threads_are_those_that_were_asked_for():
    loaded = load_network(make("MONAI UNet"), Execution("cpu", backend="openvino", threads=1))
    loaded(image(1, 1, 16, 16, 16))
    assert loaded.record.provenance()["threads"] == 1


def test_auto_is_openvino_on_a_cpu_and_torch_elsewhere(monkeypatch):
    assert choose_backend("auto", "cpu") == "openvino"
    assert choose_backend("auto", "cuda") == "torch"
    assert choose_backend("auto", "mps") == "torch"
    monkeypatch.setattr(BACKENDS["openvino"], "is_available", lambda: False)
    assert choose_backend("auto", "cpu") == "torch"
    with pytest.raises(InputError, match=r"The openvino backend needs openvino. Install it with: pip install openvino"):
        choose_backend("openvino")


def test_auto_prefers_cuda_then_mps_then_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device() == "cuda"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: choose_backend("abacus"), "Unknown backend 'abacus'. Choose one of auto, torch, openvino"),
        (lambda: choose_precision("f64"), "The torch backend has no precision 'f64'. Choose one of auto, f32, bf16"),
        (
            lambda: load_network(nn.Identity(), Execution("cpu", precision="f16", backend="openvino")),
            "openvino backend has no prec",
        ),
        (
            lambda: load_network(nn.Identity(), Execution("cuda", backend="openvino")),
            "openvino backend runs on the CPU, not on",
        ),
        (
            lambda: load_network(nn.Identity(), Execution("cpu", precision="int8", backend="torch")),
            "torch backend has no precision 'int8'",
        ),
    ],
)
def test_what_does_not_exist_or_go_together_is_refused_with_a_way_out(call, message):
    with pytest.raises(InputError, match=message):
        call()


class Bessel(nn.Module):
    """An operation that OpenVINO does not have."""

    def forward(self, x):
        return torch.cat([torch.special.bessel_j0(x), x], dim=1)


@torch.no_grad()
def test_a_network_that_openvino_cannot_run_runs_in_torch_with_one_warning(caplog):
    network, x = Bessel().eval(), image(1, 1, 8, 8, 8)
    loaded = load_network(network, Execution("cpu"))
    for _ in range(2):
        assert torch.equal(loaded(x), network(x))
    assert loaded.record.used == [("torch", "f32")]
    (note,) = loaded.record.provenance()["fallbacks"]
    assert note == (
        "Windows of 8 x 8 x 8 run in torch f32, not in openvino f32: OpenVINO cannot run this network on windows of "
        "1x8x8x8: No conversion rule found for operations: aten::special_bessel_j0"
    )
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [note]


class Listening(Bessel):
    """Notes what may be said while it is converted."""

    def __init__(self):
        super().__init__()
        self.levels = []

    def forward(self, x):
        self.levels.append(logging.getLogger().level)
        return super().forward(x)


@torch.no_grad()
def test_a_conversion_leaves_the_root_logger_as_it_is_while_it_runs_and_when_it_fails():
    root = logging.getLogger()
    before = (root.level, root.filters[:], root.handlers[:])
    network = Listening().eval()
    load_network(network, Execution("cpu"))(image(1, 1, 8, 8, 8))
    assert (root.level, root.filters, root.handlers) == before
    assert len(network.levels) > 1
    assert set(network.levels) == {root.level}


def test_it_is_an_error_when_openvino_was_asked_for():
    with pytest.raises(BackendError, match=r"OpenVINO cannot run this network on windows of 1x8x8x8"):
        load_network(Bessel(), Execution("cpu", backend="openvino"))(image(1, 1, 8, 8, 8))


class Forgetful(nn.Module):
    """Its threshold is computed outside of torch, so a trace keeps that of the example for ever."""

    def forward(self, x):
        threshold = float(x.mean())
        return torch.cat([x - threshold, threshold - x], dim=1)


@torch.no_grad()
def test_a_conversion_that_gives_other_labels_is_not_used():
    network, x = Forgetful().eval(), image(1, 1, 8, 8, 8) + 5
    loaded = load_network(network, Execution("cpu"))
    assert torch.equal(loaded(x), network(x))
    assert "its values differ from those of torch f32" in loaded.record.notes[0]


def test_neither_openvino_nor_torch_is_loaded_before_it_is_needed():
    code = (
        "import sys, monai_attn, monai_attn.cli.main as m; print({'torch', 'openvino'} & set(sys.modules)); "
        "import monai_attn.backends; print({'openvino', 'nncf'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split("\n")[:2] == ["set()", "set()"]


@torch.no_grad()
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the limit is of x86 processors")
@pytest.mark.parametrize("precision", [pytest.param("f32", marks=pytest.mark.slow), "bf16"])
def test_a_processor_without_bf16_and_amx_gives_the_same_labels_and_says_so(tmp_path, precision):
    """oneDNN's own limit stands in for an older processor; OpenVINO takes it for one that has bf16, and fails."""
    code = f"""
import torch, warnings
from test_backends import image, make
from monai_attn.backends import Execution, load_network
network, x = make("attention"), image(1, 1, 32, 32, 32)
with torch.no_grad():
    loaded = load_network(network, Execution("cpu", "openvino", {precision!r}))
    print(bool((loaded(x).argmax(1) == network(x).argmax(1)).float().mean() > 0.999))
print(*loaded.record.used, len(loaded.record.notes))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "MONAI_ATTN_CACHE": str(tmp_path)},
    )
    assert run.stdout.split("\n")[:2] == ["True", f"('openvino', 'f32') {int(precision == 'bf16')}"]
