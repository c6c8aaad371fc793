"""The last layer left out by back-ends: fewer channels from OpenVINO too, the same labels, the same guard."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from test_backends import image, takes_f32
from torch import nn

from monai_attn.backends import Execution, load_network
from monai_attn.backends.checked import CheckedNetwork, Variant
from monai_attn.backends.head import Head
from monai_attn.backends.network import BackendNetwork
from monai_attn.backends.torch_network import TorchNetwork
from monai_attn.folders import CACHE_VARIABLE
from monai_attn.networks import AttnUNet

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")

CLASSES, FEATURES = 24, 8


def network(*after: nn.Module) -> nn.Module:
    """Its classes are levels of the image, so that labels are areas, as a trained network's are."""
    torch.manual_seed(0)
    unet = AttnUNet(3, 1, FEATURES - 1, channels=[8, 16], strides=[2])
    head = nn.Conv3d(FEATURES, CLASSES, 1)
    levels = torch.linspace(-2, 2, CLASSES)
    nn.init.normal_(head.weight, std=0.01)
    head.weight.data[:, 0, 0, 0, 0] = 8 * levels
    head.bias.data = -4 * levels**2

    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet = unet
            self.head = nn.Sequential(head, *after)

        def forward(self, x):
            return self.head(torch.cat([x, self.unet(x)], dim=1))

    return Joined().eval()


@pytest.fixture
def _empty_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
@pytest.mark.parametrize(("backend", "precision"), [("torch", "bf16"), ("openvino", "f32"), ("openvino", "bf16")])
def test_a_backend_gives_features_whose_classes_are_the_networks(backend, precision):
    whole = network()
    x = image(2, 1, 40, 32, 24)
    loaded = load_network(whole, Execution("cpu", backend=backend, precision=precision))
    head = loaded.find_head(x)
    assert head is not None
    with loaded.left_out(head):
        features = loaded(x)
    assert features.shape == (2, FEATURES, 40, 32, 24)
    expected, found = whole(x).argmax(1), torch.stack([head(one) for one in features]).argmax(1)
    assert len(expected.unique()) > 5
    assert (expected != found).float().mean() <= {"f32": 1e-4, "bf16": 0.02}[precision]  # rounding, at ties
    if precision == "bf16" and takes_f32(backend):
        told = ["Windows run in openvino f32: this processor has no bf16."]
        assert (loaded.record.used, loaded.record.notes) == ([(backend, "f32")], told)
    else:
        assert (loaded.record.used, loaded.record.notes) == ([(backend, precision)], [])
    assert loaded(x).shape[1] == CLASSES  # the layer is back


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
def test_openvino_leaves_out_the_last_layer_of_the_shipped_network_too():
    torch.manual_seed(0)
    options = {"channels": [4, 8, 16], "strides": [2, 2], "deep_supervision": True, "attention": "gate"}
    whole, x = AttnUNet(3, 1, CLASSES, **options).eval(), image(1, 1, 32, 32, 32)
    loaded = load_network(whole, Execution("cpu", backend="openvino", precision="f32"))
    head = loaded.find_head(x)
    assert head is not None
    with loaded.left_out(head):
        features = loaded(x)
    assert features.shape == (1, 4, 32, 32, 32)
    assert (head(features[0]).argmax(0) != whole(x)[0].argmax(0)).float().mean() <= 1e-4
    odd = image(1, 1, 30, 32, 32)  # the network pads it, so its slice is not for nothing
    assert loaded.find_head(odd) is None


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
def test_a_quantised_network_gives_features_too():
    pytest.importorskip("nncf")
    whole, x = network(), image(1, 1, 32, 32, 32)
    loaded = load_network(
        whole, Execution("cpu", backend="openvino", precision="int8"), windows=list(image(4, 1, 32, 32, 32))
    )
    head = loaded.find_head(x)
    assert head is not None
    features = loaded.variants[0].network.features(x, head)
    assert features.shape[1] == FEATURES
    assert (head(features[0]).argmax(0) == whole(x)[0].argmax(0)).float().mean() > 0.9


@torch.no_grad()
def test_a_network_that_does_not_end_with_such_a_layer_keeps_it():
    x = image(1, 1, 32, 32, 32)
    for other in (network(nn.Softmax(1)), AttnUNet(3, 1, 3, channels=[8, 16], strides=[2]).eval()):
        assert load_network(other, Execution("cpu", backend="openvino", precision="f32")).find_head(x) is None


@torch.no_grad()
def test_features_that_give_other_labels_are_refused():
    whole, x = network(), image(1, 1, 32, 32, 32)

    class Wrong(BackendNetwork):
        gives_features = True

        def has_features(self, x):
            return x.shape[1] == 1

        def features(self, x, head):  # noqa: ARG002
            return -torch.cat([x, whole.unet(x)], dim=1)

    loaded = CheckedNetwork([Variant("openvino", "f32", Wrong()), Variant("torch", "f32", TorchNetwork(whole))])
    head = loaded.find_head(x)
    assert isinstance(head, Head)
    with loaded.left_out(head):
        features = loaded(x)
    assert torch.equal(head(features[0]), whole(x)[0])
    assert loaded.record.used == [("torch", "f32")]
    assert "its values differ from those of torch f32" in loaded.record.notes[0]


def test_a_replaced_layer_is_itself_again_also_after_an_error():
    layer = nn.Conv3d(2, 5, 1)
    x = torch.randn(1, 2, 4, 4, 4)
    expected, names = layer(x), list(layer.state_dict())

    def fail() -> None:
        with Head(layer).left_out():
            assert torch.equal(layer(x), x)
            assert list(layer.state_dict()) == names
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(layer(x), expected)
    assert "forward" not in vars(layer)
