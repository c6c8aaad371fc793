"""Labels of logits on the source grid, slab by slab, without a volume per class at full resolution.

The rule is linear interpolation of logits, then the largest class (or, for regions, the sign). Two cases:

- The source axes run along the network's axes (any orientation, spacing, crop, pad). Then the loop is over cells of the
  network's grid. A cell whose 8 corners agree is filled at once.
- They do not, since the image was rotated. Then the loop is over source voxels.

Slabs come in order along one network axis. Each begins with the last plane of the slab before, so that every cell lies
in one slab. What is held is one slab of codes (two bytes a voxel) and the label map itself.

`LabelsOnSourced` gives all logits as one slab, and `StreamingInferer` gives a slab for each row of windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray
from torch import Tensor

from monai_attn.errors import BundleError, InputError
from monai_attn.progress import Finished
from monai_attn.transforms.cells import along_axes, view_of
from monai_attn.transforms.certainty import Certainty
from monai_attn.transforms.label_arrays import loops_for
from monai_attn.transforms.way_back import WayBack, way_back
from monai_attn.wording import counted

__all__ = ["SourceLabels"]

VoxelBox = tuple[slice, ...]

AIR_LOGIT = 10.0
"""A window of air is background by this logit."""


class SourceLabels:
    """How logits become labels: an argmax over the channels, or regions of sigmoid channels.

    With `regions=None` the label is the number of the largest channel, and the first of equals. Otherwise `regions`
    holds one label value per channel. Channels are independent then: positive logits belong to the region, and a later
    channel covers an earlier one.

    Raises `InputError` for label values outside 1 to 65535.

    >>> SourceLabels().of_air(3)
    [10.0, -10.0, -10.0]
    >>> SourceLabels([1, 2]).of_air(2)
    [-10.0, -10.0]
    """

    def __init__(self, regions: Sequence[int] | None = None) -> None:
        if regions is not None and not (regions and min(regions) > 0 and max(regions) <= np.iinfo(np.uint16).max):
            raise InputError(f"regions are one label value from 1 to 65535 per channel; got {list(regions)}.")
        self.regions = None if regions is None else [int(value) for value in regions]

    def begin(self, image: MetaTensor, axis: int = 0, finished: Finished | None = None) -> LabelSlabs:
        """Take slabs along the network axis `axis` for a preprocessed image `(channels, *network grid)`.

        `finished` is called with the label map so far and the box of voxels that has just been finished. Raises
        `GeometryError` or `BundleError` when the image's metadata do not say where its source grid lies; see
        `way_back`.
        """
        return LabelSlabs(way_back(image), axis, self.regions, finished)

    def of_air(self, channels: int) -> list[float]:
        """The logits of a window of background alone, one number for each channel.

        An inferer that skips windows without tissue writes these logits in place of the network's.
        """
        first = AIR_LOGIT if self.regions is None and channels > 1 else -AIR_LOGIT
        return [first] + [-AIR_LOGIT] * (channels - 1)


class LabelSlabs:
    """The label map of one case, made from slabs of logits.

    Use `SourceLabels.begin`, then `add` for each slab, then `finish`. `labels` `(I, J, K)` is the map so far, on the
    source grid; `planes` counts the planes of the network's grid that have come.
    """

    def __init__(self, way: WayBack, axis: int, regions: list[int] | None, finished: Finished | None = None) -> None:
        self.way = way
        self.axis = axis
        self.regions = regions
        self.finished = finished
        self.values: NDArray[np.generic] = np.empty(0)  # codes to labels; known with the first slab
        self.labels: NDArray[np.generic] = np.empty(0)
        self.certainty = Certainty(0, regions=regions is not None)
        self.planes = 0  # given so far
        self._box = tuple(slice(int(low), int(high) + 1) for low, high in way.region.T)
        shift = np.eye(4)
        shift[:3, 3] = way.region[0]
        self._matrix = (way.matrix @ shift)[:3]  # index within the box to network index
        self._axes = along_axes(self._matrix, tuple(part.stop - part.start for part in self._box), way.lattice)

    def add(self, slab: Tensor, start: int) -> None:
        """Take the next logits `(C, X, Y, Z)`: planes `start` on of the slab axis, all planes of the other axes.

        Each slab but the first begins with the last plane of the slab before. Raises `BundleError` for logits that are
        not finite, and for logits that do not fit the image or `regions`.
        """
        logits = np.ascontiguousarray(slab.detach().cpu().float().numpy())
        self._check(logits.shape, start)
        loops = loops_for(max(logits.size, self.labels.size))
        origin = np.zeros(3, dtype=np.int64)
        origin[self.axis] = start
        shape = np.array(logits.shape[1:])
        low, high = np.maximum(self.way.valid[0] - origin, 0), np.minimum(self.way.valid[1] - origin, shape - 1)
        codes = np.zeros(shape + 2, dtype=np.uint16)
        regions = self.regions is not None
        if not all(_in_parts(shape[0], lambda *part: loops.classify(logits, codes, regions, low, high, *part))):
            raise BundleError(
                "The network gives logits that are not finite. Run it in float32, or look whether the image itself "
                "holds values that are not finite."
            )
        fresh = low.copy()
        fresh[self.axis] = max(fresh[self.axis], 1 if start else 0)  # the first plane came with the slab before
        self.certainty.add(logits, codes, fresh, high, loops, _in_parts)
        end = start + int(shape[self.axis])
        last = end == self.way.network_shape[self.axis]
        span = (start if start else -1, end if last else end - 1)  # cells; those at the edges have a zero corner
        done = self._label(loops, logits, codes, low, high, origin, span)
        self.planes = end
        if self.finished is not None:
            self.finished(self.labels, done)

    def finish(self) -> MetaTensor:
        """The label map `(1, I, J, K)`, uint8, or int32 for values above 255, with the affine of the source image.

        Its meta data hold the certainty of each structure; see `certainty_of`. Raises `InputError` when planes are
        missing.
        """
        planes = self.way.network_shape[self.axis]
        if self.planes != planes:
            raise InputError(f"The label map is not complete: {self.planes} of {planes} planes were given.")
        affine = torch.from_numpy(self.way.source_affine.copy())
        meta = self.certainty.meta(self.values.tolist())
        return MetaTensor(torch.from_numpy(self.labels)[None], affine=affine, meta=meta)

    def _check(self, shape: tuple[int, ...], start: int) -> None:
        """Refuse logits of another size than the network's grid. Raises `BundleError`.

        Raises `InputError` for a slab out of order, because each slab must begin with the last plane of the slab
        before.
        """
        wanted = list(self.way.network_shape)
        wanted[self.axis] = shape[1 + self.axis]
        if list(shape[1:]) != wanted or start + shape[1 + self.axis] > self.way.network_shape[self.axis]:
            raise BundleError(
                f"The logits have the grid {shape[1:]}, the network's input {self.way.network_shape}. Labels can be "
                "taken only from an output on the grid of the input."
            )
        if start != max(self.planes - 1, 0):
            raise InputError(f"The next slab begins at plane {max(self.planes - 1, 0)}, not at {start}.")
        if self.regions is not None and len(self.regions) != shape[0]:
            channels, labels = counted(shape[0], "channel"), counted(len(self.regions), "label")
            raise BundleError(f"The network has {channels}, and regions names {labels}.")
        if not len(self.values):
            values = [0, *self.regions] if self.regions is not None else list(range(shape[0]))
            self.values = np.array(values, dtype=np.uint8 if max(values) <= np.iinfo(np.uint8).max else np.int32)
            self.labels = np.zeros(self.way.source_shape, dtype=self.values.dtype)
            self.certainty = Certainty(len(values), regions=self.regions is not None)

    def _label(
        self, loops: Any, logits: Any, codes: Any, low: Any, high: Any, origin: Any, span: tuple[int, int]
    ) -> VoxelBox:
        """Write the labels of all cells with `span[0] <= cell < span[1]` on the slab axis; the box they lie in."""
        regions = self.regions is not None
        inside = self.labels[self._box]
        if self._axes is None:
            first_and_last = [span[0] < 0, span[1] == self.way.network_shape[self.axis]]
            open_ended = np.where(first_and_last, [-np.inf, np.inf], np.array(span, dtype=np.float64))
            place = (self._matrix, self.way.lattice, origin, self.axis, open_ended)
            _in_parts(
                inside.shape[0],
                lambda *part: loops.label_voxels(logits, codes, inside, self.values, regions, low, high, *place, *part),
            )
            return self._box
        axes = list(self._axes)
        first, last = axes[self.axis].within(*span)
        view = view_of(inside, axes)[(slice(None),) * self.axis + (slice(first, last),)]
        axes[self.axis] = axes[self.axis].part(first, last)
        runs = [one.runs() for one in axes]
        cells = tuple(run[0] - edge for run, edge in zip(runs, origin, strict=True))
        ends, places = tuple(run[1] for run in runs), tuple(one.place for one in axes)
        _in_parts(
            len(cells[0]),
            lambda *part: loops.label_cells(
                logits, codes, view, self.values, regions, low, high, cells, ends, places, *part
            ),
        )
        return self._finished(first, last)

    def _finished(self, first: int, last: int) -> VoxelBox:
        """Voxels `first` to `last` along the slab axis, counted in the network's direction, as a box of the source."""
        assert self._axes is not None
        along = self._axes[self.axis]
        whole = self._box[along.source_axis]
        part = (
            slice(whole.stop - last, whole.stop - first)
            if along.flipped
            else slice(whole.start + first, whole.start + last)
        )
        box = list(self._box)
        box[along.source_axis] = part
        return tuple(box)


def _in_parts(length: int, work: Callable[[int, int], Any]) -> list[Any]:
    """`work(first, last)` on equal parts of `range(length)`, one per thread of torch's; what they return."""
    threads = max(min(torch.get_num_threads(), int(length)), 1)
    edges = [int(length) * number // threads for number in range(threads + 1)]
    if threads == 1:
        return [work(edges[0], edges[1])]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, edges[:-1], edges[1:]))
