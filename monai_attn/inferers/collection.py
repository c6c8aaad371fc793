"""What a network gives, window by window, gathered into outputs on the whole image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from monai.data import MetaTensor
from torch import Tensor

from monai_attn.errors import InputError
from monai_attn.inferers.slabs import WindowMean
from monai_attn.inferers.windows import Windows

__all__ = ["LabelTaker", "OutputCollection"]


class LabelTaker(Protocol):
    """Takes slabs of logits in order; each but the first begins with the last plane of the one before."""

    def add(self, slab: Tensor, start: int) -> None:
        """`(C, *spatial)`, planes `start` on."""

    def finish(self) -> MetaTensor:
        """The label map `(1, I, J, K)`."""


class OutputCollection:
    """All outputs of a network over one image; one of them may leave as slabs for `taker` to make labels of.

    `labels_key`: the name of that one; None: the first. `of_air`: number of classes to the logits of a window of air;
    other outputs are 0 there.
    """

    def __init__(
        self,
        windows: Windows,
        importance: Tensor,
        *,
        taker: LabelTaker | None,
        labels_key: str | None,
        of_air: Callable[[int], Sequence[float]],
    ) -> None:
        self.windows = windows
        self.importance = importance
        self.taker = taker
        self.name: Any = labels_key  # of the output that air_logits, and labels, are about
        self.of_air = of_air
        self.means: dict[Any, WindowMean] = {}
        self.whole: dict[Any, Tensor] = {}

    @property
    def known(self) -> bool:
        """Whether a window has told which outputs there are."""
        return bool(self.means)

    def add(self, start: tuple[int, ...], outputs: Mapping[Any, Tensor]) -> None:
        """What the network gave for the window at `start`: `(C, *spatial)` by name."""
        if not self.means:
            self._begin(outputs)
        for name, values in outputs.items():
            self.means[name].add(start, values)

    def add_air(self, start: tuple[int, ...]) -> None:
        """A window that the network has not seen."""
        for name, mean in self.means.items():
            logits = self.of_air(mean.channels) if name == self.name else [0.0] * mean.channels
            values = torch.tensor(logits, device=self.importance.device).reshape(-1, *[1] * len(mean.roi))
            mean.add(start, values.expand(-1, *mean.roi))

    def end_row(self, following: int | None) -> None:
        """All windows of a row are in; the next row begins at `following`, None: it was the last."""
        for name, mean in self.means.items():
            for slab, first in mean.finished(following):
                if self.taker is not None and name == self.name:
                    self.taker.add(slab, first)
                else:
                    self.whole[name] = slab

    def result(self) -> dict[Any, Tensor]:
        """The outputs on the whole image by name, labels among them if there is a `taker`."""
        made = {self.name: self.taker.finish()} if self.taker is not None else {}
        return {name: made[name] if name in made else self.whole[name] for name in self.means}

    def _begin(self, outputs: Mapping[Any, Tensor]) -> None:
        if self.name is None:
            self.name = next(iter(outputs))
        if self.name not in outputs:
            raise InputError(f"The network gives {list(outputs)}, and labels_key is {self.name!r}.")
        for name, values in outputs.items():
            streamed = self.taker is not None and name == self.name
            self.means[name] = WindowMean(self.windows, self.importance, values.shape, streamed=streamed)
