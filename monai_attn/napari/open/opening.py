"""What the Open panel does: list, read, reslice, add to the viewer. Works without a Qt window.

Generators run in a worker of the panel: what they yield is shown, what they return is used. No voxel is changed here
but for reslicing.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cases.folders import image_files, subfolders
from monai_attn.cases.offers import Offer, offers_in
from monai_attn.errors import AttnError, Cancelled, FileError
from monai_attn.io.names import suffix_of
from monai_attn.napari.layers.apart import set_apart
from monai_attn.napari.layers.volumes import LayerTuple, origin_of
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.open.dicomseg import OpenImage
from monai_attn.napari.open.notes import layer_notes
from monai_attn.napari.open.reading import from_below, images_of, new_overlay_warnings, open_images, read_offers
from monai_attn.napari.open.reslice import resliced_layer
from monai_attn.napari.settings import PLUGIN

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = [
    "OFFER_COLUMNS",
    "add_layers",
    "next_beside",
    "patterns_of",
    "read_steps",
    "row_of",
    "scan_steps",
    "use_from_now_on",
]

OFFER_COLUMNS = ("Kind", "Name", "Voxels", "Spacing (mm)", "Notes")
"""Of the table of what can be opened; `row_of` gives its cells."""

DICOM_PATTERNS = ("*.dcm", "*.ima", "*.dicom")


def scan_steps(path: Path) -> Generator[str, None, tuple[list[Offer], str]]:
    """List what is at a path, for a worker: says what it does, and ends with the offers, or the reason for none.

    The reason is the text of the `AttnError` that was raised, "" when there are offers.
    """
    yield f"Looking through {path.name} ..."
    try:
        return offers_in(path), ""
    except AttnError as error:
        return [], str(error)


def read_steps(
    offers: Sequence[Offer], images: Sequence[OpenImage], *, reslice: bool
) -> Generator[str, None, tuple[list[LayerTuple], list[str]]]:
    """Read offers one by one, for a worker; ends with the layers, and a sentence for each that could not be read.

    Images come before structures, which are put on the grid of the first image that they fit. A PET comes after other
    images, so that it lies over the CT.

    `images` are those that are open already. With `reslice`, oblique layers are put on the patient's axes for display.
    A file that cannot be read leaves the others alone. Raises `Cancelled` when reading was cancelled.
    """
    layers: list[LayerTuple] = []
    failed: list[str] = []
    known = list(images)
    for place, offer in enumerate(from_below(offers), 1):
        yield f"Reading {place} of {len(offers)}: {offer.name}"
        try:
            read = read_offers([offer], known)
        except Cancelled:
            raise
        except AttnError as error:
            failed.append(f"{offer.name}: {error}")
            continue
        known += images_of(read)
        if reslice:
            yield f"Reslicing {offer.name}"
            read = [resliced_layer(layer) for layer in read]
        layers += read
    return layers, failed


def add_layers(viewer: ViewerModel, layers: Sequence[LayerTuple]) -> list[str]:
    """Add layers that were read to a viewer; gives sentences on them for the user.

    Adds the text of the canvas too, where it is missing. Masks that were resliced for display cannot be painted on. []
    when nothing needs to be said.
    """
    from napari.layers import Labels, Layer

    canvas_notes(viewer)
    sentences = [*layer_notes(layers), *new_overlay_warnings(open_images(viewer.layers), layers)]
    for layer in layers:
        added = viewer.add_layer(Layer.create(*layer))
        if isinstance(added, Labels):
            set_apart(added, viewer.layers)
            origin = origin_of(added)
            if origin is not None and origin.display_only:
                added.editable = False
    return sentences


def row_of(offer: Offer) -> tuple[str, ...]:
    """The cells of a table row, in the order of `OFFER_COLUMNS`.

    The last cell says why an offer cannot be opened, or what to know before it is opened.
    """
    return offer.kind, offer.name, offer.size, offer.spacing_mm, offer.problem or offer.warning


def next_beside(path: Path) -> Path | None:
    """The folder after a folder, or the image file after a file, in the same folder and in the order of their names.

    None for the last one, and where the folder cannot be read.
    """
    try:
        found = subfolders(path.parent) if path.is_dir() else image_files(path.parent)
    except FileError:
        return None
    return next((one for one in sorted(found) if one.name > path.name), None)


def patterns_of(path: Path) -> tuple[str, ...]:
    """The file names that "these files" stands for: those with the same ending, or folders and DICOM.

    A file without an ending is taken for DICOM.
    """
    suffix = suffix_of(path)
    if path.is_dir():
        return ("*/", *DICOM_PATTERNS)
    return (f"*{suffix}",) if suffix else DICOM_PATTERNS


def use_from_now_on(path: Path) -> tuple[str, ...]:
    """Have napari open files like this one with our reader without asking; gives the patterns of these files.

    The choice is napari's own setting of readers by pattern, and stays when napari is closed. Patterns of other files
    keep their reader.
    """
    from napari.settings import get_settings

    plugins = get_settings().plugins
    patterns = patterns_of(path)
    plugins.extension2reader = {**plugins.extension2reader, **dict.fromkeys(patterns, PLUGIN)}
    return patterns
