"""Back-ends: what runs a network on this computer (PyTorch, compiled PyTorch, OpenVINO).

A back-end gives a module with the same call as the network, so it can stand in the network's place. Every back-end file
has `NEEDS` (packages), `DEVICES`, `PRECISIONS`, `is_available()` and `load(network, device, precision, threads,
windows)`. Importing a back-end file loads no torch. To add a back-end, write one such file and one line in `BACKENDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

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

__getattr__, __dir__, _ = lazy_loader.attach(__name__, (), {"loading": ["load_network"]})
