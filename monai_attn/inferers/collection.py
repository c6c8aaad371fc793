"""The outputs of a network, window by window, gathered into outputs on the whole image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from monai_attn.backends.head import Head
from monai_attn.errors import InputError
from monai_attn.inferers.head import HeadOnSlabs, LabelTaker
from monai_attn.inferers.slabs import WindowMean
from monai_attn.inferers.windows import Windows

__all__ = ["OutputCollection"]


class OutputCollection:
    """All outputs of a network over one image; the slabs of one output may go to `taker`, which makes labels of them.

    - `labels_key`: the name of that output; with None it is the first one.
    - `of_air`: gives the logits of a window of background alone, for a number of classes; with None no window is
      skipped. Other outputs are 0 there.
    """

    def __init__(
        self,
        windows: Windows,
        importance: Tensor,
        *,
        taker: LabelTaker | None,
        labels_key: str | None,
        of_air: Callable[[int], Sequence[float]] | None,
    ) -> None:
        self.windows = windows
        self.importance = importance
        self.taker = taker
        self.air: list[float] = []  # what is added for a window of air
        self.name: Any = labels_key  # of the output that air_logits, and labels, are about
        self.of_air = of_air
        self.means: dict[Any, WindowMean] = {}
        self.whole: dict[Any, Tensor] = {}

    @property
    def known(self) -> bool:
        """Whether a window has shown which outputs there are."""
        return bool(self.means)

    def add(self, starts: Sequence[tuple[int, ...]], outputs: Mapping[Any, Tensor], head: Head | None) -> None:
        """Add the network's output for the windows at `starts`: `(N, C, *spatial)` by name.

        With a `head`, the output from which labels are made holds features in place of classes.
        """
        if not self.means:
            self._begin(outputs, head)
        for name, values in outputs.items():
            for start, one in zip(starts, values, strict=True):
                self.means[name].add(start, one)

    def add_air(self, start: tuple[int, ...]) -> None:
        """Add a window of background alone, which the network has not seen."""
        for name, mean in self.means.items():
            values = torch.tensor(self.air if name == self.name else [0.0] * mean.channels)
            values = values.to(self.importance).reshape(-1, *[1] * len(mean.roi))
            mean.add(start, values.expand(-1, *mean.roi))

    def end_row(self, following: int | None) -> None:
        """Note that all windows of a row are in; the next row begins at `following`, None after the last row."""
        for name, mean in self.means.items():
            for slab, first in mean.finished(following):
                if self.taker is not None and name == self.name:
                    self.taker.add(slab, first)
                else:
                    self.whole[name] = slab

    def result(self) -> dict[Any, Tensor]:
        """The outputs on the whole image by name; with a `taker`, the labels are among them."""
        made = {self.name: self.taker.finish()} if self.taker is not None else {}
        return {name: made[name] if name in made else self.whole[name] for name in self.means}

    def _begin(self, outputs: Mapping[Any, Tensor], head: Head | None) -> None:
        """Learn from the first outputs which outputs there are and of which size."""
        if self.name is None:
            self.name = next(iter(outputs))
        if self.name not in outputs:
            raise InputError(f"The network gives {list(outputs)}, and labels_key is {self.name!r}.")
        for name, values in outputs.items():
            channels = values.shape[1]
            if name == self.name and self.of_air is not None:
                self.air = list(self.of_air(channels if head is None else len(head.bias)))
            if name == self.name and self.taker is not None and head is not None:
                self.taker = HeadOnSlabs(self.taker, head, self.windows.axis, self.air or None)
                if self.air:  # one channel more: the share of air
                    self.air = [0.0] * channels + [1.0]
                    channels += 1
            streamed = self.taker is not None and name == self.name
            shape = (channels, *values.shape[2:])
            self.means[name] = WindowMean(self.windows, self.importance, shape, streamed=streamed)
