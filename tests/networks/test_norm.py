"""Layer normalisation of each voxel, alone and in a network."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from monai_attn.networks import AttnFCN, AttnUNet, VoxelNorm


def filled(norm):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2.0, generator=generator)
        norm.bias.uniform_(-1.0, 1.0, generator=generator)
    return norm


@pytest.mark.parametrize("sizes", [(5, 4), (5, 4, 3)])
@torch.no_grad()
def test_it_is_torchs_layer_normalisation_over_channels(sizes):
    norm = filled(VoxelNorm(6))
    x = 40 * torch.randn(2, 6, *sizes, generator=torch.Generator().manual_seed(4)) + 7
    expected = F.layer_norm(x.movedim(1, -1), (6,), norm.weight, norm.bias).movedim(-1, 1)
    torch.testing.assert_close(norm(x), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_constant_voxel_gives_the_bias_and_no_nan():
    norm = filled(VoxelNorm(3))
    out = norm(torch.zeros(1, 3, 2, 2, 2))
    torch.testing.assert_close(out, norm.bias.view(1, 3, 1, 1, 1).expand_as(out))


@torch.no_grad()
def test_it_computes_in_float32_and_gives_back_the_type_of_its_input():
    norm = filled(VoxelNorm(8))
    x = (1000 + torch.randn(1, 8, 4, 4, 4, generator=torch.Generator().manual_seed(5))).bfloat16()
    assert norm(x).dtype == torch.bfloat16
    torch.testing.assert_close(norm(x), norm(x.float()).bfloat16(), rtol=0, atol=0)


@torch.no_grad()
def test_a_network_with_it_sees_the_same_voxel_in_a_larger_window():
    """Instance normalisation does not: that it differs there shows that this test can fail."""

    def difference(norm):
        torch.manual_seed(1)
        network = AttnUNet(3, 1, 2, channels=[4, 4], strides=[2], norm=norm, attention="none").eval()
        image = torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(6))
        image[:, :, 24:] += 5.0  # something bright, out of reach of the voxels that are compared
        large, small = network(image), network(image[:, :, :24])
        return float((large[:, :, :8] - small[:, :, :8]).abs().max())

    assert difference("voxel") < 1e-5
    assert difference("instance") > 0.1


@pytest.mark.parametrize("network", [AttnUNet, AttnFCN])
def test_a_network_takes_it_by_name_everywhere_and_learns(network):
    torch.manual_seed(1)
    model = network(3, 1, 2, channels=[4, 8, 8], strides=[2, 2], norm="voxel", bottleneck="aspp", residual=True)
    assert not any("InstanceNorm" in type(module).__name__ for module in model.modules())
    norms = [module for module in model.modules() if isinstance(module, VoxelNorm)]
    model(torch.randn(2, 1, 8, 8, 8)).square().mean().backward()
    assert norms
    assert all(norm.weight.grad is not None and norm.weight.grad.isfinite().all() for norm in norms)


@pytest.mark.parametrize("bias", [False, True])
def test_only_a_bias_keeps_the_level_of_a_lone_image(bias):
    """Constant images of 1 and 2 give the same features without a bias: only their sign is left."""
    torch.manual_seed(0)
    network = AttnUNet(3, 1, 2, channels=[4, 8], strides=[2], norm="voxel", bias=bias).eval()
    dark, bright = (network(torch.full((1, 1, 8, 8, 8), level))[0, :, 3:5, 3:5, 3:5] for level in (1.0, 2.0))
    assert torch.allclose(dark, bright, atol=1e-3) != bias
