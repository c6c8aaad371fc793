"""What executes a network. A back-end is just another network: any module with the same call can stand in its place.

Every back-end file has `NEEDS` (packages), `DEVICES`, `PRECISIONS`, `is_available()` and
`load(network, device, precision, threads, windows)`; importing it loads no torch. To add one, write one file and one
line in `BACKENDS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from monai_attn.backends.execution import (
    BACKENDS,
    DEVICES,
    Execution,
    backend_choices,
    choose_backend,
    choose_device,
    choose_precision,
    precision_choices,
)

if TYPE_CHECKING:
    from monai_attn.backends.loading import load_network

__all__ = [
    "BACKENDS",
    "DEVICES",
    "Execution",
    "backend_choices",
    "choose_backend",
    "choose_device",
    "choose_precision",
    "load_network",
    "precision_choices",
]


def __getattr__(name: str) -> Any:
    if name == "load_network":
        return import_module("monai_attn.backends.loading").load_network
    raise AttributeError(f"module 'monai_attn.backends' has no attribute {name!r}")
