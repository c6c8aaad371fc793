"""The network as it is, in PyTorch, in the precision of its weights."""

from __future__ import annotations

from torch import nn

__all__ = ["NEEDS", "is_available", "load"]

NEEDS = ("torch",)


def is_available() -> bool:
    """Always: torch is a dependency."""
    return True


def load(network: nn.Module, device: str) -> nn.Module:
    """The network on its device, in evaluation mode."""
    return network.to(device).eval()
