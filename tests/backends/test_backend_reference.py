"""The network that back-ends are compared with: PyTorch in float32, but for rounding, in little memory."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from test_backend_checked import ORGAN, Answers, windows
from test_backends import EXACT, NETWORKS, image, make
from torch import nn

from monai_attn.backends import Execution, load_network
from monai_attn.backends.checked import CheckedNetwork, Variant
from monai_attn.backends.reference import reference_output

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")


@torch.no_grad()
@pytest.mark.parametrize("name", NETWORKS)
def test_the_reference_is_the_network_but_for_rounding(name):
    network, x = make(name), image(1, 1, 40, 48, 32)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    torch.testing.assert_close(reference_output(network, x), network(x), **EXACT)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize(
    ("norm", "size"),
    [
        (nn.InstanceNorm3d(4, affine=True), (2, 4, 8, 6, 5)),
        (nn.InstanceNorm3d(4, track_running_stats=True).eval(), (1, 4, 8, 6, 5)),
        (nn.InstanceNorm2d(4), (1, 4, 8, 6)),
    ],
)
def test_norms_of_several_images_of_two_dimensions_or_with_statistics_are_what_they_were(norm, size):
    x = image(*size)
    torch.testing.assert_close(reference_output(norm, x), norm(x), **EXACT)


@torch.no_grad()
def test_the_channels_of_a_voxel_lie_side_by_side_from_one_layer_to_the_next():
    seen = []

    def network(x):
        for weight in (torch.ones(16, 1, 3, 3, 3), torch.ones(16, 16, 3, 3, 3)):
            x = F.instance_norm(F.conv3d(x, weight, padding=1))
            seen.append(x.is_contiguous(memory_format=torch.channels_last_3d))
        return x

    reference_output(network, image(1, 1, 40, 40, 40))  # small ones take another path in torch
    assert seen == [False, True]


@torch.no_grad()
def test_a_back_end_lets_its_memory_go_while_pytorch_runs():
    told = []

    class LetsGo(Answers):
        def let_go(self):
            told.append(reference.calls)

    reference = Answers()
    checked = CheckedNetwork([Variant("fast", "bf16", LetsGo()), Variant("torch", "f32", reference)])
    for window in windows(ORGAN, ORGAN):
        checked(window)
    assert told == [0]


@torch.no_grad()
def test_openvino_gives_the_same_after_it_has_let_its_memory_go():
    network = load_network(make("attention"), Execution("cpu", backend="openvino", precision="f32")).variants[0].network
    x = image(1, 1, 40, 48, 32)
    before = network(x)
    network.let_go()
    assert torch.equal(network(x), before)


@torch.no_grad()
def test_the_variance_of_a_large_window_is_exact_in_either_order():
    x = image(1, 16, 96, 96, 96) + 5
    turned = x.contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(reference_output(F.instance_norm, turned), F.instance_norm(x), atol=1e-5, rtol=0)
