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
    """Images in the order in which they are offered: images before maps, and of both the topmost first.

    `layers` stand in the order of the viewer, the lowest first.
    """
    from_above = list(layers)[::-1]
    return sorted(from_above, key=is_map)


def suggested(offered: Iterable[SomeLayer]) -> SomeLayer | None:
    """The image that is chosen until the user chooses: the first that is no map; None where there is none."""
    return next((layer for layer in offered if not is_map(layer)), None)
