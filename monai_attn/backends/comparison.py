"""Which windows of an image are compared with PyTorch in float32, and what has agreed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from monai_attn.backends.agreement import differing, disagreement, shows_a_class
from monai_attn.backends.cache import Entry
from monai_attn.backends.head import Head
from monai_attn.backends.outputs import main_output

__all__ = ["WindowComparison"]


class WindowComparison:
    """The comparison of one back-end and precision with the network itself, on windows of one shape.

    - A window that is all one value (background) is never compared.
    - Of the others the first is compared, and the second, the fourth, the eighth and so on.
    - Each window in which the back-end finds more than one class is compared too.
    - Comparisons end when a window has shown more than one class and agreed. The cache keeps that.

    `memory`: the place in the cache; None keeps nothing. `regions`: see `disagreement`.

    `voxels` counts the voxels that were compared and agreed but for rounding, and `differ` those of them whose label
    differs all the same, since two classes are nearly tied.
    """

    def __init__(self, precision: str, memory: Entry | None = None, *, regions: bool = False) -> None:
        self.precision = precision
        self.memory = memory
        self.regions = regions
        known = (memory.read() if memory else None) or {}
        self.passed = bool(known)
        self.voxels, self.differ = int(known.get("voxels", 0)), int(known.get("differ", 0))
        self.met = 0

    def problem(self, x: Tensor, output: Any, reference: Callable[[Tensor], Any], head: Head | None = None) -> str:
        """Why the output for the windows `x` `(N, channels, *spatial)` cannot be used; "" if it can be used.

        `reference` is the network in PyTorch in float32. With a `head`, the output holds the features before that
        layer.
        """
        for window, given in zip(x, main_output(output), strict=True):
            if self.passed:
                break
            if self._is_due(window, given, head):
                expected = main_output(reference(window[None]))[0]
                logits = given if head is None else head(given)
                if problem := disagreement(expected, logits, self.precision, regions=self.regions):
                    return problem
                self.voxels += expected[0].numel()
                self.differ += differing(expected, logits, regions=self.regions)
                if shows_a_class(expected, self.regions):
                    self._pass()
        return ""

    def _is_due(self, window: Tensor, given: Tensor, head: Head | None) -> bool:
        """Whether a comparison on this window shows something new.

        Logits are made only where that decides, so that they take no memory while PyTorch runs.
        """
        if not bool(window.amax() > window.amin()):
            return False
        self.met += 1
        return self.met & (self.met - 1) == 0 or shows_a_class(given if head is None else head(given), self.regions)

    def _pass(self) -> None:
        """End the comparisons, and keep in the cache that they agreed."""
        self.passed = True
        if self.memory:
            self.memory.write({"voxels": self.voxels, "differ": self.differ})
