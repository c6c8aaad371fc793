"""The encoder that the whole family shares, and the plan of its levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monai.networks.blocks import SimpleASPP
from torch import Tensor, nn

from monai_attn.networks.blocks import ConvBlock, per_axis

__all__ = ["Encoder", "LayerSpec", "Levels"]

LayerSpec = str | tuple[str, dict[str, object]]
"""A norm or activation by MONAI's name, with its options."""

BOTTLENECKS = ("conv", "aspp")


@dataclass(frozen=True)
class Levels:
    """The levels of a network, finest first: features, strides between them, kernels, and the make of a block."""

    spatial_dims: int
    channels: Sequence[int]
    strides: Sequence[int | Sequence[int]]
    kernel_sizes: Sequence[int | Sequence[int]] | None
    norm: LayerSpec
    act: LayerSpec
    depth: int
    residual: bool
    dropout: float

    def __post_init__(self) -> None:
        if len(self.channels) < 2 or len(self.strides) != len(self.channels) - 1:
            raise ValueError(
                f"{len(self.channels)} levels need {len(self.channels) - 1} strides between them, and there must be "
                f"two levels or more: channels={list(self.channels)}, strides={list(self.strides)}."
            )
        if self.kernel_sizes is not None and len(self.kernel_sizes) != len(self.channels):
            raise ValueError(f"{len(self.kernel_sizes)} kernel sizes do not fit {len(self.channels)} levels.")

    @property
    def steps(self) -> list[tuple[int, ...]]:
        """The stride from each level to the next, one number per axis."""
        return [per_axis(stride, self.spatial_dims) for stride in self.strides]

    @property
    def multiple(self) -> list[int]:
        """What each spatial size must be divisible by: the product of the strides."""
        return [math.prod(step[axis] for step in self.steps) for axis in range(self.spatial_dims)]

    def block(self, level: int, in_channels: int, stride: Sequence[int] | None = None) -> ConvBlock:
        """The convolutions of one level."""
        kernels = self.kernel_sizes or [3] * len(self.channels)
        return ConvBlock(
            self.spatial_dims,
            in_channels,
            self.channels[level],
            kernel_size=per_axis(kernels[level], self.spatial_dims),
            stride=stride or (1,) * self.spatial_dims,
            norm=self.norm,
            act=self.act,
            depth=self.depth,
            residual=self.residual,
            dropout=self.dropout,
        )


class Encoder(nn.Module):
    """An image to its features per level, finest first; the deepest passed through the bottleneck.

    `bottleneck`: "conv" adds nothing; "aspp" puts dilated convolutions side by side (DeepLab; Chen 2017).
    """

    def __init__(self, levels: Levels, in_channels: int, *, bottleneck: str = "conv") -> None:
        super().__init__()
        if bottleneck not in BOTTLENECKS:
            raise ValueError(f"Unknown bottleneck {bottleneck!r}. Choose one of {', '.join(BOTTLENECKS)}.")
        incoming = [in_channels, *levels.channels[:-1]]
        strides: list[Sequence[int] | None] = [None, *levels.steps]
        self.levels = nn.ModuleList(
            levels.block(level, incoming[level], strides[level]) for level in range(len(levels.channels))
        )
        deepest = levels.channels[-1]
        self.bottleneck: nn.Module = nn.Identity()
        if bottleneck == "aspp":
            self.bottleneck = nn.Sequential(
                SimpleASPP(
                    levels.spatial_dims,
                    deepest,
                    max(deepest // 4, 1),
                    kernel_sizes=(1, 3, 3, 3),
                    dilations=(1, 1, 2, 4),
                    norm_type=levels.norm,
                    acti_type=levels.act,
                    bias=False,
                ),
                levels.block(len(levels.channels) - 1, 4 * max(deepest // 4, 1)),
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        """`(N, in_channels, *spatial)` to one `(N, channels[level], *spatial / strides)` per level."""
        features: list[Tensor] = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        features[-1] = self.bottleneck(x)
        return features
