"""Why and how sure: attention and uncertainty over the image, and the way to the lesion that is least certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError
from monai_attn.labels import LabelTable
from monai_attn.measure.components import components
from monai_attn.napari.layers.volumes import LayerTuple, displayed_point, go_to, image_layer, origin_of, volume_of
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume, same_grid

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer
    from napari.utils.colormaps import Colormap

__all__ = [
    "LEGENDS",
    "Uncertain",
    "jump_to_uncertain",
    "legend_of",
    "map_layers",
    "uncertain_lesions",
    "uncertainty_layers",
]

LEGENDS = {
    "attention": "0: this skip connection let nothing through, 1: everything. Where the network looked, not why it is "
    "right.",
    "entropy": "0: one class is certain, 1: all classes are equally likely.",
    "flip_variance": "0: mirror images give the same, 1: they contradict each other.",
    "probability": "The network's share for this structure, 0 to 1; not calibrated.",
}
"""What the values of a map mean, by the start of its name."""

LOOKS: Mapping[str, tuple[str, str]] = {
    "attention": ("inferno", "attention"),
    "entropy": ("magma", "uncertainty"),
    "flip_variance": ("viridis", "uncertainty"),
    "probability": ("gray", "probability"),
}
"""Colours and role of a map's layer, by the start of its name."""

OPACITY = 0.7

CLEAR_BELOW = 0.5
"""An overlay is clear where its map is 0, so that the image keeps its brightness, and fades in up to this value."""


@dataclass(frozen=True)
class Uncertain:
    """A lesion or a piece of a structure: its label, its number by size, its mean uncertainty, a point inside it."""

    value: int
    name: str
    number: int
    volume_ml: float
    uncertainty: float
    point_mm: tuple[float, float, float]


def legend_of(name: str) -> str:
    """What the values of a map mean, in a sentence. Raises `InputError` for a name that is no map's."""
    return LEGENDS[_kind(name)]


def map_layers(segmentation: Segmentation, *, name: str) -> list[LayerTuple]:
    """An overlay for each map of a segmentation, 0 to 1; only the first one is shown at once."""
    layers = []
    for number, (key, volume) in enumerate(segmentation.maps.items()):
        colours, role = LOOKS[_kind(key)]
        look: dict[str, Any] = {
            "colormap": clear_at_zero(colours),
            "opacity": OPACITY,
            "contrast_limits": (0.0, 1.0),
            "blending": "translucent_no_depth",
            "visible": number == 0,
        }
        layers.append(image_layer(volume, name=f"{name} {_title(key, segmentation.table)}", role=role, **look))
        layers[-1][1]["metadata"]["legend"] = legend_of(key)
    return layers


def clear_at_zero(name: str) -> Colormap:
    """A colour map of napari's that fades out towards 0."""
    from napari.utils.colormaps import Colormap, ensure_colormap

    share = np.linspace(0, 1, 256)
    colours = np.array(ensure_colormap(name).map(share), dtype=np.float32)
    colours[:, 3] = np.minimum(share / CLEAR_BELOW, 1)
    return Colormap(colours, name=f"{name}, clear at 0")


def uncertain_lesions(
    labels: Volume, table: LabelTable, uncertainty: Volume, *, min_ml: float = 0.0
) -> list[Uncertain]:
    """Every connected piece of every label, the least certain first: the mean of `uncertainty` (0 to 1) over it.

    The point is its voxel of the highest uncertainty. Raises `InputError` for a map on another grid.
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
    """The layers that show how sure a network was, visible ones first."""
    found = [layer for layer in layers if (origin := origin_of(layer)) is not None and origin.role == "uncertainty"]
    return sorted(found, key=lambda layer: not layer.visible)


def _kind(name: str) -> str:
    for kind in LOOKS:
        if name.startswith(kind):
            return kind
    raise InputError(f"Unknown map {name!r}. Known are {', '.join(LOOKS)}.")


def _title(key: str, table: LabelTable) -> str:
    """`attention_1` to "attention level 1", `probability_2` to the structure's name."""
    kind, number = _kind(key), key.rpartition("_")[2]
    if kind == "attention":
        return f"attention level {number}"
    if kind == "probability" and number.isdigit() and int(number) in {label.value for label in table}:
        return f"probability of {table[int(number)].name}"
    return key.replace("_", " ")
