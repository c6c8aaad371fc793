"""Offers into layers: images first, then the structures that lie on their grids.

What napari's reader, the Open panel and scripts have in common. Which of the offers are read is chosen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_attn.cases.offers import Offer, offers_in
from monai_attn.errors import InputError
from monai_attn.napari.layers.volumes import META, LayerTuple, origin_of
from monai_attn.napari.open.dicomseg import OpenImage
from monai_attn.napari.open.making import layers_of
from monai_attn.napari.open.notes import overlay_warnings

__all__ = ["chosen_of", "from_below", "images_of", "new_overlay_warnings", "open_images", "read_offers", "read_path"]


def read_path(path: str | Path, images: Sequence[OpenImage] = ()) -> list[LayerTuple]:
    """The layers of a file or folder, all that is ticked in the list of what it offers.

    `images`, by name, are open already: structures are put on their grids. Raises `AttnError`.

    A DICOM folder gives a layer per series, a file of several volumes one per volume that is ticked.
    """
    return read_offers(chosen_of(offers_in(path), Path(path)), images)


def read_offers(offers: Sequence[Offer], images: Sequence[OpenImage] = ()) -> list[LayerTuple]:
    """The layers of several offers, images first, so that structures find the image they belong to.

    The order of the layers is the order of the offers, but for PET and structures: see `from_below`. Raises the
    `AttnError` of the first offer that cannot be read.
    """
    known = list(images)
    layers: list[LayerTuple] = []
    for offer in from_below(offers):
        read = layers_of(offer, known)
        known += images_of(read)
        layers += read
    return layers


def from_below(offers: Sequence[Offer]) -> list[Offer]:
    """Offers in the order in which their layers lie over each other: images, PET over them, structures on top."""
    return sorted(offers, key=lambda offer: (offer.structures, offer.kind == "PT"))


def images_of(layers: Sequence[LayerTuple]) -> list[OpenImage]:
    """The images among layers that were read.

    Labels layers are left out; [] when there is no image.
    """
    found = [(keywords["name"], keywords["metadata"][META]) for _, keywords, kind in layers if kind == "image"]
    return [OpenImage(name, origin.grid, origin.series) for name, origin in found]


def open_images(layers: Any) -> list[OpenImage]:
    """The images of ours in a list of layers; not those that are resliced for display.

    `layers` are those of a viewer. Images of other plugins are left out, for their place in the patient is not known.
    """
    found = [(layer.name, origin_of(layer)) for layer in layers if layer._type_string == "image"]
    origins = [(name, origin) for name, origin in found if origin is not None and not origin.display_only]
    return [OpenImage(name, origin.grid, origin.series) for name, origin in origins]


def new_overlay_warnings(images: Sequence[OpenImage], layers: Sequence[LayerTuple]) -> list[str]:
    """The warnings of `overlay_warnings` that come with the new layers.

    What was true of the open images before is not said again. Labels count too, for they must lie over their image.
    """
    new = [OpenImage(keywords["name"], keywords["metadata"][META].grid) for _, keywords, _ in layers]
    before = overlay_warnings(images)
    return [text for text in overlay_warnings([*images, *new]) if text not in before]


def chosen_of(offers: Sequence[Offer], path: Path) -> list[Offer]:
    """The offers that are ticked. Raises `InputError` with the reason when none is.

    `path` gives the name that the error begins with, where the reason does not name it. The order of the offers is
    kept.
    """
    chosen = [offer for offer in offers if offer.chosen]
    if not chosen:
        problem = offers[0].problem
        raise InputError(problem if path.name in problem else f"{path.name}: {problem}")
    return chosen
