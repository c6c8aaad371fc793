"""The network compiled by `torch.compile`: a minute of compilation, which pays for many windows of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from shutil import which

import torch
from torch import Tensor, nn

from monai_attn.backends import pytorch

__all__ = ["NEEDS", "PRECISIONS", "is_available", "load"]

NEEDS = ("torch", "a C++ compiler (CPU) or triton (CUDA)")

PRECISIONS = pytorch.PRECISIONS


def is_available() -> bool:
    """Whether torch finds what it compiles with."""
    return any(map(which, ("c++", "g++", "clang++", "cl"))) or find_spec("triton") is not None


def load(
    network: nn.Module,
    device: str = "cpu",
    precision: str = "f32",
    threads: int | None = None,
    calibration: Sequence[Tensor] = (),
) -> nn.Module:
    """As the torch back-end does, the network compiled at the first window of a shape."""
    compiled = torch.compile(network.eval(), dynamic=False)
    return pytorch.load(compiled, device, precision, threads, calibration)  # type: ignore[arg-type]
