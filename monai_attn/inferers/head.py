"""A network's last layer, applied after the windows are joined: then memory does not grow with the classes.

Many networks end with a 1x1x1 convolution from a few features to the classes. It is linear and works voxel by voxel, so
it may as well follow the weighted mean of overlapping windows, whose weights sum to 1: what is kept of the windows are
features, 32 say, instead of 105 classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
    def replaced(self, forward: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """The network does something else in place of this layer."""
        self.layer.forward = forward
        try:
            yield
        finally:
            del self.layer.forward

    def left_out(self) -> AbstractContextManager[None]:
        """The network gives what it would give to this layer."""
        return self.replaced(lambda features: features)


def with_head_apart(network: Any, run: Callable[[], Any]) -> tuple[Any, Head | None]:
    """What `run()`, a call of `network`, gives; or, if its very last layer is one that widens, the layer's input and
    the layer.

    A layer is the last if what it gives is what the network gives, untouched. To find out, the layer gives a tensor
    that takes no memory; if it is not the last, the network runs once more. None for what is no plain `torch` module,
    has several outputs, or is compared with another way to run it (which needs logits).
    """
    plain = isinstance(network, nn.Module) and not hasattr(network, "_orig_mod")
    if (
        not plain
        or torch.is_inference_mode_enabled()
        or (isinstance(network, CheckedNetwork) and len(network.ways) > 1)
    ):
        return run(), None
    widening = [layer for layer in network.modules() if _widens(layer)]
    if not widening:
        return run(), None
    head = Head(widening[-1])
    seen: list[tuple[Tensor, Tensor]] = []

    def stand_in(features: Tensor) -> Tensor:
        one = features.new_zeros(1).reshape(1, 1, *[1] * (features.dim() - 2))
        seen.append((features, one.expand(len(features), len(head.bias), *features.shape[2:])))
        return seen[-1][1]

    with head.replaced(stand_in):
        try:
            given = run()
        except RuntimeError:  # something is done to it in place, which it does not bear
            given = None
    if len(seen) == 1 and isinstance(given, Tensor):
        features, logits = seen[0]
        if given.data_ptr() == logits.data_ptr() and given.shape == logits.shape:
            return features, head
    return run(), None


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
