"""The reader that napari asks: files dropped on the window or opened from its menu."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from monai_attn.errors import AttnError, InputError
from monai_attn.io import is_dicom
from monai_attn.io.names import suffix_of
from monai_attn.io.reading import READERS
from monai_attn.napari._autosave import activate
from monai_attn.napari._dicomseg import OpenImage
from monai_attn.napari._layers import META, LayerTuple, origin_of
from monai_attn.napari._series import FILES, Offer, layers_of, notes_of, offers_in, overlay_warnings

__all__ = ["get_reader", "images_of", "new_overlay_warnings", "open_images", "read_offers", "read_path"]

LOOKED_AT = 64
"""A folder is ours when one of so many of its first files is; to look through all of a large one would take long."""

NOTHING: list[Any] = [(None,)]
"""What a reader gives napari when it was not at fault but has no layer to add."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[Any]] | None:
    """A function that reads the path or paths, or None when they are not ours; only first bytes are looked at."""
    paths = [path] if isinstance(path, str) else list(path)
    return _read if paths and all(_is_ours(Path(one)) for one in paths) else None


def read_path(path: str | Path, images: Sequence[OpenImage] = ()) -> list[LayerTuple]:
    """The layers of a file or folder, all that is ticked in the list of what it offers.

    `images`, by name, are open already: structures are put on their grids. Raises `AttnError`.
    """
    return read_offers(_chosen(offers_in(path), Path(path)), images)


def read_offers(offers: Sequence[Offer], images: Sequence[OpenImage] = ()) -> list[LayerTuple]:
    """The layers of several offers, images first, so that structures find the image they belong to."""
    known = list(images)
    layers: list[LayerTuple] = []
    for offer in sorted(offers, key=lambda offer: offer.structures):
        read = layers_of(offer, known)
        known += images_of(read)
        layers += read
    return layers


def images_of(layers: Sequence[LayerTuple]) -> list[OpenImage]:
    """The images among layers that were read."""
    found = [(keywords["name"], keywords["metadata"][META]) for _, keywords, kind in layers if kind == "image"]
    return [OpenImage(name, origin.grid, origin.series) for name, origin in found]


def _read(path: str | Sequence[str]) -> list[Any]:
    """What napari calls. In a window what went wrong is said in a notification, elsewhere raised."""
    from napari import current_viewer
    from napari.utils.notifications import show_error, show_warning

    viewer = current_viewer()
    paths = [Path(one) for one in ([path] if isinstance(path, str) else path)]
    try:
        offers = _offers(paths, viewer)
        if not offers:
            return NOTHING
        if viewer is not None and len(paths) == 1 and sum(offer.series is not None for offer in offers) > 1:
            from monai_attn.napari._open import show_chooser

            show_chooser(viewer, paths[0], offers)
            return NOTHING
        chosen = _chosen(offers, paths[0])
        images = [] if viewer is None else open_images(viewer.layers)
        layers = read_offers(chosen, images)
    except AttnError as error:
        if viewer is None:
            raise
        show_error(str(error))
        return NOTHING
    if viewer is not None:
        activate()
        for note in [*notes_of(layers), *new_overlay_warnings(images, layers)]:
            show_warning(note)
    return layers


def open_images(layers: Any) -> list[OpenImage]:
    """The images of ours in a list of layers; not those that are resliced for display."""
    found = [(layer.name, origin_of(layer)) for layer in layers if layer._type_string == "image"]
    origins = [(name, origin) for name, origin in found if origin is not None and not origin.display_only]
    return [OpenImage(name, origin.grid, origin.series) for name, origin in origins]


def new_overlay_warnings(images: Sequence[OpenImage], layers: Sequence[LayerTuple]) -> list[str]:
    """The warnings of `overlay_warnings` that come with the new layers."""
    new = [OpenImage(keywords["name"], keywords["metadata"][META].grid) for _, keywords, _ in layers]
    before = overlay_warnings(images)
    return [text for text in overlay_warnings([*images, *new]) if text not in before]


def _offers(paths: Sequence[Path], viewer: Any) -> list[Offer]:
    """What the paths offer; not the slices of a series again that is open, or offered by a path before.

    Slices dropped together come one by one, and each stands for its whole series.
    """
    layers = [] if viewer is None else viewer.layers
    covered = {file for layer in layers for file in layer.metadata.get(FILES, ())}
    offers: list[Offer] = []
    for path in paths:
        if str(path) in covered:
            continue
        found = offers_in(path)
        covered |= {str(frame.path) for offer in found if offer.series for frame in offer.series.frames}
        offers += found
    return offers


def _chosen(offers: Sequence[Offer], path: Path) -> list[Offer]:
    """The offers that are ticked. Raises `InputError` with the reason when none is."""
    chosen = [offer for offer in offers if offer.chosen]
    if not chosen:
        problem = offers[0].problem
        raise InputError(problem if path.name in problem else f"{path.name}: {problem}")
    return chosen


def _is_ours(path: Path) -> bool:
    if path.is_dir():
        files = (Path(root, name) for root, _, names in os.walk(path) for name in names)
        return any(_is_ours(file) for file in islice(files, LOOKED_AT))
    return path.is_file() and (suffix_of(path) in READERS or is_dicom(path))
