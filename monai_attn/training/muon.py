"""An optimizer for convolutions that learns in fewer steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from typing_extensions import override

__all__ = ["MuonAdamW"]

FEW_OUTPUTS = 4
"""Kernels with no more outputs are not matrices worth orthogonalising: heads of few classes, an attention's map."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""The polynomial that, five times over, brings singular values between 0 and 1 to 0.7 to 1.2 (Jordan et al. 2024)."""


class MuonAdamW(torch.optim.AdamW):
    """Muon for the kernels of convolutions, each as the matrix `(out, in * width^3)`; AdamW for all other weights.

    Muon steps along the orthogonalised momentum, so that every direction of a kernel learns equally fast (Jordan et al.
    2024, https://kellerjordan.github.io/posts/muon/). The steps are those of `torch.optim.Muon`, which takes matrices
    alone and orthogonalises in bfloat16. Processors without products of bfloat16 spend more on that than on the
    backward pass of a small network; here it is float32.

    - `lr`: the learning rate of Muon. `adamw_lr`: that of AdamW, which has norms, biases, and kernels of at most four
      outputs. A scheduler scales both.
    - `weight_decay`: decoupled in both. `momentum`: of Muon.

    >>> import torch
    >>> layer = torch.nn.Conv3d(4, 8, 3)
    >>> [len(group["params"]) for group in MuonAdamW(layer.parameters()).param_groups]
    [1, 1]
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float = 0.02,
        adamw_lr: float = 0.002,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
    ) -> None:
        params = list(params)
        self.momentum = momentum
        kernels = [p for p in params if p.dim() > 2 and len(p) > FEW_OUTPUTS]
        of_kernels = {id(p) for p in kernels}
        rest = [p for p in params if id(p) not in of_kernels]
        groups = [{"params": kernels, "lr": lr}, {"params": rest, "lr": adamw_lr}]
        super().__init__(groups, betas=(0.9, 0.99), weight_decay=weight_decay)

    @override
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both optimizers, with the learning rates that `param_groups` have now."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        kernels = self.param_groups[0]["params"]
        gradients = [kernel.grad for kernel in kernels]
        for kernel, gradient in zip(kernels, gradients, strict=True):
            if gradient is not None:
                self._muon(kernel, gradient, self.param_groups[0])
                kernel.grad = None  # AdamW passes over what has none
        super().step()
        for kernel, gradient in zip(kernels, gradients, strict=True):
            kernel.grad = gradient
        return loss

    @torch.no_grad()
    def _muon(self, kernel: Tensor, gradient: Tensor, group: dict[str, float]) -> None:
        """One step of Muon for one kernel, in place."""
        state = self.state[kernel]
        if not state:  # AdamW asks every state for its step when one is loaded
            state.update(step=torch.zeros(()), momentum=torch.zeros_like(gradient))
        average = state["momentum"]
        average.lerp_(gradient, 1 - self.momentum)
        direction = gradient.lerp(average, self.momentum).flatten(1)  # (out, in * width^3); Nesterov's look ahead
        high = math.sqrt(max(1.0, direction.shape[0] / direction.shape[1]))
        kernel.mul_(1 - group["lr"] * group["weight_decay"])
        kernel.add_(_orthogonal(direction).view_as(kernel), alpha=-group["lr"] * high)


def _orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with singular values of about one (0.7 to 1.2), in float32."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix.float() if wide else matrix.float().T
    x = x / x.norm().clamp(min=1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.T).to(matrix.dtype)
