"""The encoder that the whole family shares, and the plan of its levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monai.networks.blocks import SimpleASPP
from torch import Tensor, nn

from monai_attn.errors import InputError
from monai_attn.networks.blocks import ConvStack, LayerSpec, per_axis

__all__ = ["LevelEncoder", "Levels"]

BOTTLENECKS = ("conv", "aspp")


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The levels of a network, finest first: features, strides between them, kernels, and the kind of a block.

    Raises `InputError` for numbers that do not fit together.
    """

    spatial_dims: int
    channels: Sequence[int]
    strides: Sequence[int | Sequence[int]]
    kernel_sizes: Sequence[int | Sequence[int]] | None
    norm: LayerSpec
    act: LayerSpec
    depth: int
    residual: bool
    dropout: float
    bias: bool = False

    def __post_init__(self) -> None:
        if self.spatial_dims not in (2, 3):
            raise InputError(f"spatial_dims is 2 or 3, not {self.spatial_dims!r}.")
        if len(self.channels) < 2 or len(self.strides) != len(self.channels) - 1:
            raise InputError(
                f"{len(self.channels)} levels need {len(self.channels) - 1} strides between them, and there must be "
                f"two levels or more: channels={list(self.channels)}, strides={list(self.strides)}."
            )
        if self.kernel_sizes is not None and len(self.kernel_sizes) != len(self.channels):
            raise InputError(f"{len(self.kernel_sizes)} kernel sizes do not fit {len(self.channels)} levels.")
        for kernel in self.kernels:
            if any(size % 2 == 0 for size in kernel):
                raise InputError(f"Kernel sizes are odd, so that a convolution keeps the grid; not {kernel}.")
        if self.depth < 1:
            raise InputError(f"depth counts the convolutions of a block: 1 or more, not {self.depth}.")

    @property
    def steps(self) -> list[tuple[int, ...]]:
        """The stride from each level to the next, one number for each axis."""
        return [per_axis(stride, self.spatial_dims, "stride") for stride in self.strides]

    @property
    def kernels(self) -> list[tuple[int, ...]]:
        """The kernel size of each level, one number for each axis."""
        sizes = self.kernel_sizes or [3] * len(self.channels)
        return [per_axis(size, self.spatial_dims, "kernel size") for size in sizes]

    @property
    def multiple(self) -> list[int]:
        """The numbers by which the spatial sizes must be divisible: the product of the strides along each axis."""
        return [math.prod(step[axis] for step in self.steps) for axis in range(self.spatial_dims)]

    @property
    def smallest(self) -> list[int]:
        """The least spatial sizes: two voxels on the deepest level, along each axis that strides.

        A deepest level of a single voxel has no instance statistics. The innermost axis counts as an axis that strides:
        where it has one voxel, bfloat16 convolutions with a stride return garbage on CPUs with AMX (pytorch#169688).
        """
        innermost = self.spatial_dims - 1
        return [2 * step if step > 1 or axis == innermost else 1 for axis, step in enumerate(self.multiple)]

    def block(self, level: int, in_channels: int, stride: Sequence[int] | None = None) -> ConvStack:
        """The convolutions of one level."""
        return ConvStack(
            self.spatial_dims,
            in_channels,
            self.channels[level],
            kernel_size=self.kernels[level],
            stride=stride or (1,) * self.spatial_dims,
            norm=self.norm,
            act=self.act,
            depth=self.depth,
            residual=self.residual,
            dropout=self.dropout,
            bias=self.bias,
        )


class PresenceSteering(nn.Module):
    """Scales and shifts each channel by what is known of the whole image (FiLM); before training it changes nothing."""

    def __init__(self, presence: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(presence, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """`(N, C, *spatial)` and `(N, presence)` to `(N, C, *spatial)`."""
        scale, shift = self.linear(present).to(features.dtype).chunk(2, dim=1)
        shape = [features.shape[0], features.shape[1]] + [1] * (features.dim() - 2)
        steered: Tensor = features * (1.0 + scale.reshape(shape)) + shift.reshape(shape)
        return steered


class NoSteering(nn.Module):
    """Leaves the features as they are."""

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """The features."""
        del present
        return features


class LevelEncoder(nn.Module):
    """An image to its features on each level, finest first; the deepest features pass the bottleneck.

    - `bottleneck`: "conv" adds nothing. "aspp" puts dilated convolutions side by side and joins them by one more block
      (DeepLab; Chen et al. 2017, arXiv 1706.05587, without its pooled branch).
    - `presence`: how many of the last input channels say where an image was measured. Their means over space scale and
      shift the features of each level (FiLM; Perez et al. 2018, arXiv 1709.07871). As mere input channels they would be
      constant where an image is there or missing as a whole. The first instance normalisation would take them away.

    Raises `InputError` for an unknown bottleneck or a presence that does not fit the input channels.
    """

    def __init__(self, levels: Levels, in_channels: int, *, bottleneck: str = "conv", presence: int = 0) -> None:
        super().__init__()
        if bottleneck not in BOTTLENECKS:
            raise InputError(f"Unknown bottleneck {bottleneck!r}. Choose one of {', '.join(BOTTLENECKS)}.")
        incoming = [in_channels, *levels.channels[:-1]]
        strides: list[Sequence[int] | None] = [None, *levels.steps]
        self.levels = nn.ModuleList(
            levels.block(level, incoming[level], strides[level]) for level in range(len(levels.channels))
        )
        if not 0 <= presence < in_channels:
            raise InputError(f"presence counts channels of the {in_channels} of the image, not {presence}.")
        self.presence = presence
        self.steering = nn.ModuleList(
            PresenceSteering(presence, width) if presence else NoSteering() for width in levels.channels
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
        """`(N, in_channels, *spatial)` to one tensor `(N, channels[level], *spatial / strides)` for each level."""
        features: list[Tensor] = []
        present = x[:, x.shape[1] - self.presence :].flatten(2).mean(dim=2)  # (N, presence)
        for level, steering in zip(self.levels, self.steering):  # noqa: B905 - TorchScript has no strict
            x = steering(level(x), present)
            features.append(x)
        features[-1] = self.bottleneck(x)
        return features
