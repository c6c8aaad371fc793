"""A network's last layer, left out: a 1x1x1 convolution from a few features to many classes.

The layer works voxel by voxel. So it may be applied to the features later, to a part of them at a time, and memory does
not grow with the number of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ComparedNetwork", "Head", "with_head_apart"]


class ComparedNetwork(nn.Module):
    """A network whose outputs may be compared with those of another, so that its last layer is its own affair."""

    @property
    def is_compared(self) -> bool:
        """Whether outputs are compared now."""
        raise NotImplementedError


class Head:
    """The last layer of a network: `weight` `(classes, features)` and `bias` `(classes)`, in float32."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        weight, bias = layer.weight.detach().float(), layer.bias  # type: ignore[operator]
        self.weight: Tensor = weight.flatten(1)
        self.bias: Tensor = torch.zeros(len(weight)) if bias is None else bias.detach().float()  # type: ignore[operator]

    def __call__(self, features: Tensor) -> Tensor:
        """`(features, *spatial)` to logits `(classes, *spatial)`."""
        logits: Tensor = torch.tensordot(self.weight.to(features), features, dims=1)
        logits += self.bias.to(features).reshape(-1, *[1] * (features.dim() - 1))
        return logits

    @contextmanager
    def replaced(self, forward: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """While within, the network calls `forward` in place of this layer.

        The attribute of this one object is replaced and taken away again, also after an error. A forward hook would
        come after the layer has computed all classes, which is the memory that is to be saved. Another module in its
        place would change the names in the state dict.
        """
        self.layer.forward = forward
        try:
            yield
        finally:
            del self.layer.forward

    def left_out(self) -> AbstractContextManager[None]:
        """While within, the network gives what it would give to this layer."""
        return self.replaced(lambda features: features)


def with_head_apart(network: Any, run: Callable[[], Any]) -> tuple[Any, Head | None]:
    """The result of `run()`, a call of `network`, and None; or the input of the network's last layer, and the layer.

    The second is given where the very last layer has more outputs than inputs. A layer is the last if the network gives
    the layer's output unchanged. To find out, the layer gives a tensor that takes no memory; if it is not the last
    layer, the network runs once more. None for what is no plain torch module, and for a network of several outputs. A
    `CheckedNetwork` finds its own head; see `CheckedNetwork.find_head`.
    """
    plain = isinstance(network, nn.Module) and not hasattr(network, "_orig_mod")
    if not plain or torch.is_inference_mode_enabled() or any(map(_is_compared, network.modules())):
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


def _is_compared(module: nn.Module) -> bool:
    return isinstance(module, ComparedNetwork) and module.is_compared


def _widens(layer: nn.Module) -> bool:
    """Whether it is a 1x1x1 convolution with more outputs than inputs."""
    if not isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) or layer.out_channels <= layer.in_channels:
        return False
    return {*layer.kernel_size, *layer.stride, layer.groups} == {1} and not any(map(int, _edges(layer.padding)))


def _edges(padding: Any) -> Sequence[Any]:
    """The padding of a convolution along each axis; none where torch names it by a word."""
    return () if isinstance(padding, str) else padding
