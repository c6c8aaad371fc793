"""Where a network looked: the maps of its attentions, from the same pass that gives the logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from monai_attn.networks.attention import SkipAttention
from monai_attn.networks.blocks import to_grid_of
from monai_attn.networks.mean import NetworkMean

__all__ = ["predict_with_maps"]


@torch.no_grad()
def predict_with_maps(network: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What `network(x)` gives, and what each of its attentions let through, finest level first.

    Each map is `(N, 1, *spatial)` on the grid of `x`, in [0, 1]; those of coarser levels are interpolated, so that
    maps blend over sliding windows as logits do. No attention in the network: no maps. It runs the network as it is:
    call `network.eval()` before. Of a `NetworkMean`, each level's map is the mean over its networks.
    """
    if isinstance(network, NetworkMean):
        each = [predict_with_maps(one, x) for one in network.networks]
        levels = zip(*(maps for _, maps in each), strict=True)
        return torch.stack([logits for logits, _ in each]).mean(0), [torch.stack(level).mean(0) for level in levels]
    maps: list[Tensor] = []

    def look(attention: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        assert isinstance(attention, SkipAttention)  # it is put on these only
        maps.insert(0, attention.map(*inputs))  # decoders run from the coarsest level to the finest

    watched = [module for module in network.modules() if isinstance(module, SkipAttention)]
    hooks = [module.register_forward_pre_hook(look) for module in watched]
    try:
        logits: Tensor = network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, [to_grid_of(x, one, maps[0]) for one in maps]  # the finest is on the padded grid
