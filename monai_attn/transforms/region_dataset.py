"""The data set of a bundle whose cases may have several regions: an item for each region, or one for a whole image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from torch.utils.data import IterableDataset, get_worker_info

__all__ = ["RegionDataset"]


class RegionTransform(Protocol):
    """What prepares a case region by region, as `monai_attn.preflight.CheckedImages` does."""

    def regions(self, case: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The prepared items of a case."""
        ...


class RegionDataset(IterableDataset[dict[str, Any]]):
    """The items of all cases, those of a case one after the other; how many there are is known only at the end.

    A config names it as its `dataset`, with a list of cases as `data` and `CheckedImages` as `transform`. Several
    workers of a `DataLoader` share the cases. `SaveSegmentationd` joins the items of a case.

    No case gives no item.
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], transform: RegionTransform) -> None:
        super().__init__()
        self.data = data
        self.transform = transform

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for case in self.data[first::step]:
            yield from self.transform.regions(case)
