"""Which image a mask was made from, kept in the metadata of the mask: several images may lie on its grid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from monai_attn.napari.layers.volumes import Origin, origin_of

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["MADE_FROM", "image_key", "is_series_key", "made_from", "series_key"]

MADE_FROM = "monai_attn_made_from"
"""Key in a labels layer's metadata: the `image_key` of the image that the mask was made from, where it is known."""

SERIES = "series "
"""Begins the keys of DICOM series."""

SomeLayer = TypeVar("SomeLayer", bound="Layer")


def image_key(origin: Origin | None) -> str:
    """What names an image without telling its name: a hash of its DICOM series, else of its file; "" without a file.

    The same image has the same key each time that it is opened, wherever a DICOM series lies. A series that is known
    by its place in the folder alone ("#2") is named with the folder.
    """
    if origin is None or not origin.path:
        return ""
    place = str(Path(origin.path).resolve())
    if not origin.series:
        return f"file {_digest(place, origin.volume)}"
    if origin.series.startswith("#"):
        return f"{SERIES}{_digest(place, origin.series, origin.volume)}"
    return series_key(origin.series, origin.volume)


def series_key(series: str, volume: int | None = None) -> str:
    """The `image_key` of a DICOM series, by its Series Instance UID (0020,000E)."""
    return f"{SERIES}{_digest(series, volume)}"


def is_series_key(key: str) -> bool:
    """Whether a key is that of a DICOM series.

    >>> is_series_key(series_key("1.2.3")), is_series_key("")
    (True, False)
    """
    return key.startswith(SERIES)


def made_from(mask: Layer, images: Iterable[SomeLayer]) -> SomeLayer | None:
    """The image among layers that a mask was made from; None where that is not known or the image is not open."""
    key = mask.metadata.get(MADE_FROM)
    return next((image for image in images if key and image_key(origin_of(image)) == key), None)


def _digest(*parts: str | int | None) -> str:
    """16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
