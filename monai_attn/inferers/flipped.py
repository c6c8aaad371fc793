"""Test-time flips: a prediction that does not depend on which side the structure is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor

__all__ = ["FlippedInferer"]


class FlippedInferer(Inferer):  # type: ignore[misc]
    """The mean of another inferer's logits over the image and its mirror images.

    `axes` are spatial axes, 0 for the first; each adds a flip, and all their combinations are used: 2**n runs.
    With the left-right axis and a network trained with such flips, left and right structures are treated equally.
    """

    def __init__(self, inferer: Inferer, axes: Sequence[int] = (0,)) -> None:
        super().__init__()
        self.inferer = inferer
        self.axes = list(axes)

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """`(N, channels, *spatial)` to logits `(N, classes, *spatial)`."""
        total: Tensor | None = None
        for number in range(2 ** len(self.axes)):
            flips = [axis + 2 for bit, axis in enumerate(self.axes) if number >> bit & 1]
            logits = self.inferer(torch.flip(inputs, flips), network, *args, **kwargs)
            logits = torch.flip(logits, flips)
            total = logits if total is None else total + logits
        assert total is not None  # there is always the unflipped run
        return total / 2 ** len(self.axes)
