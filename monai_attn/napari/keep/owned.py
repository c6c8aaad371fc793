"""Which labels layers are masks of the user's, and which images such a mask belongs to. No Qt, no window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from monai_attn.napari.keep.rescue import source_key
from monai_attn.napari.layers.made_from import MADE_FROM, image_key
from monai_attn.napari.layers.volumes import META, origin_of
from monai_attn.volume import Volume, same_grid

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = ["is_of_the_user", "make_paintable", "sources_of"]


def is_of_the_user(layer: Labels) -> bool:
    """Whether a layer is a mask to keep: no map of a network, no reference, and not resliced for display."""
    origin = origin_of(layer)
    return origin is None or (origin.role == "labels" and not origin.display_only)


def make_paintable(layer: Labels) -> None:
    """Make a mask of what napari's "Convert to Labels" made of an image: with voxels of its own, to be painted on.

    napari hands on the description of the image, and the image's own voxels where they are whole numbers. Other layers
    stay as they are.
    """
    origin = origin_of(layer)
    if origin is None or origin.role != "image" or origin.display_only:
        return
    layer.metadata = {**layer.metadata, META: replace(origin, role="labels"), MADE_FROM: image_key(origin)}
    if np.may_share_memory(layer.data, origin.grid.array):
        layer.data = layer.data.copy()


def sources_of(grid: Volume, layers: Iterable[Layer]) -> frozenset[str]:
    """The keys of the files whose grid a mask lies on; of the grid alone when there is none."""
    origins = [origin for origin in map(origin_of, layers) if origin is not None and same_grid(origin.grid, grid)]
    keys = {source_key(origin.path, origin.grid) for origin in origins if origin.path is not None}
    return frozenset(keys or {source_key(None, grid)})
