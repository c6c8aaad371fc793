"""Which structures are seen on a canvas now, with the names and colours they have there.

The legend on the canvas and the strip beside screenshots name these structures. Nothing is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.labels import Label
from monai_attn.napari.layers.blocks import displayed_blocks
from monai_attn.napari.layers.styles import STYLES, layer_table, shown_values

if TYPE_CHECKING:
    from napari.components import Dims, ViewerModel
    from napari.layers import Labels

__all__ = ["labels_seen", "legend_of", "values_seen"]

COUNTED_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16))
"""Types whose values are few enough to count them all, which takes a tenth of the time of sorting a slice."""


def values_seen(layer: Labels, dims: Dims) -> frozenset[int]:
    """The labels in the slice that is shown; in 3-D all of the layer.

    Background (0) is left out. Empty where the slice misses the layer. Whether a structure is hidden by its style is
    not asked here.
    """
    data = np.asarray(layer.data)
    if dims.ndisplay == 3:
        return frozenset(displayed_blocks(data))
    index = np.round(layer.world_to_data(dims.point[-3:])).astype(int)
    axis = next(axis - dims.ndim + 3 for axis in dims.not_displayed if axis >= dims.ndim - 3)
    if not 0 <= index[axis] < data.shape[axis]:
        return frozenset()
    return frozenset(int(value) for value in _values(data.take(int(index[axis]), axis=axis)) if value)


def legend_of(layer: Labels, values: Iterable[int]) -> list[Label]:
    """Of these structures those that are shown, with the names and colours they have now.

    In the order of the table. Values that the table does not name are left out.
    """
    table = layer_table(layer)
    shown = set(shown_values(table, layer.metadata.get(STYLES, {})))
    return [label for label in table if label.value in shown & set(values)]


def labels_seen(viewer: ViewerModel) -> list[Label]:
    """The named structures that are on the canvas, those of the topmost layer first.

    Layers that are switched off are passed over. What two layers have with one name and colour is named once. One name
    in two colours gets the name of its layer behind it.
    """
    if viewer.dims.ndim < 3:
        return []
    layers = [one for one in reversed(viewer.layers) if one._type_string == "labels" and one.visible and one.ndim == 3]
    seen = [(label, layer) for layer in layers for label in legend_of(layer, values_seen(layer, viewer.dims))]
    once: dict[tuple[str, str], tuple[Label, Labels]] = {}
    for label, layer in seen:
        once.setdefault((label.name, label.colour), (label, layer))
    counts = Counter(name for name, _ in once)
    return [
        replace(label, name=f"{label.name} ({layer.name})") if counts[label.name] > 1 else label
        for label, layer in once.values()
    ]


def _values(slice_: NDArray[np.integer]) -> NDArray[np.integer]:
    """The values in a slice, each once, ascending."""
    return np.flatnonzero(np.bincount(slice_.ravel())) if slice_.dtype in COUNTED_TYPES else np.unique(slice_)
