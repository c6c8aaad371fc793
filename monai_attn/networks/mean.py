"""Several networks as one: the mean of their logits."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from monai_attn.errors import InputError

__all__ = ["NetworkMean"]


class NetworkMean(nn.Module):
    """The mean of the logits of several networks, such as those of the folds of a cross-validation.

    `(N, in_channels, *spatial)` to `(N, out_channels, *spatial)`. There are `copies` networks of one kind, or of each
    of several kinds, all with weights of their own. The weights of network 2 are named `networks.2.` in the state dict;
    of several kinds, the copies of the first kind come first.

    It is for inference. With deep supervision in training a network gives a list, which has no mean here (`ValueError`,
    since TorchScript has no other errors). Raises `InputError` for less than one copy and for no network.
    """

    def __init__(self, network: nn.Module | Sequence[nn.Module], copies: int) -> None:
        super().__init__()
        makes = [network] if isinstance(network, nn.Module) else list(network)
        if copies < 1 or not makes:
            raise InputError(f"copies counts networks: 1 or more, not {copies if makes else makes}.")
        self.networks = nn.ModuleList(deepcopy(make) for make in makes for _ in range(copies))

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the logits of all networks, `(N, out_channels, *spatial)`."""
        logits: list[Tensor] = []
        for network in self.networks:
            output = network(x)
            if not isinstance(output, Tensor):
                raise ValueError("Outputs of deep supervision have no mean here. Call eval() before.")
            logits.append(output)
        return torch.stack(logits).mean(dim=0)
