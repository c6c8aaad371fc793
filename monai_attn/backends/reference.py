"""PyTorch in float32 on one window, in little memory: what the back-ends are compared with.

On a CPU, PyTorch copies the input and the output of each 3-D convolution, unless the channels of a voxel lie side by
side in memory (`torch.channels_last_3d`). With 32 channels and a window of 128^3 these copies take 0.5 GiB, and a
fifth of the time. So they lie side by side here. The layers, the weights and the precision are the network's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["reference_output"]

CONVOLUTIONS = (F.conv3d, F.conv_transpose3d)

VOXELS = 2**14
"""Of so many voxels at a time the values are held in float64."""


def reference_output(network: Callable[[Tensor], Any], window: Tensor) -> Any:
    """The output of a torch network for one window `(1, channels, *spatial)`, but for rounding.

    >>> window = torch.linspace(-1, 1, 512).reshape(1, 1, 8, 8, 8)
    >>> network = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 3), torch.nn.InstanceNorm3d(2), torch.nn.Conv3d(2, 2, 3))
    >>> torch.allclose(reference_output(network, window), network(window), atol=1e-5)
    True
    """
    with _ChannelsLast():
        return network(window)


class _ChannelsLast(TorchFunctionMode):
    """While within, 3-D convolutions on a CPU leave the channels of a voxel side by side, and norms leave them so."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        if func in CONVOLUTIONS and len(args) and args[0].device.type == "cpu" and args[0].dim() == 5:
            args = (_side_by_side(args[0]), *args[1:])
        elif func is F.instance_norm:
            func = _instance_norm
        return func(*args, **(kwargs or {}))


def _side_by_side(x: Tensor) -> Tensor:
    """The same values; for one channel both orders are the same, and torch takes its own."""
    return x.contiguous(memory_format=torch.channels_last_3d) if x.shape[1] > 1 else x


def _instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Instance normalisation, for one window with its channels side by side without torch's copy into another order.

    Mean and variance are summed in float64. torch's batch normalisation takes this order too, but sums in float32.
    The variance of a window of 128^3 is off by 0.2 % there.
    """
    apart = len(x) > 1 or x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last_3d)
    if apart or not use_input_stats or running_mean is not None:
        return F.instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    voxels = x.movedim(1, -1).flatten(0, -2)  # (voxels, channels), a view
    total = square = torch.zeros(x.shape[1], dtype=torch.float64)
    for some in voxels.chunk(-(-len(voxels) // VOXELS)):
        wide = some.double()
        total, square = total + wide.sum(0), square + wide.square_().sum(0)
    mean = total / len(voxels)
    variance = square / len(voxels) - mean.square()
    return F.batch_norm(x, mean.to(x), variance.to(x), weight, bias, eps=eps)
