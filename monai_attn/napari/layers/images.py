"""Which image is meant where the user has chosen none: one rule for all panels. No Qt, no window.

Maps of a network or of errors may lie on the grid of a mask too. They are offered after the images, and only the user
chooses them: nobody wants the entropy measured, or saved in the place of the CT.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from monai_attn.napari.layers.volumes import origin_of

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["by_preference", "is_map", "suggested"]

SomeLayer = TypeVar("SomeLayer", bound="Layer")


def is_map(layer: Layer) -> bool:
    """Whether a layer shows a map of a network or of errors, rather than an image or structures."""
    origin = origin_of(layer)
    return origin is not None and origin.role not in ("image", "labels", "reference")


def by_preference(layers: Iterable[SomeLayer]) -> list[SomeLayer]:
    """Images in the order in which they are offered: the topmost visible one first, then the hidden ones, then maps.

    Images that monai-attn did not open, or that were resliced for display, come after those as they were read. `layers`
    stand in the order of the viewer, the lowest first.
    """
    from_above = list(layers)[::-1]
    return sorted(from_above, key=lambda layer: (is_map(layer), not _as_read(layer), not layer.visible))


def suggested(offered: Iterable[SomeLayer]) -> SomeLayer | None:
    """The image that is chosen until the user chooses: the first that is no map; None where there is none."""
    return next((layer for layer in offered if not is_map(layer)), None)


def _as_read(layer: Layer) -> bool:
    """Whether a layer holds the voxels of a file, in their own places."""
    origin = origin_of(layer)
    return origin is not None and not origin.display_only
