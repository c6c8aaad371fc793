"""The weighted mean of overlapping windows, of which only the unfinished part is kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from monai_attn.inferers.windows import Windows

__all__ = ["WindowMean"]


class WindowMean:
    """One output of the network, collected window by window.

    Windows are added with weights that sum to 1 at each voxel. So what no later row touches is finished as it is. The
    weights depend only on the windows that a row overlaps, so rows in the middle of an image share them.

    The output may be finer or coarser than the image, as in MONAI: everything is scaled. With `streamed`, the planes
    between the starts of rows are separate tensors, each with the last plane of the tensor before in front. `finished`
    gives these out. Otherwise there is one tensor for the whole image.
    """

    def __init__(self, windows: Windows, importance: Tensor, shape: Sequence[int], *, streamed: bool) -> None:
        self.channels, self.roi = int(shape[0]), tuple(int(edge) for edge in shape[1:])
        self.axis = windows.axis
        self.device = importance.device
        zoom = [new / old for new, old in zip(self.roi, windows.roi, strict=True)]
        cut = [round(pad * z) for pad, z in zip(windows.before, zoom, strict=True)]
        padded = zip(windows.before, windows.size, zoom, strict=True)
        self.size = tuple(round((pad + n) * z) - round(pad * z) for pad, n, z in padded)
        self.places = [
            {start: int((start + pad) * z) - edge for start in starts}
            for starts, pad, z, edge in zip(windows.starts, windows.before, zoom, cut, strict=True)
        ]
        same = self.roi == windows.roi
        self.importance = (
            importance if same else interpolate(importance[None, None], self.roi, mode="nearest-exact")[0, 0]
        )
        rows = self.places[self.axis].values()
        length = self.size[self.axis]
        cuts = {min(max(edge, 0), length) for start in rows for edge in (start, start + self.roi[self.axis])}
        edges = sorted({0, length} | (cuts if streamed else set()))
        self.parts = list(itertools.pairwise(edges))
        self.kept: dict[int, Tensor] = {}
        self.next = 0  # the first part not handed out
        self._weights: dict[tuple[int, ...], Tensor] = {}

    def add(self, window: Sequence[int], values: Tensor) -> None:
        """Add the output `(C, *roi)` for the window that starts at `window` (voxels of the image).

        It may hold the first channels only.
        """
        start = [places[one] for places, one in zip(self.places, window, strict=True)]
        weights = self._row_weights(start[self.axis])
        inner, outer = self._overlap(start)
        weights = weights[_replace(outer, self.axis, inner[self.axis])] * self.importance[inner]
        values = values[(slice(None), *inner)].to(self.device, torch.float32)
        here = outer[self.axis]
        for number, (first, last) in enumerate(self.parts):
            begin, end = max(first, here.start), min(last, here.stop)
            if begin >= end:
                continue
            part = self._part(number)[: len(values)]
            lead = part.shape[1 + self.axis] - (last - first)
            target = part[(slice(None), *_replace(outer, self.axis, slice(begin - first + lead, end - first + lead)))]
            source = _replace((slice(None),) * len(self.roi), self.axis, slice(begin - here.start, end - here.start))
            target.addcmul_(values[(slice(None), *source)], weights[source][None])

    def finished(self, next_row: int | None) -> Iterator[tuple[Tensor, int]]:
        """The parts that no window of the row at `next_row` or later touches, with their first planes.

        With None, the last row has passed, and all parts that are left are given.
        """
        until = self.size[self.axis] if next_row is None else self.places[self.axis][next_row]
        while self.next < len(self.parts) and self.parts[self.next][1] <= until:
            last = self.parts[self.next][1]
            part = self._part(self.next)
            planes = part.shape[1 + self.axis]
            del self.kept[self.next]
            self.next += 1
            if self.next < len(self.parts):
                lead = self._part(self.next).narrow(1 + self.axis, 0, 1)
                lead.copy_(part.narrow(1 + self.axis, planes - 1, 1))
            yield part, last - planes

    def _part(self, number: int) -> Tensor:
        """The tensor of a part `(channels, *spatial)`, made of zeros when it is first used."""
        if number not in self.kept:
            first, last = self.parts[number]
            shape = _replace(self.size, self.axis, last - first + (number > 0))
            self.kept[number] = torch.zeros((self.channels, *shape), device=self.device)
        return self.kept[number]

    def _overlap(self, start: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """The part of a window that lies on the image, in voxels of the window and of the image."""
        inner, outer = [], []
        for begin, edge, length in zip(start, self.roi, self.size, strict=True):
            first, last = max(begin, 0), min(begin + edge, length)
            inner.append(slice(first - begin, last - begin))
            outer.append(slice(first, last))
        return tuple(inner), tuple(outer)

    def _row_weights(self, row: int) -> Tensor:
        """1 / the sum of the importances of all windows, where a row lies: `roi` planes, whole along other axes."""
        edge = self.roi[self.axis]
        others = [other - row for other in self.places[self.axis].values() if abs(other - row) < edge]
        key = tuple(others)
        if key not in self._weights:
            total = torch.zeros(_replace(self.size, self.axis, edge), device=self.device)
            across = [[0] if axis == self.axis else list(places.values()) for axis, places in enumerate(self.places)]
            for other in others:
                mine, theirs = (
                    slice(max(other, 0), min(other + edge, edge)),
                    slice(max(-other, 0), min(edge - other, edge)),
                )
                for start in itertools.product(*across):
                    inner, outer = self._overlap(start)
                    importance = self.importance[_replace(inner, self.axis, theirs)]
                    total[_replace(outer, self.axis, mine)] += importance
            self._weights = {key: total.reciprocal_()}  # one at a time: rows in the middle follow each other
        return self._weights[key]


def _replace(values: Sequence[Any], index: int, value: Any) -> tuple[Any, ...]:
    """`values` with another one at `index`."""
    return (*values[:index], value, *values[index + 1 :])
