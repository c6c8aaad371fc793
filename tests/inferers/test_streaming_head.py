"""The last layer after the windows are joined: the same labels from fewer channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from monai_attn.backends.checked import CheckedNetwork, Variant
from monai_attn.backends.head import with_head_apart
from monai_attn.backends.torch_network import TorchNetwork
from monai_attn.inferers import StreamingInferer
from monai_attn.inferers.slabs import WindowMean
from monai_attn.networks import AttnUNet
from monai_attn.transforms import SourceLabels

ROI = (16, 16, 16)
CLASSES = 24


def image(size=(40, 24, 20)) -> MetaTensor:
    generator = torch.Generator().manual_seed(0)
    meta = {"original_affine": np.diag([0.7, 0.7, 0.7, 1.0]), "spatial_shape": np.array(size) * 10 // 7}
    return MetaTensor(torch.randn(1, 1, *size, generator=generator), meta=meta)


def small() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv3d(4, CLASSES, 1)).eval()


def large() -> nn.Module:
    torch.manual_seed(1)
    network = AttnUNet(3, 1, CLASSES, channels=[4, 8, 8], strides=[2, 2], deep_supervision=True, attention="scse")
    return network.eval()


class Scaled(nn.Module):
    """Something follows the last layer."""

    def __init__(self, network: nn.Module, *, in_place: bool) -> None:
        super().__init__()
        self.network = network
        self.in_place = in_place

    def forward(self, x):
        logits = self.network(x)
        return logits.mul_(-1) if self.in_place else -logits


def labels_of(network, *, apart: bool, **options) -> torch.Tensor:
    """With `apart`, as it is; else through a function, which has no layers to look at."""
    inferer = StreamingInferer(ROI, 2, 0.5, "gaussian", labels=SourceLabels(), **options)
    with torch.no_grad():
        return inferer(image(), network if apart else lambda x: network(x)).as_tensor()


@pytest.fixture
def channels(monkeypatch) -> set[int]:
    """How many channels are kept."""
    found = set()
    add = WindowMean.add

    def watched(self, window, values):
        add(self, window, values)
        found.add(self.channels)

    monkeypatch.setattr(WindowMean, "add", watched)
    return found


@pytest.mark.parametrize("make", [small, large])
@pytest.mark.parametrize("options", [{}, {"air": 1.9}, {"air": 1.9, "air_logits": [0.2] * CLASSES}])
def test_labels_are_those_of_the_classes_and_features_are_kept(make, options, channels):
    network = make()
    expected = labels_of(network, apart=False, **options)
    assert channels == {CLASSES}
    channels.clear()
    found = labels_of(network, apart=True, **options)
    assert channels == {4 + bool(options)}
    assert len(expected.unique()) > 2
    assert (found != expected).float().mean() <= 1e-4  # rounding, at ties
    with torch.no_grad():  # the layer is back
        assert network(image()).shape[1] == CLASSES


@pytest.mark.parametrize("in_place", [False, True])
def test_a_layer_that_something_follows_stays(in_place, channels):
    network = Scaled(small(), in_place=in_place)
    assert torch.equal(labels_of(network, apart=True), labels_of(network, apart=False))
    assert channels == {CLASSES}


@torch.no_grad()
def test_logits_of_the_first_window_take_no_memory_either():
    network, windows = small(), torch.zeros(1, 1, 8, 8, 8)
    given = []
    with network.register_forward_hook(lambda *call: given.append(call[2])):
        with_head_apart(network, lambda: network(windows))
    assert given[0].shape == (1, CLASSES, 8, 8, 8)
    assert given[0].untyped_storage().nbytes() == 4


def test_it_stays_where_it_does_not_widen_or_logits_are_compared_or_there_is_no_module(channels):
    network = small()
    windows = torch.zeros(1, 1, 8, 8, 8)
    narrow = nn.Sequential(nn.Conv3d(1, 4, 1), nn.Conv3d(4, 4, 1))
    compared = CheckedNetwork([Variant("torch", "f32", TorchNetwork(network)) for _ in range(2)])
    with torch.no_grad():
        for other in (narrow, compared, lambda x: x):
            assert with_head_apart(other, lambda other=other: other(windows))[1] is None
        features, head = with_head_apart(network, lambda: network(windows))
    assert head is not None
    assert features.shape[1] == 4


def test_the_layer_is_put_back_after_a_failure():
    network = small()
    calls = []

    def stop(module, inputs, output):
        calls.append(output.shape[1])
        if len(calls) == 3:
            raise KeyboardInterrupt

    with network.register_forward_hook(stop), pytest.raises(KeyboardInterrupt):
        labels_of(network, apart=True)
    assert calls == [CLASSES, 4, 4]
    with torch.no_grad():
        assert network(image()).shape[1] == CLASSES
