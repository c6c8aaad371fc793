"""Masks that lie over each other are told apart: each in colours of its own, and as outlines.

Two colours count as one where the eye hardly tells them apart: a colour difference CIEDE2000 (Sharma 2005) below
`APART`. So no red mask lies on another red mask, whatever the numbers of the colours are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.labels import LabelTable, default_colour
from monai_attn.napari.layers.styles import layer_table, recolour

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = ["colour_apart", "coloured_apart", "set_apart"]

OUTLINE_PX = 2
"""Voxels of an outline where voxels are fine."""

FINE_MM = 2.0
"""Above this voxel size an outline is one voxel wide, so that it does not fill the structure."""

APART = 20.0
"""The smallest difference (CIEDE2000) between colours of two masks."""

HOT = ("#ff0000", "#ffb000")
"""Red and orange of the hot colour map, in which a PET is drawn."""

CANDIDATES = 48
"""How many colours of our palette are tried; where all are near a used one, the farthest of them is taken."""


def set_apart(layer: Labels, others: Iterable[Layer]) -> None:
    """Draw a new mask as outlines, in colours that no other visible mask has; alone it stays as it is.

    `others` are the layers of the viewer. The masks that are there already become outlines too. Over a PET in hot
    colours a mask is an outline as well, and is not red.
    """
    known = list(others)
    masks = [other for other in known if other is not layer and _is_seen(other)]
    hot = HOT if any(_is_hot(other) for other in known) else ()
    if not masks and not hot:
        return
    used = [*(label.colour for mask in masks for label in layer_table(mask)), *hot]
    table = layer_table(layer)
    for label, new in zip(table, coloured_apart(table, used), strict=True):
        if new.colour != label.colour:
            recolour(layer, label.value, new.colour)
    for mask in (*masks, layer):
        mask.contour = mask.contour or (OUTLINE_PX if max(mask.scale[-3:]) <= FINE_MM else 1)


def coloured_apart(table: LabelTable, used: Iterable[str]) -> LabelTable:
    """A table whose colours differ from the used ones and from each other; colours that do already stay.

    >>> from monai_attn.labels import Label
    >>> table = LabelTable((Label(1, "tumour", "#e5484d"), Label(2, "vein", "#3d7ff2")))
    >>> [label.colour == other.colour for label, other in zip(table, coloured_apart(table, ["#ff0000"]))]
    [False, True]
    """
    taken = list(used)
    labels = []
    for label in table:
        near = bool(taken) and _difference(label.colour, taken) < APART
        own = [other.colour for other in table if other is not label]
        labels.append(replace(label, colour=colour_apart([*taken, *own])) if near else label)
        if near:
            taken.append(labels[-1].colour)
    return LabelTable(tuple(labels))


def colour_apart(used: Iterable[str]) -> str:
    """The first colour of our palette that is far from all used ones; the farthest where none is."""
    taken = list(used)
    colours = [default_colour(number) for number in range(1, CANDIDATES)]
    if not taken:
        return colours[0]
    differences = [_difference(colour, taken) for colour in colours]
    far = next((colour for colour, apart in zip(colours, differences, strict=True) if apart >= APART), None)
    return far or colours[int(np.argmax(differences))]


def _difference(colour: str, others: Iterable[str]) -> float:
    """The smallest colour difference (CIEDE2000) between a colour and others."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    one, rest = (rgb2lab(np.array([_rgb(text) for text in texts])) for texts in ([colour], list(others)))
    difference: Any = deltaE_ciede2000  # scikit-image has no types for it
    return float(difference(one, rest).min())


def _rgb(colour: str) -> list[float]:
    """Red, green and blue of `#rrggbb`, 0 to 1."""
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def _is_hot(layer: Layer) -> bool:
    """Whether a layer is an image in hot colours that is switched on."""
    return bool(layer._type_string == "image" and layer.visible and layer.colormap.name == "hot")


def _is_seen(layer: Layer) -> bool:
    """Whether a layer is a mask with named structures that is switched on."""
    return bool(layer._type_string == "labels" and layer.visible and layer_table(layer))
