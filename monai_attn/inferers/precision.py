"""Reduced precision on a CPU, which MONAI's engines give only to CUDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch import Tensor

__all__ = ["CPUAutocastInferer"]


class CPUAutocastInferer(Inferer):  # type: ignore[misc]  # MONAI has no type hints
    """Another inferer under bfloat16 autocast when the image is on a CPU; elsewhere it changes nothing.

    MONAI's `amp` covers CUDA only, so a config names both: `amp` for the GPU and this for a laptop. Logits come back
    in the precision of the image, as postprocessing expects; labels, and what is not one tensor, as they are.
    """

    def __init__(self, inferer: Inferer | None = None, *, enabled: bool = True) -> None:
        super().__init__()
        self.inferer = inferer or SimpleInferer()
        self.enabled = enabled

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the inner inferer gives."""
        if not self.enabled or inputs.device.type != "cpu":
            return self.inferer(inputs, network, *args, **kwargs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = self.inferer(inputs, network, *args, **kwargs)
        return outputs.to(inputs.dtype) if isinstance(outputs, Tensor) and outputs.is_floating_point() else outputs
