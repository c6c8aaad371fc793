"""The back-end "torch-compile": the network compiled by torch. Importing it loads no torch.

The compilation takes about a minute and pays for many windows of one shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING

from monai_attn.backends import pytorch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from monai_attn.backends.network import BackendNetwork

__all__ = ["DEVICES", "NEEDS", "PRECISIONS", "is_available", "load"]

NEEDS = ("torch", "a C++ compiler (CPU) or triton (CUDA)")

DEVICES = ("cpu", "cuda")

PRECISIONS = pytorch.PRECISIONS


def is_available() -> bool:
    """Whether torch finds what it compiles with: a C++ compiler, or triton on CUDA."""
    return any(map(which, ("c++", "g++", "clang++", "cl"))) or find_spec("triton") is not None


def load(
    network: nn.Module, device: str, precision: str, threads: int | None = None, windows: Sequence[Tensor] = ()
) -> BackendNetwork:
    """The network as the torch back-end runs it, compiled at the first window of each shape."""
    del windows
    import torch

    from monai_attn.backends.torch_network import CompiledNetwork, set_threads

    set_threads(threads)
    compiled = torch.compile(network.eval(), dynamic=False)
    return CompiledNetwork(compiled, device, precision)  # type: ignore[arg-type]
