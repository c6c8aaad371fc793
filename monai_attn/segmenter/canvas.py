"""The label map and the maps of a whole image, filled with the parts of a plan one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from monai_attn.finders import JoinedLabels, RegionLabels
from monai_attn.labels import LabelTable
from monai_attn.preflight import Plan
from monai_attn.progress import Finished, Progress
from monai_attn.segmenter.grid import in_whole
from monai_attn.volume import Box, Volume

__all__ = ["Canvas"]

Block = tuple[slice, slice, slice]


class Canvas:
    """Collects what the parts of a plan give, on the grid of the whole image.

    A plan of one part without a name keeps the bundle's values. Parts with names are joined as `JoinedLabels` says.
    Of two maps that overlap, a voxel takes the value of the region whose middle is nearer.

    `array` is the label map `(I, J, K)`, `table` its labels, `maps` the other maps.
    """

    def __init__(self, whole: Volume, plan: Plan, table: LabelTable, labels: RegionLabels) -> None:
        self.whole = whole
        self.plan = plan
        self.joined = JoinedLabels(whole, plan.boxes, labels) if plan.joins else None
        self.table = table if self.joined is None else self.joined.table
        self.maps: dict[str, NDArray[np.generic]] = {}
        self._single: NDArray[np.generic] | None = None
        self._preview: NDArray[np.generic] | None = None
        self._covered: list[tuple[Block, NDArray[np.float64]]] = []
        self._done = 0

    @property
    def array(self) -> NDArray[np.generic]:
        """The label map so far; there is at least one part."""
        array = self.joined.array if self.joined is not None else self._single
        assert array is not None
        return array

    def add(self, name: str, array: NDArray[np.generic], maps: Mapping[str, NDArray[np.generic]]) -> None:
        """Put in the labels and the maps of a part, each `(I, J, K)` on the part of the grid that was segmented."""
        box = self.plan.parts[name].box
        if box is None:
            self._single, self.maps = array, dict(maps)
            return
        block = self.whole.slices_of(box)
        if self.joined is None:
            self._single = in_whole(array, block, self.whole)
            self.maps = {key: in_whole(one, block, self.whole) for key, one in maps.items()}
            return
        self.joined.add(name, block, array)
        if not maps:
            return
        keeps = self._nearest(block, box)
        for key, one in maps.items():
            whole = self.maps.setdefault(key, np.zeros(self.whole.shape, one.dtype))
            whole[block] = np.where(keeps, one, whole[block])

    def value_of(self, name: str, value: int) -> int:
        """The value that a label of the bundle has in the label map, in the part of this name."""
        return value if self.joined is None else self.joined.labels[name][value].value

    def progress_of(self, name: str, progress: Progress | None) -> Progress | None:
        """The progress of one part as that of the whole run; the parts that follow are taken to be as large."""
        if progress is None:
            return None
        before, left = self._done, len(self.plan.parts) - list(self.plan.parts).index(name)

        def report(done: int, total: int | None) -> None:
            self._done = before + done
            progress(before + done, None if total is None else before + total * left)

        return report

    def finished_of(self, name: str, finished: Finished | None) -> Finished | None:
        """What is called with finished labels of a part: of joined parts it is called with the whole image's labels."""
        box = self.plan.parts[name].box
        if finished is None or self.joined is None or box is None:
            return finished
        block, joined = self.whole.slices_of(box), self.joined
        if self._preview is None:
            self._preview = np.zeros_like(joined.array)
        preview = self._preview

        def report(labels: NDArray[np.generic], part: tuple[slice, ...]) -> None:
            new = joined.translated(name, labels[part])
            place = tuple(
                slice(outer.start + inner.start, outer.start + inner.stop)
                for outer, inner in zip(block, part, strict=True)
            )
            preview[place] = np.where(new != 0, new, preview[place])
            finished(preview, place)

        return report

    def _nearest(self, block: Block, box: Box) -> NDArray[np.bool_]:
        """Which voxels of a block lie nearer to the middle of its box than to those of the boxes before."""
        middle = (np.array(box.lower_mm) + box.upper_mm) / 2
        index = np.moveaxis(np.mgrid[block], 0, -1)  # (I, J, K, 3)
        places = self.whole.to_world(index)
        here = np.linalg.norm(places - middle, axis=-1)
        keeps = np.ones(here.shape, bool)
        for other, its_middle in self._covered:
            starts, stops = [part.start for part in other], [part.stop for part in other]
            shared = np.all((index >= starts) & (index < stops), axis=-1)
            keeps &= ~(shared & (np.linalg.norm(places - its_middle, axis=-1) <= here))
        self._covered.append((block, middle))
        return keeps
