"""Where the windows of a sliding window lie: exactly where MONAI's `SlidingWindowInferer` puts them. Loads no torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from monai_attn.errors import InputError

__all__ = ["Windows", "lay_windows"]


@dataclass(frozen=True)
class Windows:
    """The windows over an image of `size` voxels.

    - `roi`: the size of a window in voxels.
    - `starts`: for each axis, where windows begin. A start is negative where the image is smaller than the window.
    - `before`, `after`: the voxels by which such an image is padded along each axis.
    - `axis`: the axis along which rows follow each other. A row is all windows with one start along this axis.
    """

    size: tuple[int, ...]
    roi: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    axis: int

    @property
    def rows(self) -> tuple[int, ...]:
        """The starts of the rows along `axis`, in voxels."""
        return self.starts[self.axis]

    def row(self, start: int) -> list[tuple[int, ...]]:
        """The starts of all windows of a row, a number for each axis."""
        axes = [(start,) if axis == self.axis else starts for axis, starts in enumerate(self.starts)]
        return list(itertools.product(*axes))

    def __len__(self) -> int:
        number = 1
        for starts in self.starts:
            number *= len(starts)
        return number


def lay_windows(size: Sequence[int], roi_size: Sequence[int] | int, overlap: Sequence[float] | float) -> Windows:
    """The windows over an image of `size` voxels; rows follow each other where that needs least memory at a time.

    A `roi_size` of 0 or less is the image's own size along that axis. `overlap` is the share of a window that the next
    window repeats. Raises `InputError` for a wrong number of axes, and for an overlap below 0 or from 1 on.

    >>> windows = lay_windows((100, 64, 32), (64, 64, 64), 0.5)
    >>> windows.starts, len(windows)
    (((0, 32, 36), (0,), (-16,)), 3)
    """
    rank = len(size)
    overlaps = (overlap,) * rank if isinstance(overlap, int | float) else tuple(overlap)
    if not isinstance(roi_size, int) and len(roi_size) != rank:
        raise InputError(f"roi_size {tuple(roi_size)} has {len(roi_size)} axes, the image of {tuple(size)} has {rank}.")
    if len(overlaps) != rank:
        raise InputError(f"overlap {overlaps} has {len(overlaps)} axes, the image of {tuple(size)} has {rank}.")
    if min(overlaps) < 0 or max(overlaps) >= 1:
        raise InputError(f"overlap is a share of the window, at least 0 and below 1; got {overlap}.")
    edges = (roi_size,) * rank if isinstance(roi_size, int) else tuple(roi_size)
    roi = tuple(int(edge) if edge and edge > 0 else int(length) for edge, length in zip(edges, size, strict=True))
    missing = [max(edge - length, 0) for edge, length in zip(roi, size, strict=True)]
    before = tuple(edge // 2 for edge in missing)
    starts = tuple(
        tuple(start - pad for start in _starts(max(length, edge), edge, share))
        for length, edge, share, pad in zip(size, roi, overlaps, before, strict=True)
    )
    axis = min(range(rank), key=lambda one: roi[one] / max(size[one], roi[one]))
    after = tuple(edge - pad for edge, pad in zip(missing, before, strict=True))
    return Windows(tuple(int(length) for length in size), roi, starts, before, after, axis)


def _starts(length: int, edge: int, overlap: float) -> list[int]:
    """At equal intervals, the last one moved back to end with the image."""
    if edge == length:
        return [0]
    interval = max(int(edge * (1 - overlap)), 1)
    last = length - edge
    return [*range(0, last, interval), last]
