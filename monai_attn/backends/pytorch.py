"""The back-end "torch": the network as it is, in PyTorch, on the CPU, CUDA or MPS. Importing it loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from monai_attn.backends.network import BackendNetwork

__all__ = ["DEVICES", "NEEDS", "PRECISIONS", "is_available", "load"]

NEEDS = ("torch",)

DEVICES = ("cpu", "cuda", "mps")

PRECISIONS = ("f32", "bf16", "f16")


def is_available() -> bool:
    """Whether the back-end can be used: always, since this package depends on torch."""
    return True


def load(
    network: nn.Module, device: str, precision: str, threads: int | None = None, windows: Sequence[Tensor] = ()
) -> BackendNetwork:
    """The network on its device, in evaluation mode and in its precision, whatever autocast is around the call.

    The precision "auto" leaves the choice to the autocast around the call, as a bundle with `amp` wants it. `threads`
    sets the number for the whole process; None changes nothing. `windows` are of no use here.
    """
    del windows
    from monai_attn.backends.torch_network import TorchNetwork, set_threads

    set_threads(threads)
    return TorchNetwork(network, device, precision)
