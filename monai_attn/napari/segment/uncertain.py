"""The way to the lesions of which the network was least certain.

The button "Jump to the most uncertain" of the panel "Segment" calls `UncertainTour.next`. The order only says where to
look first. The mean of a map over a lesion is no probability that the lesion is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError
from monai_attn.labels import LabelTable
from monai_attn.measure.components import components
from monai_attn.napari.layers.provenance import RUN
from monai_attn.napari.layers.volumes import displayed_point, go_to, origin_of, volume_of
from monai_attn.volume import Volume, same_grid

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

__all__ = ["UncertainTour", "jump_to_uncertain", "uncertain_lesions", "uncertainty_layers"]


@dataclass(frozen=True)
class Uncertain:
    """A lesion or a piece of a structure: its label, its number by size, its mean uncertainty, a point inside it.

    `number` is 1 for the largest piece of its label. `uncertainty` is a mean between 0 and 1, `point_mm` in RAS+ mm.
    """

    value: int
    name: str
    number: int
    volume_ml: float
    uncertainty: float
    point_mm: tuple[float, float, float]


def uncertain_lesions(
    labels: Volume, table: LabelTable, uncertainty: Volume, *, min_ml: float = 0.0
) -> list[Uncertain]:
    """Every connected piece of every label, the least certain first: the mean of `uncertainty` (0 to 1) over it.

    `labels` and `uncertainty` are volumes `(I, J, K)` on one grid. The point is the piece's voxel of the highest
    uncertainty. Pieces smaller than `min_ml` are left out. Empty for an empty mask. Raises `InputError` for a map on
    another grid.
    """
    if not same_grid(labels, uncertainty):
        raise InputError(
            f"The map has the grid {uncertainty.shape} and the mask {labels.shape}. Choose the map of this mask."
        )
    array: NDArray[np.integer[Any]] = np.asarray(labels.array)
    found = []
    least = max(1, int(np.ceil(min_ml / labels.voxel_ml)))
    for label in table:
        for number, (block, mask) in enumerate(components(array, label.value, min_voxels=least), 1):
            values = np.where(mask, uncertainty.array[block], -1.0)
            peak = np.unravel_index(int(values.argmax()), mask.shape)
            index = [int(at) + part.start for at, part in zip(peak, block, strict=True)]
            r, a, s = (float(x) for x in labels.to_world(index))
            mean = float(values[mask].mean(dtype=float))
            ml = int(mask.sum()) * labels.voxel_ml
            found.append(Uncertain(label.value, label.name, number, ml, mean, (r, a, s)))
    return sorted(found, key=lambda one: -one.uncertainty)


def jump_to_uncertain(viewer: ViewerModel, labels: Labels, uncertainty: Image, *, rank: int = 0) -> Uncertain:
    """Fly to a piece of a mask, the least certain (`rank` 0) or one after it, and select its label.

    Past the last it starts again. Raises `InputError` when the mask is empty or the map lies elsewhere.
    """
    origin = origin_of(labels)
    table = origin.table if origin and origin.table else LabelTable()
    grid = volume_of(labels, viewer.layers)
    found = uncertain_lesions(grid, table, volume_of(uncertainty, viewer.layers))
    if not found:
        raise InputError(f"The mask {labels.name!r} is empty; there is nothing to fly to.")
    one = found[rank % len(found)]
    go_to(viewer, displayed_point(grid, one.point_mm))
    labels.selected_label = one.value
    return one


def uncertainty_layers(layers: Sequence[Layer]) -> list[Layer]:
    """The layers that show how sure a network was, visible ones first; empty when there is none."""
    found = [layer for layer in layers if (origin := origin_of(layer)) is not None and origin.role == "uncertainty"]
    return sorted(found, key=lambda layer: not layer.visible)


class UncertainTour:
    """Flies through the lesions of a mask, the least certain first, one at each `next`."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._rank = -1

    def restart(self) -> None:
        """Begin with the least certain lesion again."""
        self._rank = -1

    def next(self) -> str:
        """Fly to the next lesion, show the map, and say in a sentence where that is.

        The map is one of the run that the active layer comes from, else the first that is visible. Raises `InputError`
        without a map of uncertainty, or when its mask is empty or gone.
        """
        layers = self.viewer.layers
        active = layers.selection.active
        run = active.metadata.get(RUN) if active is not None else None
        maps = uncertainty_layers(layers)
        if not maps:
            raise InputError(
                "There is no map of uncertainty. Choose entropy or difference of mirror images, and run again."
            )
        chosen = next((layer for layer in maps if run and layer.metadata.get(RUN) == run), maps[0])
        self._rank += 1
        one = jump_to_uncertain(self.viewer, _mask_of(chosen, layers), chosen, rank=self._rank)
        chosen.visible = True
        return f"{one.name}, piece {one.number} ({one.volume_ml:.2f} ml): mean uncertainty {one.uncertainty:.2g}"


def _mask_of(overlay: Layer, layers: Sequence[Layer]) -> Labels:
    """The labels layer of the run that a map comes from."""
    run = overlay.metadata.get(RUN)
    for layer in layers:
        if layer._type_string == "labels" and run and layer.metadata.get(RUN) == run:
            return layer
    raise InputError(f"The mask of the map {overlay.name!r} is gone.")
