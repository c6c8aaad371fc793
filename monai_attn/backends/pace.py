"""Whether a back-end is slower than PyTorch on windows of one shape; then it is of no use."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from monai_attn.backends.cache import Entry

__all__ = ["Pace"]

SLOWER = 1.5
"""A back-end is dropped from so many times PyTorch's seconds a window on. Less is noise of a busy computer."""


class Pace:
    """The seconds a window of one back-end beside those of PyTorch, on windows of one shape.

    The first call of a back-end converts and compiles, and does not count. After the second call, `is_slow` decides,
    once, where PyTorch has run a window to compare labels. On a CPU the seconds are those of the processor, which other
    programs do not disturb. `memory`: the place in the cache that remembers a slow back-end; None remembers nothing.
    """

    def __init__(self, memory: Entry | None = None) -> None:
        self.memory = memory
        known = (memory.read() if memory else None) or {}
        self.own, self.other = float(known.get("own", math.inf)), float(known.get("torch", math.inf))
        self.slow = bool(known)
        self.decided = self.slow
        self.calls = 0

    def timed(self, call: Callable[[Tensor], Any], x: Tensor) -> Any:
        """The output of the back-end for windows `(N, channels, *spatial)`."""
        output, seconds = _timed(call, x)
        self.calls += 1
        if self.calls > 1:
            self.own = min(self.own, seconds)
        return output

    def timed_torch(self, call: Callable[[Tensor], Any], x: Tensor) -> Any:
        """The output of PyTorch for the same kind of windows."""
        output, seconds = _timed(call, x)
        self.other = min(self.other, seconds)
        return output

    def is_slow(self, torch: Callable[[Tensor], Any], x: Tensor) -> bool:
        """Whether the back-end takes `SLOWER` times as long as the network `torch`, which runs again before it is said.

        False as long as one of both has no time.
        """
        if not self.decided and self.calls > 1 and math.isfinite(self.other):
            self.decided = True
            if self.own > SLOWER * self.other:
                self.timed_torch(torch, x[:1])
                self.slow = self.own > SLOWER * self.other
            if self.slow and self.memory:
                self.memory.write({"own": self.own, "torch": self.other})
        return self.slow

    def __str__(self) -> str:
        """Why it was dropped, in a sentence."""
        return f"it takes {self.own:.2g} s a window here, PyTorch {self.other:.2g} s."


def _timed(call: Callable[[Tensor], Any], x: Tensor) -> tuple[Any, float]:
    """What a call gives, and its seconds a window."""
    clock = time.process_time if x.device.type == "cpu" else time.perf_counter
    start = clock()
    output = call(x)
    return output, (clock() - start) / max(len(x), 1)
