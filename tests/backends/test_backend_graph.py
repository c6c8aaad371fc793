"""A converted network may be changed only so that it computes the same."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from torch import nn

from monai_attn.backends import Execution, load_network
from monai_attn.backends.conversion import Converted
from monai_attn.backends.graph import with_concatenations_apart
from monai_attn.networks import AttnUNet

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")


class Joined(nn.Module):
    """Convolves what is concatenated along `axis`; with `twice`, something else uses it too."""

    def __init__(self, axis: int = 1, *, twice: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.axis, self.twice = axis, twice
        self.one, self.other = nn.Conv3d(1, 3, 1), nn.Conv3d(1, 5 if axis % 5 == 1 else 3, 1)
        self.layer = nn.Conv3d(
            8 if axis % 5 == 1 else 3, 4, (3, 3, 5), stride=(2, 1, 1), padding=(1, 0, 2), dilation=(1, 2, 1)
        )

    def forward(self, x):
        joined = torch.cat([self.one(x), self.other(x)], dim=self.axis)
        y = self.layer(joined)
        return y + joined.mean() if self.twice else y


def convolutions_after(model, kind: str) -> int:
    layers = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    return sum(layer.input_value(0).get_node().get_type_name() == kind for layer in layers)


@torch.no_grad()
@pytest.mark.parametrize(
    ("network", "before", "after"),
    [
        (lambda: AttnUNet(3, 1, 3, channels=[8, 16, 32], strides=[2, 2]), 2, 0),
        (
            lambda: AttnUNet(3, 1, 3, channels=[8, 16, 32], strides=[2, 2], upsample="interpolated", bottleneck="aspp"),
            3,
            1,  # of four branches
        ),
        (Joined, 1, 0),
        (lambda: Joined(-4), 1, 0),
        (lambda: Joined(2), 1, 1),
        (lambda: Joined(twice=True), 1, 1),
    ],
)
def test_a_convolution_of_two_concatenated_tensors_becomes_a_sum(network, before, after):
    network = network().eval()
    model, _ = Converted(network).model((1, 1, 24, 16, 32))
    assert convolutions_after(model, "Concat") == before
    assert convolutions_after(with_concatenations_apart(model), "Concat") == after
    x = torch.rand(1, 1, 24, 16, 32)
    loaded = load_network(network, Execution("cpu", backend="openvino", precision="f32"))
    torch.testing.assert_close(loaded(x), network(x), atol=1e-4, rtol=1e-4)
    assert loaded.record.used == [("openvino", "f32")]
