"""An offer, read, as napari layers.

The napari reader, the Open panel and `read_path` all come here, so that a file looks the same however it was opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from monai_attn.cases.kinds import is_label_map
from monai_attn.cases.offers import Offer
from monai_attn.io import read, read_series, stem
from monai_attn.napari.layers.provenance import PROVENANCE, marked
from monai_attn.napari.layers.volumes import META, LayerTuple, image_layer, labels_layer
from monai_attn.napari.look.looking import opening_window
from monai_attn.napari.open.dicomseg import OpenImage, structure_layers
from monai_attn.napari.open.records import record_beside
from monai_attn.volume import Volume

__all__ = ["SERIES_FILES", "layers_of", "shown_image"]

SERIES_FILES = "monai_attn files"
"""Key in the metadata of an image layer from DICOM: the files of its series."""


def layers_of(offer: Offer, images: Sequence[OpenImage] = ()) -> list[LayerTuple]:
    """Read an offer: napari layers with their notes in `Origin.grid.notes`. Structures are put on one of `images`.

    A series becomes an image layer in the window that is set for its kind. PET is drawn in a hot colour map, added to
    what lies below; `look.fusion` fades it.

    A mask in a file of volumes becomes a labels layer with the names and the provenance that stand beside it. Whether a
    file is a mask is decided by `cases.kinds.is_label_map`. Structures may give several layers.

    Raises `FileError` for damaged files, `GeometryError` for a grid that is refused, `LabelError` for labels that do
    not fit their table, and `InputError` for a wrong window in the preferences.
    """
    if offer.structures:
        return structure_layers(offer.path, images, name="" if offer.kind == "RTSTRUCT" else offer.name)
    if offer.series is not None:
        volume = read_series(offer.series, volume=offer.volume)
        return [shown_image(volume, offer)]
    volume = read(offer.path, volume=offer.volume)
    table, provenance = record_beside(offer.path)
    if is_label_map(volume, stem(offer.path), table=table):
        layer = labels_layer(
            volume, name=marked(offer.name, provenance.get("warnings")), table=table, path=str(offer.path)
        )
        layer[1]["metadata"][PROVENANCE] = provenance
        return [layer]
    return [shown_image(volume, offer)]


def shown_image(volume: Volume, offer: Offer) -> LayerTuple:
    """An image layer that remembers its series, its volume within the file, and the files of its series."""
    window = opening_window(volume)
    look: dict[str, Any] = {"colormap": "hot", "blending": "additive"} if volume.modality == "PT" else {}
    data, keywords, kind = image_layer(
        volume, name=offer.name, path=str(offer.path), contrast_limits=(window.lower, window.upper), **look
    )
    origin = keywords["metadata"][META]
    files = frozenset(str(frame.path) for frame in offer.series.frames) if offer.series is not None else frozenset()
    keywords["metadata"] = {META: replace(origin, series=offer.key, volume=offer.volume), SERIES_FILES: files}
    return data, keywords, kind
