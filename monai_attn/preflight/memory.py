"""How much memory a run will take, by a stated rule, and how much this computer has free.

The rule is for planning; it is no measurement. Memory of a graphics card is not looked at.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from monai_attn.bundle.describe import BundleDescription
from monai_attn.volume import Volume

__all__ = ["available_bytes", "peak_bytes"]

LIBRARIES_BYTES = 10**9
"""What PyTorch, MONAI and a network take before the first image."""


MAP_CHANNELS = {"attention": 3, "entropy": 1, "flip_variance": 1}
"""How many maps each kind gives; probabilities give one for each class."""


def peak_bytes(bundle: BundleDescription, shape: Sequence[int], source: Volume, *, maps: Sequence[str] = ()) -> int:
    """A rule for the largest memory of a run, in bytes; `shape` is the size of the image that the network sees.

    The images count once, and the network's output (one channel for each class, float32) three times. Both lie on the
    grid of the network and on the grid of the source image. The output counts three times, because the sum over the
    windows, its counterpart in the next step and the copy on the source grid are in memory together. A bundle that
    makes labels slab by slab keeps the output for one row of windows only. PyTorch and MONAI come on top.

    `source` is the image on its own grid, cut to the region where there is one. Four bytes are counted for each
    number. `maps` are kept whole, together with the probabilities that they are made from.
    """
    network = math.prod(shape)
    held = network + source.array.size
    shown = sum(MAP_CHANNELS.get(name, bundle.classes) for name in maps) + (bundle.classes if maps else 0)
    mapped = 4 * held * shown
    if bundle.streams and bundle.window:
        row = network * min(min(edge or size, size) / size for size, edge in zip(shape, bundle.window, strict=True))
        return LIBRARIES_BYTES + mapped + 4 * int(held * (len(bundle.images) + 1) + row * 3 * bundle.classes)
    return LIBRARIES_BYTES + mapped + 4 * held * (len(bundle.images) + 3 * bundle.classes)


def available_bytes() -> int | None:
    """The memory that is free, in bytes; all memory where the system does not say that, None where it says neither.

    Linux says what is free in /proc/meminfo; on macOS all memory is taken, and Windows says neither.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
