"""Maps of a network over the image: one is seen at a time, with a bar of its colours.

A map is a layer of ours whose metadata say what its values mean (`map_meaning` in the room `segment`). Two maps over
each other cannot be read, because their colours mix. What the values mean stands beside the bar (`map_text`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.volumes import origin_of

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["MEANING", "OneMap", "is_map", "map_text"]

MEANING = "legend"
"""Key in the metadata of a map's layer: what its values mean, in a sentence."""


LETTERS = 52
"""The most letters of a line of the meaning on the canvas."""


def is_map(layer: Layer) -> bool:
    """Whether a layer shows a map of a network, such as attention or entropy."""
    return bool(layer._type_string == "image" and layer.metadata.get(MEANING)) and origin_of(layer) is not None


def map_text(layers: Sequence[Layer]) -> str:
    """What the topmost visible map of a network means, for the canvas; "" where no map is seen."""
    for layer in reversed(layers):
        meaning = layer.metadata.get(MEANING)
        if layer.visible and meaning and origin_of(layer) is not None:
            return "\n".join([str(layer.name)[-LETTERS:], *textwrap.wrap(str(meaning), LETTERS)])
    return ""


class OneMap:
    """Hides the other maps of a viewer when one is shown, and gives each map its colour bar, until `close`."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers, self._links = layers, Links()

    def watch(self, layer: Layer) -> None:
        """Follow a layer that has been added; a layer that is no map is left alone."""
        if is_map(layer):
            layer.colorbar.visible = True
            layer.colorbar.box = True
            layer.colorbar.position = "bottom_right"  # above the scale bar; our texts stand in the other corners
            self._links.follow(self._shown, layer.events.visible)
            self._alone(layer)

    def close(self) -> None:
        """Stop following the layers."""
        self._links.close()

    def _shown(self, event: Any) -> None:
        self._alone(event.source)

    def _alone(self, layer: Layer) -> None:
        """Hide all maps but this one, where this one is seen."""
        for other in self._layers if layer.visible else ():
            if other is not layer and other.visible and is_map(other):
                other.visible = False
