"""Why and how sure: attention and uncertainty over the image, as layers with a legend.

A run makes such maps when their boxes are ticked in the panel. Attention gates: Oktay 2018. A map shows what the
network computed; it is no measure of whether the mask is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.errors import InputError
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import LayerTuple, image_layer
from monai_attn.segmentation import Segmentation

if TYPE_CHECKING:
    from napari.utils.colormaps import Colormap

__all__ = [
    "LEGENDS",
    "map_layers",
    "map_meaning",
]

LEGENDS = {
    "attention": "0: the network ignored this place at this level, 1: it used it fully. Where the network looked, "
    "not why it is right.",
    "entropy": "0: one class is certain, 1: all classes are equally likely.",
    "flip_variance": "0: the image and its mirror images give the same mask, 1: they contradict each other.",
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
"""Of an overlay where it is not clear: the image stays visible below."""

CLEAR_BELOW = 0.5
"""An overlay is clear where its map is 0, so that the image keeps its brightness, and fades in up to this value."""


def map_meaning(name: str) -> str:
    """What the values of a map mean, in a sentence. Raises `InputError` for a name that is no map's.

    >>> map_meaning("entropy")
    '0: one class is certain, 1: all classes are equally likely.'
    """
    return LEGENDS[_kind(name)]


def map_layers(segmentation: Segmentation, *, name: str) -> list[LayerTuple]:
    """An overlay for each map of a segmentation, 0 to 1; only the first one is shown at once.

    `name` is that of the run; each layer gets the map's title behind it. The legend stands in the layer's metadata.
    Empty for a segmentation without maps. Raises `InputError` for a map of unknown kind.
    """
    layers = []
    titles = _titles(segmentation.maps, segmentation.table)
    for number, (key, volume) in enumerate(segmentation.maps.items()):
        colours, role = LOOKS[_kind(key)]
        look: dict[str, Any] = {
            "colormap": clear_at_zero(colours),
            "opacity": OPACITY,
            "contrast_limits": (0.0, 1.0),
            "blending": "translucent_no_depth",
            "visible": number == 0,
        }
        layers.append(image_layer(volume, name=f"{name} {titles.get(key, key)}", role=role, **look))
        layers[-1][1]["metadata"]["legend"] = map_meaning(key)
    return layers


def clear_at_zero(name: str) -> Colormap:
    """A colour map of napari's that fades out towards 0, in 256 steps; `name` is one that napari knows."""
    from napari.utils.colormaps import Colormap, ensure_colormap

    share = np.linspace(0, 1, 256)
    colours = np.array(ensure_colormap(name).map(share), dtype=np.float32)
    colours[:, 3] = np.minimum(share / CLEAR_BELOW, 1)
    return Colormap(colours, name=f"{name}, clear at 0")


def _kind(name: str) -> str:
    """The key of `LOOKS` with which the name of a map begins."""
    for kind in LOOKS:
        if name.startswith(kind):
            return kind
    raise InputError(f"Unknown map {name!r}. Known are {', '.join(LOOKS)}.")


def _titles(keys: Iterable[str], table: LabelTable) -> dict[str, str]:
    """What each map is called: `attention_1` is "attention level 1", `probability_2` has the structure's name.

    A network of one class for each voxel has the background as its channel 0; one of regions has no background.

    >>> titles = _titles(["probability_0", "probability_1"], LabelTable.of_names({1: "liver"}))
    >>> titles["probability_0"], titles["probability_1"]
    ('probability of background', 'probability of liver')
    """
    channels = [key for key in keys if _kind(key) == "probability"]
    names = {label.value: label.name for label in table}
    if len(channels) == len(names) and "probability_0" in channels:
        names = dict(enumerate(names.values()))
    names = {0: "background", **names}
    titles = {"flip_variance": "difference of mirror images"}
    titles |= {key: f"attention level {key.rpartition('_')[2]}" for key in keys if _kind(key) == "attention"}
    for key in channels:
        number = int(key.rpartition("_")[2])
        titles[key] = f"probability of {names.get(number, f'channel {number}')}"
    return titles
