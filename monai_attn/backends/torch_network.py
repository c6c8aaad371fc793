"""A network in PyTorch, in a reduced precision by autocast."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from monai_attn.backends.head import Head
from monai_attn.backends.network import BackendNetwork
from monai_attn.backends.outputs import flatten, rebuild, skeleton

__all__ = ["CompiledNetwork", "TorchNetwork", "set_threads"]

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


class TorchNetwork(BackendNetwork):
    """A network on its device, in evaluation mode.

    Convolutions are computed in `precision`, and outputs are float32. With "auto" the autocast around the call decides,
    and outputs keep their type.
    """

    gives_features = True

    def __init__(self, network: nn.Module, device: str = "cpu", precision: str = "f32") -> None:
        super().__init__()
        self.network = network.to(device).eval()
        self.device_type = torch.device(device).type
        self.precision = precision

    def forward(self, x: Tensor) -> Any:
        """The network's output, in float32 unless the precision is "auto"."""
        if self.precision == "auto":
            return self.network(x)
        dtype = DTYPES[self.precision]
        reduced = dtype != torch.float32
        with torch.autocast(self.device_type, dtype=dtype if reduced else None, enabled=reduced):
            output = self.network(x)
        return rebuild(skeleton(output), iter([tensor.float() for tensor in flatten(output)]))

    def features(self, x: Tensor, head: Head) -> Any:
        """The input of the network's last layer, `(N, features, *spatial)`.

        The layer is left out of the network itself, for this call.
        """
        with head.left_out():
            return self(x)


class CompiledNetwork(TorchNetwork):
    """A network compiled by torch. Its layers are not called one by one, so none can be left out."""

    gives_features = False


def set_threads(threads: int | None) -> None:
    """Let torch use so many threads in this process; None changes nothing."""
    if threads:
        torch.set_num_threads(threads)
