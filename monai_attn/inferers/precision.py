"""bfloat16 on a CPU, which MONAI's engines give only to CUDA."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch import Tensor
from torch.overrides import TorchFunctionMode

from monai_attn.inferers.watching import RunWatch, WatchableInferer, watch_inferer

__all__ = ["CPUAutocastInferer"]

logger = logging.getLogger(__name__)

LEAST_EDGE = 3
"""Voxels along an axis below which a 3-D convolution is computed in float32."""


class _SmallInFull(TorchFunctionMode):
    """3-D convolutions of images of one or two voxels along an axis in float32, which costs next to nothing.

    In bfloat16 torch 2.13 gives garbage for them, silently, on CPUs that have bfloat16. One case is the gradient of the
    weights of a 3x3x3 convolution where the first axis has 2 voxels. Another is a strided convolution where the last
    axis has 1 voxel; with AMX its output is wrong too (pytorch#169688).
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        named = kwargs or {}
        if func is not torch.conv3d or not _is_small(args[0] if args else named["input"]):
            return func(*args, **named)
        with torch.autocast("cpu", enabled=False):
            return func(*map(_in_full, args), **{name: _in_full(value) for name, value in named.items()})


@functools.cache
def processor_has_bfloat16() -> bool:
    """Whether torch's convolutions in bfloat16 have a fast way on this processor (oneDNN's; AVX-512 and later on x86).

    Where they have none they take a hundred times as long as in float32, without a word.
    """
    try:
        fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except AttributeError:  # a torch without oneDNN
        fast = False
    if not fast:
        logger.info("This processor has no fast bfloat16: what asks for it on the CPU is computed in float32.")
    return fast


def _is_small(image: Tensor) -> bool:
    """Whether an image `(N, C, *spatial)` has one or two voxels along an axis."""
    return min(image.shape[2:], default=LEAST_EDGE) < LEAST_EDGE


def _in_full(value: Any) -> Any:
    """A tensor in float32; other values as they are."""
    return value.float() if isinstance(value, Tensor) else value


class CPUAutocastInferer(WatchableInferer):
    """Another inferer, under bfloat16 autocast when the image is on a CPU that has bfloat16; elsewhere nothing changes.

    MONAI's `amp` is for CUDA only, so a config names both: `amp` for the GPU and this inferer for a CPU. A processor
    without fast products of bfloat16, as most laptops have, computes in float32. So do convolutions on one or two
    voxels along an axis, since torch's are wrong there. Logits come back in the precision of the image. Labels, and
    what is not one tensor, come back as they are.
    """

    def __init__(self, inferer: Inferer | None = None, *, enabled: bool = True) -> None:
        super().__init__()
        self.inferer = inferer or SimpleInferer()
        self.enabled = enabled

    def watched(self, watch: RunWatch) -> CPUAutocastInferer:
        """A copy whose inner inferer reports to the watch."""
        return CPUAutocastInferer(watch_inferer(self.inferer, watch), enabled=self.enabled)

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The output of the inner inferer."""
        if not self.enabled or inputs.device.type != "cpu" or not processor_has_bfloat16():
            return self.inferer(inputs, network, *args, **kwargs)
        with torch.autocast("cpu", dtype=torch.bfloat16), _SmallInFull():
            outputs = self.inferer(inputs, network, *args, **kwargs)
        return outputs.to(inputs.dtype) if isinstance(outputs, Tensor) and outputs.is_floating_point() else outputs
