"""The pieces of an encoder-decoder: convolution blocks, up-sampling, and the padding around the whole."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import torch.nn.functional as F
from monai.networks.layers.factories import Conv, Dropout
from monai.networks.layers.utils import get_act_layer, get_norm_layer
from torch import Tensor, nn

from monai_attn.errors import InputError

__all__ = [
    "UPSAMPLE",
    "ConvStack",
    "InterpolatedUp",
    "LayerSpec",
    "crop_to",
    "linear_mode",
    "pad_to_multiple",
    "per_axis",
    "to_grid_of",
]

LayerSpec = str | tuple[str, dict[str, object]]
"""A norm or activation by MONAI's name, with its options."""


def linear_mode(spatial_dims: int) -> str:
    """Torch's name of linear interpolation along 2 or 3 axes.

    >>> linear_mode(3)
    'trilinear'
    """
    return "bilinear" if spatial_dims == 2 else "trilinear"


def per_axis(value: int | Sequence[int], spatial_dims: int, what: str) -> tuple[int, ...]:
    """One number for each spatial axis, from one number for all axes or a sequence of them.

    `what` names the numbers in the message. Raises `InputError` for a wrong count or numbers below 1.

    >>> per_axis(2, 3, "stride")
    (2, 2, 2)
    """
    values = tuple(value) if isinstance(value, Sequence) else (value,) * spatial_dims
    if len(values) != spatial_dims or not all(isinstance(v, Integral) and v >= 1 for v in values):
        raise InputError(f"A {what} is a positive whole number or {spatial_dims} of them, not {value!r}.")
    return tuple(int(v) for v in values)


class ConvStack(nn.Module):
    """Convolution, norm and activation, `depth` times; the first convolution strides.

    `(N, in, D, H, W)` to `(N, out, D / stride, ...)`, in 2-D or 3-D.

    - `kernel_size`: odd numbers.
    - `dropout`: the probability with which a whole channel is dropped, once, after the last norm.
    - `bias`: whether convolutions add a number of their own to each channel. Instance and batch normalisation subtract
      it again. `VoxelNorm` does not: without a bias it takes the level of the grey values away from a lone image.
    - `residual`: the input is added before the last activation. Where the shapes differ, it passes average pooling and
      a 1x1 convolution first (ResNet-D; He et al. 2019, arXiv 1812.01187).
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: Sequence[int],
        stride: Sequence[int],
        norm: LayerSpec,
        act: LayerSpec,
        depth: int = 2,
        residual: bool = False,
        dropout: float = 0.0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(depth):
            first = index == 0
            layers.append(
                Conv["conv", spatial_dims](
                    in_channels if first else out_channels,
                    out_channels,
                    kernel_size=tuple(kernel_size),
                    stride=tuple(stride) if first else 1,
                    padding=tuple(k // 2 for k in kernel_size),
                    bias=bias,
                )
            )
            layers.append(get_norm_layer(norm, spatial_dims=spatial_dims, channels=out_channels))
            if index < depth - 1:
                layers.append(get_act_layer(act))
        if dropout > 0:
            layers.append(Dropout["dropout", spatial_dims](dropout))
        self.body = nn.Sequential(*layers)
        self.last_act = get_act_layer(act)
        self.residual = residual
        shortcut: list[nn.Module] = []
        if residual and max(stride) > 1:
            shortcut.append(_average_pool(spatial_dims)(kernel_size=tuple(stride), stride=tuple(stride)))
        if residual and in_channels != out_channels:
            shortcut.append(Conv["conv", spatial_dims](in_channels, out_channels, kernel_size=1, bias=False))
            shortcut.append(get_norm_layer(norm, spatial_dims=spatial_dims, channels=out_channels))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """The features of `x`."""
        features: Tensor = self.body(x)
        if self.residual:
            features = features + self.shortcut(x)
        activated: Tensor = self.last_act(features)
        return activated


class TransposedUp(nn.Module):
    """Learned up-sampling: a transposed convolution whose kernel is its stride, so that no checkerboard appears."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, stride: Sequence[int]) -> None:
        super().__init__()
        self.conv = Conv["convtrans", spatial_dims](
            in_channels, out_channels, kernel_size=tuple(stride), stride=tuple(stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(N, in, D, ...)` to `(N, out, D * stride, ...)`."""
        y: Tensor = self.conv(x)
        return y


class InterpolatedUp(nn.Module):
    """A 1x1 convolution, then linear interpolation.

    It has fewer weights than a transposed convolution and is smoother. It is cheap, since it convolves on the coarse
    grid.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, stride: Sequence[int]) -> None:
        super().__init__()
        self.conv = Conv["conv", spatial_dims](in_channels, out_channels, kernel_size=1)
        self.scale = [float(s) for s in stride]
        self.mode = linear_mode(spatial_dims)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, in, D, ...)` to `(N, out, D * stride, ...)`."""
        return F.interpolate(self.conv(x), scale_factor=self.scale, mode=self.mode)


UPSAMPLE = {"transposed": TransposedUp, "interpolated": InterpolatedUp}
"""Ways from a coarse level to the next finer one."""


def pad_to_multiple(x: Tensor, multiple: list[int], smallest: list[int]) -> Tensor:
    """The image with its far borders repeated until each axis is a multiple, and not below `smallest` voxels."""
    pads: list[int] = []
    for axis in range(len(multiple) - 1, -1, -1):  # F.pad counts from the last axis
        size, step = x.shape[2 + axis], multiple[axis]
        pads += [0, max((size + step - 1) // step * step, smallest[axis]) - size]
    if max(pads) == 0:
        return x
    return F.pad(x, pads, mode="replicate")


def crop_to(y: Tensor, x: Tensor) -> Tensor:
    """The output without the voxels that `pad_to_multiple` added to `x`."""
    for axis in range(2, x.dim()):
        y = y.narrow(axis, 0, x.shape[axis])
    return y


def to_grid_of(x: Tensor, y: Tensor, padded: Tensor) -> Tensor:
    """A coarse output of the padded image, linearly interpolated to the padded grid and cropped to the grid of `x`."""
    if y.shape[2:] != padded.shape[2:]:
        y = F.interpolate(y, size=padded.shape[2:], mode=linear_mode(y.dim() - 2))
    return crop_to(y, x)


def _average_pool(spatial_dims: int) -> type[nn.Module]:
    """Torch's class of average pooling in 2-D or 3-D."""
    return nn.AvgPool2d if spatial_dims == 2 else nn.AvgPool3d
