"""No precision is used on a shape before it has given the labels of f32 there."""

from __future__ import annotations

import time
from importlib.util import find_spec

import pytest
import torch
from monai.networks.nets import AttentionUnet
from test_backends import image, takes_f32
from torch import nn

from monai_attn.backends import Execution, load_network
from monai_attn.backends.agreement import disagreement
from monai_attn.backends.checked import CheckedNetwork, Variant
from monai_attn.backends.network import BackendNetwork

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")


class BrokenWhenThin(nn.Module):
    """A strided convolution as some processors compute it in bf16 (pytorch#169688): wrong where the innermost axis
    of its output has length 1, and right elsewhere."""

    def __init__(self, conv: nn.Module, wrong: float) -> None:
        super().__init__()
        self.conv = conv
        self.wrong = wrong

    def forward(self, x):
        y = self.conv(x)
        return y * self.wrong if y.dtype == torch.bfloat16 and y.shape[-1] == 1 else y


def with_broken_convolutions(wrong: float) -> nn.Module:
    """MONAI's attention U-Net of five levels, where 16 voxels become one. (Ours pads them to two.)"""
    torch.manual_seed(0)
    network = AttentionUnet(3, 1, 3, (4, 8, 8, 16, 16), (2, 2, 2, 2))
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv3d) and child.stride == (2, 2, 2):
                setattr(module, name, BrokenWhenThin(child, wrong))
    return separated(network).eval()


def separated(network: nn.Module) -> nn.Module:
    """The network with the image added to its logits, so that labels are areas, as a trained network's are."""

    class Separated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x) + 16 * torch.cat([x, -x, 0 * x], dim=1)

    return Separated()


@torch.no_grad()
@pytest.mark.parametrize("wrong", [float("nan"), 1e4], ids=["not finite", "garbage"])
def test_a_thin_window_falls_back_to_f32_and_a_thick_one_does_not(wrong, caplog):
    network = with_broken_convolutions(wrong)
    thin, thick = image(1, 1, 32, 32, 16), image(1, 1, 32, 32, 32)
    loaded = load_network(network, Execution("cpu", backend="torch", precision="bf16"))
    for _ in range(2):
        assert torch.equal(loaded(thin).argmax(1), network(thin).argmax(1))
    assert loaded.record.used == [("torch", "f32")]
    (note,) = loaded.record.provenance()["fallbacks"]
    assert note.startswith("Windows of 32 x 32 x 16 run in torch f32, not in torch bf16: ")
    assert ("not finite" in note) == (wrong != wrong)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [note]
    loaded(thick)
    assert loaded.record.used[-1] == ("torch", "bf16")


@torch.no_grad()
@pytest.mark.parametrize("backend", ["torch", "openvino"])
@pytest.mark.parametrize("size", [(128, 128, 16), (32, 32, 16)])
def test_the_network_of_the_report_is_right_in_bf16_whatever_the_processor(backend, size):
    """MONAI's AttentionUnet reaches an innermost length of 1 on 128 x 128 x 16, and gives NaN there with AMX."""
    torch.manual_seed(0)
    network = separated(AttentionUnet(3, 1, 3, (4, 8, 8, 16, 16), (2, 2, 2, 2))).eval()
    x = image(1, 1, *size)
    labels = load_network(network, Execution("cpu", backend=backend, precision="bf16"))(x).argmax(1)
    assert (labels == network(x).argmax(1)).float().mean() > 0.995


class LosesBits(nn.Module):
    """Its first layer lies around 1000, where neighbours in bf16 are 4 to 8 apart."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(1, 8, 3, padding=1), nn.Conv3d(8, 2, 3, padding=1)
        nn.init.constant_(self.first.bias, 1000.0)
        with torch.no_grad():
            self.second.weight -= self.second.weight.mean((1, 2, 3, 4), keepdim=True)  # takes the 1000 out again

    def forward(self, x):
        return self.second(self.first(x))[:, :, 2:-2, 2:-2, 2:-2]


@torch.no_grad()
@pytest.mark.parametrize(
    ("backend", "way"), [("torch", ("torch", "f32")), ("openvino", ("openvino", "f32"))], ids=["torch", "openvino"]
)
def test_a_network_that_bf16_is_too_coarse_for_runs_in_f32(backend, way):
    torch.manual_seed(0)
    network, x = LosesBits().eval(), image(1, 1, 24, 24, 24)
    loaded = load_network(network, Execution("cpu", backend=backend, precision="bf16"))
    given = loaded(x)
    assert disagreement(network(x)[0], given[0], "f32") == ""
    assert loaded.record.used == [way]
    (note,) = loaded.record.notes
    assert ("this processor has no bf16" if takes_f32(backend) else "its values differ from those of torch f32") in note


class Answers(BackendNetwork):
    """Two classes by a threshold on the image, of which values above a limit are lost; counts its calls."""

    def __init__(self, threshold: float = 0.5, limit: float = 1e9, seconds: float = 0.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.limit = limit
        self.seconds = seconds
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        x = x.clamp(max=self.limit)
        return torch.cat([self.threshold - x, x - self.threshold], dim=1)


def windows(*values: tuple[float, float]) -> list[torch.Tensor]:
    """One window for each pair: one half has the first value, the other the second."""
    return [torch.tensor([a, b]).repeat_interleave(256).reshape(1, 1, 8, 8, 8) for a, b in values]


AIR, TISSUE, ORGAN = (0.0, 0.0), (0.1, 0.2), (0.1, 0.9)


@torch.no_grad()
def test_air_is_not_compared_and_a_window_of_one_class_only_until_there_is_one_with_more():
    fast, exact = Answers(), Answers()
    checked = CheckedNetwork([Variant("fast", "bf16", fast), Variant("torch", "f32", exact)])
    calls = []
    for window in windows(AIR, AIR, TISSUE, TISSUE, TISSUE, ORGAN, ORGAN, TISSUE):
        checked(window)
        calls.append(exact.calls)
    assert calls == [0, 0, 1, 2, 2, 3, 3, 3]
    assert checked.record.used == [("fast", "bf16")]


@torch.no_grad()
def test_a_way_that_is_right_where_there_is_nothing_is_found_out_where_there_is_something():
    checked = CheckedNetwork([Variant("fast", "bf16", Answers(0.15, 0.4)), Variant("torch", "f32", Answers(0.15))])
    nothing, organ = windows((0.0, 0.1), (0.1, 0.5))
    checked(nothing)
    assert checked.record.used == [("fast", "bf16")]
    assert float(checked(organ).amax()) == pytest.approx(0.35)
    assert checked.record.used == [("fast", "bf16"), ("torch", "f32")]


@torch.no_grad()
def test_a_way_that_finds_nothing_anywhere_is_found_out_after_as_many_windows_again_at_the_latest():
    checked = CheckedNetwork([Variant("fast", "bf16", Answers(limit=0.3)), Variant("torch", "f32", Answers())])
    nothing, organ = windows(TISSUE, ORGAN)
    for _ in range(5):
        checked(nothing)
    for _ in range(3):
        checked(organ)
    assert checked.record.used == [("fast", "bf16"), ("torch", "f32")]


@torch.no_grad()
def test_what_agreed_is_remembered_for_this_network_and_this_shape_only():
    exact = Answers()
    (organ,) = windows(ORGAN)

    def run(key: str, x: torch.Tensor) -> None:
        CheckedNetwork([Variant("fast", "bf16", Answers()), Variant("torch", "f32", exact)], key)(x)

    for key, x, calls in [("a", organ, 1), ("a", organ, 1), ("b", organ, 2), ("a", organ[..., :4], 3), ("", organ, 4)]:
        run(key, x)
        assert exact.calls == calls


@torch.no_grad()
def test_an_image_that_is_not_finite_itself_is_no_fault_of_the_precision():
    checked = CheckedNetwork([Variant("fast", "bf16", Answers()), Variant("torch", "f32", Answers())])
    (organ,) = windows(ORGAN)
    checked(organ.masked_fill(organ > 0.5, float("nan")))
    assert checked.record.notes == []


@torch.no_grad()
def test_other_shapes_and_channels_disagree():
    a = torch.zeros(2, 4, 4, 4)
    assert disagreement(a, a[..., :3], "bf16") == "it gives (2, 4, 4, 3), torch f32 (2, 4, 4, 4)."


@torch.no_grad()
def test_a_back_end_slower_than_pytorch_is_left_after_its_first_windows_and_remembered(request):
    key, organs = request.node.name, windows(*[ORGAN] * 5)
    slow, exact = Answers(seconds=0.06), Answers(seconds=0.01)
    checked = CheckedNetwork([Variant("fast", "bf16", slow), Variant("torch", "f32", exact)], key)
    for organ in organs:
        assert torch.equal(checked(organ), Answers()(organ))
    assert slow.calls == 2  # the first call converts and does not count
    assert checked.record.used == [("fast", "bf16"), ("torch", "f32")]
    (note,) = checked.record.notes
    assert note.startswith("Windows of 8 x 8 x 8 run in torch f32, not in fast bf16: it takes 0.06")
    again = CheckedNetwork([Variant("fast", "bf16", slow), Variant("torch", "f32", exact)], key)
    again(organs[0])
    assert (slow.calls, again.record.used) == (2, [("torch", "f32")])


@torch.no_grad()
@pytest.mark.parametrize(("seconds", "asked"), [(0.01, False), (0.06, True)], ids=["as fast", "asked for"])
def test_a_back_end_that_is_as_fast_or_asked_for_stays(seconds, asked):
    checked = CheckedNetwork(
        [
            Variant("fast", "bf16", Answers(seconds=seconds), asked=asked),
            Variant("torch", "f32", Answers(seconds=0.01), asked=asked),
        ]
    )
    for organ in windows(*[ORGAN] * 4):
        checked(organ)
    assert (checked.record.used, checked.record.notes) == ([("fast", "bf16")], [])
