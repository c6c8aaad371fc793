"""An optimizer for convolutions that learns in fewer steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

__all__ = ["MuonAdamW"]

FEW_OUTPUTS = 4
"""Kernels with no more outputs are not matrices worth orthogonalising: heads of few classes, an attention's map."""


class MuonAdamW(torch.optim.Optimizer):
    """torch's Muon for the kernels of convolutions, each as the matrix `(out, in * width^3)`; AdamW for the rest.

    Muon steps along the orthogonalised momentum, so that every direction of a kernel learns equally fast (Jordan et al.
    2024, https://kellerjordan.github.io/posts/muon/). torch's takes matrices alone. `lr` is Muon's, `adamw_lr` that of
    norms, biases, and kernels of at most four outputs; a scheduler scales both. `weight_decay` is decoupled in both.
    """

    def __init__(
        self, params: Iterable[Tensor], *, lr: float = 0.02, adamw_lr: float = 0.002, weight_decay: float = 0.01
    ) -> None:
        params = list(params)
        self.kernels = [p for p in params if p.dim() > 2 and len(p) > FEW_OUTPUTS]
        kernels = {id(p) for p in self.kernels}
        rest = [p for p in params if id(p) not in kernels]
        super().__init__([{"params": self.kernels, "lr": lr}, {"params": rest, "lr": adamw_lr}], {})
        self.matrices = [nn.Parameter(p.detach().view(len(p), -1)) for p in self.kernels]  # the same memory
        self.muon = torch.optim.Muon(self.matrices, lr=lr, weight_decay=weight_decay)
        self.adamw = torch.optim.AdamW(rest, lr=adamw_lr, betas=(0.9, 0.99), weight_decay=weight_decay)

    @override
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both, with the learning rates that `param_groups` have now."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for matrix, kernel in zip(self.matrices, self.kernels, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.reshape(matrix.shape)
        for group, inner in zip(self.param_groups, (self.muon, self.adamw), strict=True):
            for inner_group in inner.param_groups:
                inner_group["lr"] = group["lr"]
            inner.step()
        return loss

    @override
    def state_dict(self) -> dict[str, Any]:
        """Of this one and of both within."""
        return {**super().state_dict(), "muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        super().load_state_dict(state_dict)
        self.muon.load_state_dict(state_dict["muon"])
        self.adamw.load_state_dict(state_dict["adamw"])
