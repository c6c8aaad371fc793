"""Several regions of one image in one label map: which label each structure gets, and which region wins where two meet.

The segmenter and the saver of `monai.bundle run` use the same functions, so that both give the same mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError
from monai_attn.finders.entry import FinderEntry
from monai_attn.labels import Label, LabelTable, default_colour
from monai_attn.volume import Box, Volume

__all__ = ["JoinedLabels", "RegionLabels", "Regions", "region_labels", "regions_json"]

Regions = Box | Mapping[str, Box] | None
"""What a user asks for: one box, boxes by name, or None for the whole image. All boxes are in mm (RAS+)."""

RegionLabels = Mapping[str, Mapping[int, Label]]
"""For each region the label that a value of the bundle gets in the joined label map."""


def regions_json(regions: Regions) -> Any:
    """Regions as the record of a mask keeps them: two corners in mm, a mapping of names to these, or None.

    >>> regions_json({"left": Box((-40, 0, 0), (-10, 9, 9))})
    {'left': [[-40.0, 0.0, 0.0], [-10.0, 9.0, 9.0]]}
    """
    if regions is None:
        return None
    if isinstance(regions, Box):
        return [list(regions.lower_mm), list(regions.upper_mm)]
    return {name: regions_json(box) for name, box in regions.items()}


def region_labels(names: Sequence[str], table: LabelTable, entry: FinderEntry | None = None) -> RegionLabels:
    """The labels of each region in the joined label map.

    A region that the finder's entry names has the labels that are stated there. Where one name is not stated, all
    regions are numbered in their order: the first region keeps the bundle's values, those of the next come after them.
    Names then begin with the name of the region.

    >>> labels = region_labels(["a", "b"], LabelTable.of_names({1: "cyst"}))
    >>> [(label.value, label.name) for label in labels["b"].values()]
    [(2, 'b cyst')]

    Raises `InputError` for several regions of a bundle without label names: without them the values of two regions
    cannot be kept apart.
    """
    if entry is not None and all(name in entry.regions for name in names):
        return {name: entry.regions[name].labels for name in names}
    if len(names) > 1 and not len(table):
        raise InputError(
            f"The bundle names no labels, so the labels of {len(names)} regions cannot be kept apart in one mask. "
            "Give names of its labels (command line: --labels FILE; Python: labels=...), or one region at a time."
        )
    step = max((label.value for label in table), default=0)
    numbered: dict[str, dict[int, Label]] = {}
    for number, name in enumerate(names):
        numbered[name] = {
            label.value: Label(
                label.value + number * step,
                f"{name} {label.name}",
                label.colour if number == 0 else default_colour(label.value + number * step),
                label.code,
                label.laterality or (name if name in ("left", "right") else ""),
            )
            for label in table
        }
    return numbered


class JoinedLabels:
    """A label map of a whole image, filled region by region.

    Where two regions give one voxel a label, the region whose middle is nearer to the voxel wins; at the same distance
    the region that was added first. Elsewhere a label wins over background.
    """

    def __init__(self, whole: Volume, boxes: Mapping[str, Box], labels: RegionLabels) -> None:
        self.whole = whole
        self.labels = labels
        self.middles = {name: (np.array(box.lower_mm) + box.upper_mm) / 2 for name, box in boxes.items()}
        self.table = LabelTable(tuple(label for name in boxes for label in labels[name].values()))
        highest = max((label.value for label in self.table), default=0)
        self.array: NDArray[np.generic] = np.zeros(whole.shape, np.min_scalar_type(highest))

    def add(self, name: str, block: tuple[slice, slice, slice], array: NDArray[np.generic]) -> None:
        """Put the labels of a region into the map; `block` holds the voxels of the image that `array` covers."""
        new = self.translated(name, array)
        part = self.array[block]
        wins = (new != 0) & (part == 0)
        both = np.argwhere((new != 0) & (part != 0))
        if len(both):
            places = self.whole.to_world(both + [one.start for one in block])
            here = np.linalg.norm(places - self.middles[name], axis=1)
            nearer = here < self._distance_of_owner(part[tuple(both.T)], places)
            wins[tuple(both[nearer].T)] = True
        part[wins] = new[wins]

    def translated(self, name: str, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The labels of a region with the values that they have in the joined map.

        Raises `InputError` for a value that has no name, which would be lost.
        """
        unnamed = [int(value) for value in np.unique(array) if value and int(value) not in self.labels[name]]
        if unnamed:
            raise InputError(
                f"The region {name!r} has label {unnamed[0]}, which the bundle does not name; it names "
                f"{', '.join(map(str, self.labels[name]))}. Name all labels (command line: --labels FILE), or give one "
                "region at a time."
            )
        new = np.zeros(array.shape, self.array.dtype)
        for value, label in self.labels[name].items():
            new[array == value] = label.value
        return new

    def _distance_of_owner(self, values: NDArray[np.generic], places: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far each place is from the middle of the region whose label it has, in mm."""
        distance = np.full(len(places), np.inf)
        for name, middle in self.middles.items():
            owned = np.isin(values, [label.value for label in self.labels[name].values()])
            distance[owned] = np.linalg.norm(places[owned] - middle, axis=1)
        return distance
