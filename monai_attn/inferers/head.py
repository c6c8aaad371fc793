"""A network's last layer, applied after the windows are joined: then memory does not grow with the classes.

Many networks end with a 1x1x1 convolution from a few features to the classes. It is linear and works voxel by voxel, so
it may as well follow the weighted mean of overlapping windows, whose weights sum to 1: what is kept of the windows are
features, 32 say, instead of 105 classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from monai.data import MetaTensor
from torch import Tensor, nn

from monai_attn.backends.guard import CheckedNetwork

__all__ = ["Head", "HeadOnSlabs", "LabelTaker", "with_head_apart"]

SLAB_BYTES = 2**26
"""Of logits at a time."""


class LabelTaker(Protocol):
    """Takes slabs of logits in order; each but the first begins with the last plane of the one before."""

    def add(self, slab: Tensor, start: int) -> None:
        """`(C, *spatial)`, planes `start` on."""

    def finish(self) -> MetaTensor:
        """The label map `(1, I, J, K)`."""


class Head:
    """The last layer of a network: `weight` `(classes, features)` and `bias` `(classes)`, in float32."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        weight, bias = layer.weight.detach().float(), layer.bias  # type: ignore[operator]
        self.weight: Tensor = weight.flatten(1)
        self.bias: Tensor = torch.zeros(len(weight)) if bias is None else bias.detach().float()  # type: ignore[operator]

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """The network gives what it would give to this layer."""
        self.layer.forward = lambda features: features
        try:
            yield
        finally:
            del self.layer.forward


def with_head_apart(network: Any, run: Callable[[], Any]) -> tuple[Any, Head | None]:
    """What `run()`, a call of `network`, gives; or, if its very last layer is one that widens, the layer's input and
    the layer.

    A layer is the last if its output is the network's own, untouched. None for what is no plain `torch` module, has
    several outputs, or is compared with another way to run it (which needs logits).
    """
    seen: list[tuple[nn.Module, Tensor, Tensor, int]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((layer, inputs[0], output, output._version))

    plain = isinstance(network, nn.Module) and not hasattr(network, "_orig_mod")
    if (
        not plain
        or torch.is_inference_mode_enabled()
        or (isinstance(network, CheckedNetwork) and len(network.ways) > 1)
    ):
        return run(), None
    hooks = [layer.register_forward_hook(note) for layer in network.modules() if _widens(layer)]
    try:
        given = run()
    finally:
        for hook in hooks:
            hook.remove()
    for layer, features, output, version in seen:
        same = isinstance(given, Tensor) and given.data_ptr() == output.data_ptr() and given.shape == output.shape
        if same and given._version == version and sum(one[0] is layer for one in seen) == 1:
            return features, Head(layer)
    return given, None


def _widens(layer: nn.Module) -> bool:
    """Whether it is a 1x1x1 convolution with more outputs than inputs."""
    if not isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) or layer.out_channels <= layer.in_channels:
        return False
    return {*layer.kernel_size, *layer.stride, layer.groups} == {1} and not any(map(int, _edges(layer.padding)))


def _edges(padding: Any) -> Sequence[Any]:
    return () if isinstance(padding, str) else padding


class HeadOnSlabs:
    """A taker of labels that is given slabs of features, and hands on logits, some planes at a time.

    One feature more than the head has inputs is the share of air, whose logits are `of_air`.
    """

    def __init__(self, taker: LabelTaker, head: Head, axis: int, of_air: Sequence[float] | None) -> None:
        self.taker = taker
        self.axis = axis
        self.bias = head.bias
        self.weight = head.weight
        if of_air is not None:
            air = torch.tensor(of_air, device=head.bias.device) - head.bias
            self.weight = torch.cat([head.weight, air[:, None]], dim=1)

    def add(self, slab: Tensor, start: int) -> None:
        """`(features, *spatial)`, planes `start` on."""
        planes = slab.shape[1 + self.axis]
        plane_bytes = 4 * len(self.bias) * slab[0].numel() // planes
        step = max(SLAB_BYTES // max(plane_bytes, 1), 1)
        for first in range(0, max(planes - 1, 1), step):
            part = slab.narrow(1 + self.axis, first, min(step + 1, planes - first))
            logits = torch.tensordot(self.weight.to(slab), part, dims=1)
            self.taker.add(logits.add_(self.bias.to(slab).reshape(-1, *[1] * (slab.dim() - 1))), start + first)

    def finish(self) -> MetaTensor:
        """The label map."""
        return self.taker.finish()
