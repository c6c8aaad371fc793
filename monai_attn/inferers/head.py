"""A network's last layer, applied after the windows are joined, so that memory does not grow with the classes.

Many networks end with a 1x1x1 convolution from a few features to the classes. It is linear and works voxel by voxel. So
it may as well follow the weighted mean of overlapping windows, whose weights sum to 1. What is kept of the windows are
features, 32 for example, in place of 105 classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from monai.data import MetaTensor
from torch import Tensor

from monai_attn.backends.head import Head

__all__ = ["HeadOnSlabs", "LabelTaker"]

SLAB_BYTES = 2**26
"""Of logits at a time."""


class LabelTaker(Protocol):
    """Takes slabs of logits in order; each slab but the first begins with the last plane of the slab before."""

    def add(self, slab: Tensor, start: int) -> None:
        """Take a slab `(C, *spatial)`, the planes from `start` on."""

    def finish(self) -> MetaTensor:
        """The label map `(1, I, J, K)`."""


class HeadOnSlabs:
    """A taker that is given slabs of features, and passes on slabs of logits, some planes at a time.

    One feature more than the head has inputs is the share of skipped background, whose logits are `of_air`.
    """

    def __init__(self, taker: LabelTaker, head: Head, axis: int, of_air: Sequence[float] | None) -> None:
        self.taker = taker
        self.axis = axis
        self.bias = head.bias
        self.weight = head.weight
        if of_air is not None:
            air = torch.tensor(of_air, device=head.bias.device) - head.bias
            self.weight = torch.cat([head.weight, air[:, None]], dim=1)

    def add(self, slab: Tensor, start: int) -> None:
        """Take a slab `(features, *spatial)`, the planes from `start` on."""
        planes = slab.shape[1 + self.axis]
        plane_bytes = 4 * len(self.bias) * slab[0].numel() // planes
        step = max(SLAB_BYTES // max(plane_bytes, 1), 1)
        for first in range(0, max(planes - 1, 1), step):
            part = slab.narrow(1 + self.axis, first, min(step + 1, planes - first))
            logits = torch.tensordot(self.weight.to(slab), part, dims=1)
            self.taker.add(logits.add_(self.bias.to(slab).reshape(-1, *[1] * (slab.dim() - 1))), start + first)

    def finish(self) -> MetaTensor:
        """The label map `(1, I, J, K)`."""
        return self.taker.finish()
