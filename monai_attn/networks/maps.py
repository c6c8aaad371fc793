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
    """What `network(x)` gives, and what each of its attentions let through, finest level first.

    Each map is `(N, 1, *spatial)` on the grid of `x`, in [0, 1]; those of coarser levels are interpolated, so that
    maps blend over sliding windows as logits do. No attention in the network: no maps. It runs the network as it is:
    call `network.eval()` before. Of a `NetworkMean`, each level's map is the mean over its networks.
    """
    with watch_attention(network) as seen:
        logits: Tensor = network(x)
    return logits, on_grid_of(x, seen)


@contextmanager
def watch_attention(network: nn.Module) -> Iterator[list[list[Tensor]]]:
    """While open, the network's passes leave their maps here, finest level first, for each network of a `NetworkMean`.

    Nothing else may pass through it: of several passes the list holds all maps. See `on_grid_of`.
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
    """What `watch_attention` saw of one pass, on the grid of its input; the mean over networks, level by level."""
    each = [[to_grid_of(x, one, maps[0]) for one in maps] for maps in seen]  # the finest is on the padded grid
    return [torch.stack(level).mean(dim=0) if len(level) > 1 else level[0] for level in zip(*each, strict=True)]


def has_attention(network: nn.Module) -> bool:
    """Whether the network weighs any of its skip connections."""
    return any(isinstance(one, SkipAttention) and not isinstance(one, NoAttention) for one in network.modules())
