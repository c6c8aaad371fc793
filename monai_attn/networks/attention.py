"""Attention on skip connections: where to look, at which channel, at which neighbours.

All attentions keep one contract. `attention(skip, gating)` gives a tensor of skip's shape. `attention.map(skip,
gating)` shows where it looked, `(N, 1, *spatial)` between 0 and 1. `skip` is `(N, C, *spatial)`; `gating` is the
coarser decoder feature below it, `(N, G, *spatial / stride)`. Only the gate looks at `gating`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv
from torch import Tensor, nn
from typing_extensions import override

from monai_attn.networks.blocks import linear_mode

__all__ = [
    "CBAM",
    "SCSE",
    "AttentionGate",
    "ChannelAttention",
    "NoAttention",
    "SkipAttention",
    "SpatialAttention",
    "WeightingAttention",
]


class SkipAttention(nn.Module):
    """The contract of an attention: four arguments to build it, and two methods for the same pair of tensors.

    - `spatial_dims`: 2 or 3. `skip_channels`, `gating_channels`: the number of features of each tensor.
    - `stride`: the step between the grids of the two tensors, a number for each axis.

    A subclass defines `forward` and `map`.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__()
        self.spatial_dims = spatial_dims
        self.skip_channels = skip_channels
        self.gating_channels = gating_channels
        self.stride = tuple(stride)

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """What the attention lets through of `skip`, `(N, C, *spatial)`."""
        raise NotImplementedError

    def map(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Where the attention looked, `(N, 1, *spatial)`, in [0, 1]."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The attention's sizes, for a printed network."""
        return f"skip={self.skip_channels}, gating={self.gating_channels}, stride={self.stride}"


class NoAttention(SkipAttention):
    """The plain skip connection of a U-Net (Ronneberger 2015): it gives `skip` itself, and its map is 1 everywhere."""

    @override
    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """`skip` itself."""
        return skip

    @override
    def map(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Ones, `(N, 1, *spatial)`."""
        return torch.ones_like(skip[:, :1])


class WeightingAttention(SkipAttention):
    """An attention that multiplies `skip` by weights between 0 and 1; a subclass computes the weights."""

    def weights(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Factors between 0 and 1 that broadcast to the shape of `skip`."""
        raise NotImplementedError

    @override
    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """`skip` times the weights, `(N, C, *spatial)`."""
        return skip * self.weights(skip, gating)

    @override
    def map(self, skip: Tensor, gating: Tensor) -> Tensor:
        """The mean weight over the channels, `(N, 1, *spatial)`."""
        weights = self.weights(skip, gating).mean(dim=1, keepdim=True)
        return weights.expand(skip.shape[0], 1, *skip.shape[2:])


class AttentionGate(WeightingAttention):
    """Additive gate: the decoder says where to look (Oktay et al. 2018, arXiv 1804.03999).

    Skip and gating meet on the gating's coarse grid, as in the paper; the weights are interpolated back linearly. Two
    departures from the paper:

    - The gate starts nearly open (a bias of 2: weights of about 0.88), so that early training sees the skips.
    - No convolution and batch norm follow the gate, since the block that takes the skip begins with both.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__(spatial_dims, skip_channels, gating_channels, stride)
        inner = max(skip_channels // 2, 1)
        convolution = Conv["conv", spatial_dims]
        self.theta = convolution(skip_channels, inner, kernel_size=tuple(stride), stride=tuple(stride), bias=False)
        self.phi = convolution(gating_channels, inner, kernel_size=1)
        self.psi = convolution(inner, 1, kernel_size=1)
        nn.init.constant_(self.psi.bias, 2.0)
        self.scale = [float(s) for s in stride]
        self.mode = linear_mode(spatial_dims)

    @override
    def weights(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Weights `(N, 1, *spatial)`, one for each voxel."""
        coarse = torch.sigmoid(self.psi(F.relu(self.theta(skip) + self.phi(gating))))
        return F.interpolate(coarse, scale_factor=self.scale, mode=self.mode)


class ChannelAttention(WeightingAttention):
    """Squeeze and excitation: which channels matter (Hu et al. 2018, arXiv 1709.01507).

    It squeezes by 4 and not by 16 as in the paper, whose networks are wider: of 16 channels one would be left.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__(spatial_dims, skip_channels, gating_channels, stride)
        inner = max(skip_channels // 4, 4)
        convolution = Conv["conv", spatial_dims]
        self.squeeze = convolution(skip_channels, inner, kernel_size=1)
        self.excite = convolution(inner, skip_channels, kernel_size=1)
        self.axes = list(range(2, 2 + spatial_dims))

    @override
    def weights(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Weights `(N, C, 1, 1, 1)`, one for each channel."""
        mean = skip.mean(dim=self.axes, keepdim=True)
        return torch.sigmoid(self.excite(F.relu(self.squeeze(mean))))


class SpatialAttention(WeightingAttention):
    """Where to look, from the mean and the maximum over channels (Woo et al. 2018, arXiv 1807.06521).

    One convolution of both, 7 voxels wide in 2-D as in the paper, 5 in 3-D.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__(spatial_dims, skip_channels, gating_channels, stride)
        # 7 voxels in the plane as in the paper, 5 in 3-D, where 7 would cost 343 products a voxel.
        size = 7 if spatial_dims < 3 else 5
        self.conv = Conv["conv", spatial_dims](2, 1, kernel_size=size, padding=size // 2)

    @override
    def weights(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Weights `(N, 1, *spatial)`, one for each voxel."""
        pooled = torch.cat([skip.mean(dim=1, keepdim=True), skip.amax(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(pooled))


class SCSE(WeightingAttention):
    """Channel and spatial squeeze and excitation, the larger of the two (Roy et al. 2018, arXiv 1803.02579)."""

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__(spatial_dims, skip_channels, gating_channels, stride)
        self.channel = ChannelAttention(spatial_dims, skip_channels, gating_channels, stride)
        self.spatial = Conv["conv", spatial_dims](skip_channels, 1, kernel_size=1)

    @override
    def weights(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Weights `(N, C, *spatial)`."""
        return torch.maximum(self.channel.weights(skip, gating), torch.sigmoid(self.spatial(skip)))


class CBAM(WeightingAttention):
    """Channel attention, then spatial attention (Woo et al. 2018, arXiv 1807.06521).

    Mean and maximum over the voxels feed one shared channel network.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__(spatial_dims, skip_channels, gating_channels, stride)
        self.channel = ChannelAttention(spatial_dims, skip_channels, gating_channels, stride)
        self.spatial = SpatialAttention(spatial_dims, skip_channels, gating_channels, stride)
        self.axes = list(range(2, 2 + spatial_dims))

    @override
    def weights(self, skip: Tensor, gating: Tensor) -> Tensor:
        """Weights `(N, C, *spatial)`."""
        mean = skip.mean(dim=self.axes, keepdim=True)
        peak = skip.amax(dim=self.axes, keepdim=True)
        shared = self.channel.excite(F.relu(self.channel.squeeze(mean)))
        shared = shared + self.channel.excite(F.relu(self.channel.squeeze(peak)))
        which = torch.sigmoid(shared)
        return which * self.spatial.weights(skip * which, gating)
