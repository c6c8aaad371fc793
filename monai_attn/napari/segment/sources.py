"""Which layers can be segmented, and which of them is which image of a bundle.

For the lists of images in the panel "Segment". A likely choice is only a suggestion: the user sees and changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from monai_attn.bundle.describe import BundleDescription, describe_bundle
from monai_attn.errors import InputError
from monai_attn.napari.layers.volumes import origin_of, volume_of
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Image, Layer

__all__ = ["choose_images", "image_layers", "likely_bundle", "volumes_of"]


def image_layers(layers: Sequence[Layer]) -> list[Image]:
    """The layers that can be segmented: images in three axes whose place in the patient is known, as acquired.

    Left out are images resliced for display, maps of attention or uncertainty, and images that napari's own readers
    opened.
    """
    return [layer for layer in layers if layer._type_string == "image" and layer.ndim == 3 and _is_source(layer)]


def choose_images(bundle: BundleDescription, layers: Sequence[Image]) -> dict[str, Image]:
    """Which layer is likely which image of a bundle, by name of the slot: by modality, then by name, then in order.

    A layer is given once; a slot for which nothing fits is left out. A layer of another modality than the slot asks for
    is never chosen, while an unknown modality fits.
    """
    chosen: dict[str, Image] = {}
    for slot in bundle.images:
        free = [layer for layer in layers if layer not in chosen.values()]
        likely = sorted(free, key=lambda layer: _likelihood(slot.name, slot.modality, layer), reverse=True)
        if likely and _likelihood(slot.name, slot.modality, likely[0]) > 0:
            chosen[slot.name] = likely[0]
    return chosen


def likely_bundle(names: Sequence[str], layers: Sequence[Image], before: Sequence[Image], current: str) -> str:
    """That of the shipped bundles which takes most of the images; those of known modality count first.

    The `current` one stays where none takes the images. It stays too while it takes them, as long as one of the images
    `before` is open and no other image of known modality has come. A bundle that needs several images is left out while
    one is missing.
    """
    counts = {}
    for name in names:
        bundle = describe_bundle(name)
        chosen = choose_images(bundle, layers)
        if chosen and (bundle.optional or len(chosen) == len(bundle.images)):
            counts[name] = sum(bool(_modality(layer)) for layer in chosen.values()), len(chosen)
    goes_on = any(layer in before for layer in layers)
    if goes_on and current in counts and not any(_modality(layer) for layer in layers if layer not in before):
        return current
    return max(counts, key=lambda name: counts[name], default=current)


def volumes_of(chosen: Mapping[str, Image], layers: Sequence[Layer]) -> dict[str, Volume]:
    """The volumes `(I, J, K)` behind the chosen layers, by the bundle's names of its images.

    Raises `InputError` for a layer that is no longer one of `layers`, `GeometryError` for one without a place.
    """
    for layer in chosen.values():
        if layer not in layers:
            raise InputError(f"The layer {layer.name!r} is gone. Choose another.")
    return {slot: volume_of(layer, layers) for slot, layer in chosen.items()}


def _is_source(layer: Layer) -> bool:
    """Whether a layer is an image as it was acquired, and not made or resliced in napari."""
    origin = origin_of(layer)
    return origin is not None and origin.role in ("image", "reference") and not origin.display_only


def _modality(layer: Layer) -> str:
    """The modality of an image, also of one that was moved in napari; "" where it is not known."""
    origin = origin_of(layer)
    return origin.grid.modality if origin is not None else ""


def _likelihood(slot: str, modality: str, layer: Image) -> int:
    """3: modality and name; 2: modality; 1: nothing speaks against it; 0: another modality."""
    has = _modality(layer)
    if modality and has and modality != has:
        return 0
    return 1 + bool(modality and modality == has) + (slot.lower() in layer.name.lower())
