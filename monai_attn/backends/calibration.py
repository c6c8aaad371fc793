"""Windows of images as a network sees them, for the calibration of an int8 network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from monai_attn.backends.outputs import flatten, rebuild, skeleton

__all__ = ["WindowRecorder"]


class WindowRecorder(nn.Module):
    """Stands in for a network and keeps some of its windows; its output is zeros of the network's shapes.

    At most `most` windows are kept, in `windows`, evenly spread over all windows that came. A window that is all one
    value (background) is not kept.
    """

    def __init__(self, network: nn.Module, most: int = 32) -> None:
        super().__init__()
        self.network = network.eval()
        self.most = most
        self.windows: list[Tensor] = []
        self._every = 1
        self._seen = 0
        self._answers: dict[tuple[int, ...], Any] = {}

    @torch.no_grad()
    def forward(self, x: Tensor) -> Any:
        """Zeros of the shapes that the network gives for windows `(N, channels, *spatial)`."""
        for window in x:
            if window.amax() > window.amin():
                self._keep(window)
        if x.shape not in self._answers:
            output = self.network(x)
            zeros = iter([torch.zeros_like(tensor) for tensor in flatten(output)])
            self._answers[x.shape] = rebuild(skeleton(output), zeros)
        return self._answers[x.shape]

    def _keep(self, window: Tensor) -> None:
        """Every first, then every second, fourth, ... window, so that there are never more than wanted."""
        if self._seen % self._every == 0:
            self.windows.append(window.detach().as_subclass(Tensor).cpu().clone())
        self._seen += 1
        if len(self.windows) > self.most:
            self.windows = self.windows[::2]
            self._every *= 2
