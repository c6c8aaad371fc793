"""Test-time flips: a prediction that does not depend on the side on which a structure lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor

from monai_attn.errors import InputError
from monai_attn.inferers.watching import RunWatch, WatchableInferer, watch_inferer

__all__ = ["FlippedInferer", "exchanged"]


class FlippedInferer(WatchableInferer):
    """The mean of another inferer's logits over the image and its mirror images.

    `axes` are spatial axes, 0 for the first. Each axis adds a flip, and all combinations are used: 2**n runs. Without
    axes it is the other inferer alone. The logits of a flipped image are exactly the flipped logits of the image. Use
    it for a network that was trained with such flips. `pairs` are classes that a flip along the first axis exchanges,
    such as `[[3, 4]]` for the right and the left parotid; that axis must then run from right to left.

    Raises `InputError` for a class that stands in two pairs. Raises it too for axes that are negative, given twice, or
    not in the image, and for an inner inferer that gives labels.

    >>> import torch
    >>> from monai.inferers import SimpleInferer
    >>> FlippedInferer(SimpleInferer(), axes=[0])(torch.ones(1, 1, 4, 4, 4), torch.nn.Identity()).mean().item()
    1.0
    """

    def __init__(self, inferer: Inferer, axes: Sequence[int] = (0,), pairs: Sequence[Sequence[int]] = ()) -> None:
        super().__init__()
        self.inferer = inferer
        self.axes = list(axes)
        self.pairs = [(int(one), int(other)) for one, other in pairs]
        values = [value for pair in self.pairs for value in pair]
        if len(set(values)) < len(values):
            raise InputError(f"A class has one counterpart on the other side; got the pairs {self.pairs}.")
        if len(set(self.axes)) < len(self.axes) or min(self.axes, default=0) < 0:
            raise InputError(f"axes are different spatial axes, 0 for the first; got {self.axes}.")

    def watched(self, watch: RunWatch) -> FlippedInferer:
        """A copy whose inner inferer reports to the watch; the watch expects all mirror images."""
        watch.runs *= 2 ** len(self.axes)
        return FlippedInferer(watch_inferer(self.inferer, watch), self.axes, self.pairs)

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """The mean logits `(N, classes, *spatial)` of an image `(N, channels, *spatial)`."""
        if max(self.axes, default=0) >= inputs.dim() - 2:
            raise InputError(f"Cannot flip along axes {self.axes}: the image has {inputs.dim() - 2} spatial axes.")

        def total(image: Tensor, axes: list[int]) -> Tensor:
            """The sum over all flips of `axes`; in pairs, so that a flip changes no order of additions."""
            if not axes:
                logits: Tensor = self.inferer(image, network, *args, **kwargs)
                if not logits.is_floating_point():
                    raise InputError("Labels have no mean: set labels=null in the inferer inside FlippedInferer.")
                return logits
            axis = [axes[-1] + 2]
            mirrored = torch.flip(total(torch.flip(image, axis), axes[:-1]), axis)
            return total(image, axes[:-1]) + (exchanged(mirrored, self.pairs) if axes[-1] == 0 else mirrored)

        mean: Tensor = total(inputs, self.axes) / float(2 ** len(self.axes))
        return mean


def exchanged(logits: Tensor, pairs: Sequence[Sequence[int]]) -> Tensor:
    """Logits `(N, classes, *spatial)` in which the classes of each pair have changed places; without pairs the same.

    Further channels keep their places.

    >>> exchanged(torch.arange(3.0).reshape(1, 3, 1), [(1, 2)]).flatten().tolist()
    [0.0, 2.0, 1.0]
    """
    order = list(range(logits.shape[1]))
    for one, other in pairs:
        order[one], order[other] = other, one
    return logits[:, order] if pairs else logits
