"""Attention among neighbours: windowed self-attention on a skip connection."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv
from torch import Tensor, nn
from typing_extensions import override

from monai_attn.networks.attention import SkipAttention
from monai_attn.networks.blocks import crop_to, pad_to_multiple

__all__ = ["LocalAttention"]

WINDOW = 4
"""Voxels along each side of a window: 64 neighbours in 3-D."""

HEAD_CHANNELS = 16
"""Features per head."""


class LocalAttention(SkipAttention):
    """Self-attention among the neighbours in windows of 4 voxels a side, added to the skip connection.

    It is windowed multi-head attention with a learned bias for each relative position (Liu et al. 2021, arXiv
    2103.14030). Here it is in 2-D or 3-D, and without the shift, since the convolutions around it already join the
    windows. In windows that reach over the far border, the border's voxels are repeated.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, gating_channels: int, stride: Sequence[int]) -> None:
        super().__init__(spatial_dims, skip_channels, gating_channels, stride)
        self.window = WINDOW  # TorchScript sees attributes, not the constants of a file
        self.neighbours = WINDOW**spatial_dims
        self.head_channels = HEAD_CHANNELS
        self.heads = max(skip_channels // HEAD_CHANNELS, 1)
        self.inner = HEAD_CHANNELS * self.heads
        self.multiple = [WINDOW] * spatial_dims
        self.norm = nn.GroupNorm(1, skip_channels)
        self.project = Conv["conv", spatial_dims](skip_channels, 3 * self.inner, kernel_size=1, bias=False)
        self.out = Conv["conv", spatial_dims](self.inner, skip_channels, kernel_size=1)
        nn.init.normal_(self.out.weight, std=0.02)  # it begins close to the plain skip connection
        nn.init.zeros_(self.out.bias)
        span = 2 * WINDOW - 1
        self.bias = nn.Parameter(torch.zeros(self.heads, span**spatial_dims))
        self.register_buffer("relative", _relative_positions(spatial_dims), persistent=False)
        self.relative: Tensor

    @override
    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """`skip` plus what its neighbours contribute, `(N, C, *spatial)`."""
        padded = pad_to_multiple(self.norm(skip), self.multiple, self.multiple)
        query, key, value = self._windows(self.project(padded))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=self._bias(query))
        contributed: Tensor = self.out(crop_to(self._join(attended, padded), skip))
        return skip + contributed

    @override
    def map(self, skip: Tensor, gating: Tensor) -> Tensor:
        """How much the window's voxels look at each voxel, `(N, 1, *spatial)`: 0 not at all, 0.5 as the average, 1 all.

        Voxels are compared with the average of their window, not with the maximum of the image. So maps of overlapping
        sliding windows can be blended.
        """
        padded = pad_to_multiple(self.norm(skip), self.multiple, self.multiple)
        query, key, _ = self._windows(self.project(padded))
        scores = query @ key.transpose(-2, -1) / self.head_channels**0.5 + self._bias(query)
        received = scores.softmax(dim=-1).mean(dim=-2).unsqueeze(-1) * self.neighbours  # 1 is the average
        looked_at = crop_to(self._join(received, padded), skip).mean(dim=1, keepdim=True)
        return looked_at / (1 + looked_at)

    def _bias(self, query: Tensor) -> Tensor:
        """`(heads, neighbours, neighbours)`, in the precision of the query."""
        return self.bias[:, self.relative].to(query.dtype)

    def _windows(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`(N, 3 * inner, *spatial)` to query, key and value, each `(N * windows, heads, neighbours, 16)`."""
        shape = [projected.shape[0], 3, self.heads, self.head_channels]
        order = [1, 0]
        for axis in range(self.spatial_dims):
            shape += [projected.shape[2 + axis] // self.window, self.window]
            order.append(4 + 2 * axis)
        order.append(2)
        for axis in range(self.spatial_dims):
            order.append(5 + 2 * axis)
        order.append(3)
        split = projected.reshape(shape).permute(order)  # (3, N, windows..., heads, neighbours..., 16)
        flat = split.reshape(3, -1, self.heads, self.neighbours, self.head_channels)
        return flat[0], flat[1], flat[2]

    def _join(self, windows: Tensor, padded: Tensor) -> Tensor:
        """`(N * windows, heads, neighbours, c)` back to `(N, heads * c, *spatial)` of the padded grid."""
        channels = windows.shape[-1]
        shape = [padded.shape[0]]
        order = [0, 1 + self.spatial_dims, 2 + 2 * self.spatial_dims]
        for axis in range(self.spatial_dims):
            shape.append(padded.shape[2 + axis] // self.window)
            order += [1 + axis, 2 + self.spatial_dims + axis]
        shape += [self.heads] + [self.window] * self.spatial_dims + [channels]
        split = windows.reshape(shape).permute(order)
        spatial = [padded.shape[2 + axis] for axis in range(self.spatial_dims)]
        joined = [padded.shape[0], self.heads * channels]
        joined += spatial
        return split.reshape(joined)


def _relative_positions(spatial_dims: int) -> Tensor:
    """For each pair of neighbours the number of their offset, `(neighbours, neighbours)`."""
    places = torch.cartesian_prod(*[torch.arange(WINDOW)] * spatial_dims).reshape(-1, spatial_dims)
    offsets = places[:, None, :] - places[None, :, :] + WINDOW - 1
    number = torch.zeros(offsets.shape[:2], dtype=torch.long)
    for axis in range(spatial_dims):
        number = number * (2 * WINDOW - 1) + offsets[:, :, axis]
    return number
