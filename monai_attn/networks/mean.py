"""Several networks as one: the mean of their logits, calibrated where the config says how."""

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

    The mean is calibrated: it is divided by `temperature`, and each class has one of `offsets` added, background first.
    A temperature above 1 makes the probabilities less sure (Guo et al. 2017, arXiv 1706.04599). A negative offset of a
    structure makes it smaller (Platt 1999). Both are settings of a config, fitted on cases that training never saw;
    they are no weights. Without them the mean stays as it is.

    It is for inference. With deep supervision in training a network gives a list, which has no mean here (`ValueError`,
    since TorchScript has no other errors). Raises `InputError` for less than one copy and for no network, and for a
    temperature that is not above 0.

    >>> mean = NetworkMean(nn.Identity(), 2, temperature=2.0, offsets=[0.0, -1.0])
    >>> mean(torch.tensor([[4.0, 4.0]])).tolist()
    [[2.0, 1.0]]
    """

    def __init__(
        self,
        network: nn.Module | Sequence[nn.Module],
        copies: int,
        *,
        temperature: float = 1.0,
        offsets: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        makes = [network] if isinstance(network, nn.Module) else list(network)
        if copies < 1 or not makes:
            raise InputError(f"copies counts networks: 1 or more, not {copies if makes else makes}.")
        if not temperature > 0:
            raise InputError(f"The temperature divides logits: a number above 0, not {temperature}.")
        self.temperature = float(temperature)
        added = None if offsets is None else torch.tensor(list(offsets), dtype=torch.float32)
        self.offsets: Tensor | None
        self.register_buffer("offsets", added, persistent=False)  # a setting: it is in the config
        self.networks = nn.ModuleList(deepcopy(make) for make in makes for _ in range(copies))

    def forward(self, x: Tensor) -> Tensor:
        """The calibrated mean of the logits of all networks, `(N, out_channels, *spatial)`."""
        logits: list[Tensor] = []
        for network in self.networks:
            output = network(x)
            if not isinstance(output, Tensor):
                raise ValueError("Outputs of deep supervision have no mean here. Call eval() before.")
            logits.append(output)
        mean = torch.stack(logits).mean(dim=0)
        if self.temperature != 1.0:
            mean = mean / self.temperature
        offsets = self.offsets
        if offsets is not None:
            mean = mean + offsets.to(mean.dtype).reshape([1, -1] + [1] * (mean.dim() - 2))
        return mean
