"""The back-end "openvino": the converted network on a CPU. Importing it loads neither torch nor OpenVINO.

It takes half the time of PyTorch in float32, and a quarter or less in bf16 and int8; see docs/backends.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from monai_attn.backends.network import BackendNetwork

__all__ = ["DEVICES", "NEEDS", "PRECISIONS", "is_available", "load"]

NEEDS = ("openvino",)

DEVICES = ("cpu",)

PRECISIONS = ("f32", "bf16", "int8")


def is_available() -> bool:
    """Whether OpenVINO is installed; nothing is loaded to find out."""
    return find_spec("openvino") is not None


def load(
    network: nn.Module, device: str, precision: str, threads: int | None = None, windows: Sequence[Tensor] = ()
) -> BackendNetwork:
    """A module with the network's call; it converts the network when it sees the first window of a shape.

    A call raises `BackendError` when OpenVINO cannot run the network. The precision int8 needs `windows` `(channels,
    *spatial)` as the network sees them, unless the cache already has the int8 network; it raises `InputError`
    otherwise.
    """
    del device  # the only one
    from monai_attn.backends.openvino_network import OpenVINONetwork

    return OpenVINONetwork(network.to("cpu").eval(), precision, threads, windows)
