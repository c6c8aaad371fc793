"""Where a network looked: the maps of its attentions, from the same pass that gives the logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from monai_attn.networks.attention import NoAttention, SkipAttention
from monai_attn.networks.blocks import to_grid_of
from monai_attn.networks.mean import NetworkMean

__all__ = ["has_attention", "on_grid_of", "predict_with_maps", "watch_attention"]


@torch.no_grad()
def predict_with_maps(network: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output `network(x)`, and what each of its attentions let through, finest level first.

    Each map is `(N, 1, *spatial)` on the grid of `x`, in [0, 1]. Maps of coarser levels are interpolated, so that maps
    blend over sliding windows as logits do. A network without attention has no maps. The network runs as it is: call
    `network.eval()` before. For a `NetworkMean`, the map of each level is the mean over its networks.
    """
    with watch_attention(network) as seen:
        logits: Tensor = network(x)
    return logits, on_grid_of(x, seen)


@contextmanager
def watch_attention(network: nn.Module) -> Iterator[list[list[Tensor]]]:
    """While within, the network's passes leave their maps in the list that is given, finest level first.

    A `NetworkMean` has a list for each of its networks. Nothing else may pass through the network meanwhile; after
    several passes the list holds the maps of all. See `on_grid_of`.
    """
    roots = list(network.networks) if isinstance(network, NetworkMean) else [network]
    seen: list[list[Tensor]] = [[] for _ in roots]
    hooks = []
    for root, maps in zip(roots, seen, strict=True):

        def look(attention: nn.Module, inputs: tuple[Tensor, Tensor], maps: list[Tensor] = maps) -> None:
            assert isinstance(attention, SkipAttention)  # it is put on these only
            maps.insert(0, attention.map(*inputs))  # decoders run from the coarsest level to the finest

        hooks += [one.register_forward_pre_hook(look) for one in root.modules() if isinstance(one, SkipAttention)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def on_grid_of(x: Tensor, seen: list[list[Tensor]]) -> list[Tensor]:
    """The maps that `watch_attention` saw of one pass, on the grid of the image, finest level first.

    For a `NetworkMean` each map is the mean over the networks. For a sequence `(N, T, C, *spatial)` a map is `(N, T, 1,
    *spatial)`.
    """
    timed = any(maps and maps[0].dim() < x.dim() for maps in seen)
    images = x.flatten(0, 1) if timed else x
    each = [[to_grid_of(images, one, maps[0]) for one in maps] for maps in seen]  # the finest is on the padded grid
    found = [torch.stack(level).mean(dim=0) if len(level) > 1 else level[0] for level in zip(*each, strict=True)]
    return [one.unflatten(0, x.shape[:2]) for one in found] if timed else found


def has_attention(network: nn.Module) -> bool:
    """Whether the network weighs any of its skip connections."""
    return any(isinstance(one, SkipAttention) and not isinstance(one, NoAttention) for one in network.modules())
