"""Several networks as one: the mean of their logits."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from monai_attn.errors import InputError

__all__ = ["NetworkMean"]


class NetworkMean(nn.Module):
    """The mean of the logits of `copies` networks of one make, or of each of several, all with weights of their own.

    For the networks of the folds of a cross-validation. `(N, in_channels, *spatial)` to `(N, out_channels, *spatial)`.
    The weights of network 2 are named `networks.2.` in its state dict; of several makes, the copies of the first come
    first. For inference: with deep supervision in
    training a network gives a list, which has no mean here (`ValueError`: TorchScript knows no errors of ours). Raises
    `InputError` for less than one copy and for no network.
    """

    def __init__(self, network: nn.Module | Sequence[nn.Module], copies: int) -> None:
        super().__init__()
        makes = [network] if isinstance(network, nn.Module) else list(network)
        if copies < 1 or not makes:
            raise InputError(f"copies counts networks: 1 or more, not {copies if makes else makes}.")
        self.networks = nn.ModuleList(deepcopy(make) for make in makes for _ in range(copies))

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the logits."""
        logits: list[Tensor] = []
        for network in self.networks:
            output = network(x)
            if not isinstance(output, Tensor):
                raise ValueError("Outputs of deep supervision have no mean here. Call eval() before.")
            logits.append(output)
        return torch.stack(logits).mean(dim=0)
