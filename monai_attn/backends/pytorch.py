"""The network as it is, in PyTorch; in a reduced precision by autocast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from monai_attn.backends.outputs import flatten, rebuild, skeleton

__all__ = ["NEEDS", "PRECISIONS", "is_available", "load"]

NEEDS = ("torch",)

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

PRECISIONS = tuple(DTYPES)


def is_available() -> bool:
    """Always: torch is a dependency."""
    return True


def load(
    network: nn.Module,
    device: str = "cpu",
    precision: str = "f32",
    threads: int | None = None,
    calibration: Sequence[Tensor] = (),
) -> nn.Module:
    """The network on its device, in evaluation mode, in this precision whatever autocast is around the call.

    `precision` "auto" leaves it to the caller, as a bundle with `amp` wants it. `threads` are those of the process,
    unchanged when None. `calibration` is for other back-ends.
    """
    del calibration
    if threads:
        torch.set_num_threads(threads)
    network = network.to(device).eval()
    return network if precision == "auto" else _Autocast(network, torch.device(device).type, DTYPES[precision])


class _Autocast(nn.Module):
    """A network whose convolutions run in one precision, and whose outputs are float32."""

    def __init__(self, network: nn.Module, device_type: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.device_type = device_type
        self.dtype = dtype

    def forward(self, x: Tensor) -> Any:
        reduced = self.dtype != torch.float32
        with torch.autocast(self.device_type, dtype=self.dtype if reduced else None, enabled=reduced):
            output = self.network(x)
        return rebuild(skeleton(output), iter([tensor.float() for tensor in flatten(output)]))
