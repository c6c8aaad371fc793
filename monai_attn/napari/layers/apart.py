"""Masks that lie over each other are told apart: each in colours of its own, and as outlines."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING

from monai_attn.labels import default_colour
from monai_attn.napari.layers.styles import layer_table, recolour

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = ["set_apart"]

OUTLINE_PX = 2


def set_apart(layer: Labels, others: Iterable[Layer]) -> None:
    """Draw a new mask as outlines, in colours that no other visible mask has; alone it stays as it is.

    `others` are the layers of the viewer. The masks that are there already become outlines too.
    """
    masks = [
        other
        for other in others
        if other is not layer and other._type_string == "labels" and other.visible and layer_table(other)
    ]
    if not masks:
        return
    used = {label.colour.lower() for mask in masks for label in layer_table(mask)}
    for label in layer_table(layer):
        if label.colour.lower() in used:
            recolour(layer, label.value, _free(used | {one.colour.lower() for one in layer_table(layer)}))
    for mask in (*masks, layer):
        mask.contour = mask.contour or OUTLINE_PX


def _free(used: set[str]) -> str:
    """The first colour of our palette that is not used."""
    return next(colour for number in count(1) if (colour := default_colour(number)).lower() not in used)
