"""The reader that napari asks: files dropped on the window or opened from its menu.

napari asks `get_reader` for each path, by the patterns of the manifest. The panel "Open" does not come here: it lists
first. Reading itself is `open.reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from monai_attn.cases.folders import entries, walk
from monai_attn.cases.offers import Offer, offers_in
from monai_attn.errors import AttnError, FileError
from monai_attn.io import is_dicom
from monai_attn.io.names import suffix_of
from monai_attn.io.reading import READERS
from monai_attn.napari.open.activate import activate
from monai_attn.napari.open.making import SERIES_FILES
from monai_attn.napari.open.notes import layer_notes
from monai_attn.napari.open.reading import chosen_of, new_overlay_warnings, open_images, read_offers

__all__ = ["get_reader"]

LOOKED_AT = 64
"""A folder is ours when one of so many of its first files is; to look through all of a large one would take long."""

NO_LAYERS: list[Any] = [(None,)]
"""What a reader gives napari when it was not at fault but has no layer to add."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[Any]] | None:
    """A function that reads the path or paths, or None when they are not ours; only first bytes are looked at.

    A folder is ours when one of its first `LOOKED_AT` files is. Several paths must all be ours. The function that is
    given back returns layer data as napari's readers do; in a window it shows errors and warnings as notifications.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return _read if paths and all(_is_ours(Path(one)) for one in paths) else None


def _read(path: str | Sequence[str]) -> list[Any]:
    """What napari calls. In a window what went wrong is said in a notification, elsewhere raised.

    What holds several series, or more volumes than are opened at once, opens the Open panel and gives no layer.
    """
    from napari import current_viewer
    from napari.utils.notifications import show_error, show_warning

    viewer = current_viewer()
    paths = [Path(one) for one in ([path] if isinstance(path, str) else path)]
    try:
        offers = _offers(paths, viewer)
        if not offers:
            return NO_LAYERS
        if viewer is not None and len(paths) == 1 and _is_choice(offers):
            from monai_attn.napari.open.panel import show_chooser  # Qt, which a reader without a window does without

            show_chooser(viewer, paths[0], offers)
            return NO_LAYERS
        chosen = chosen_of(offers, paths[0])
        images = [] if viewer is None else open_images(viewer.layers)
        layers = read_offers(chosen, images)
    except AttnError as error:
        if viewer is None:
            raise
        show_error(str(error))
        return NO_LAYERS
    if viewer is not None:
        activate()
        for note in [*layer_notes(layers), *new_overlay_warnings(images, layers)]:
            show_warning(note)
    return layers


def _is_choice(offers: Sequence[Offer]) -> bool:
    """Whether the user has to choose: several series, or volumes of one file that are too many to be opened at once."""
    left = [offer for offer in offers if offer.volume is not None and not offer.chosen and not offer.problem]
    return sum(offer.series is not None for offer in offers) > 1 or bool(left)


def _offers(paths: Sequence[Path], viewer: Any) -> list[Offer]:
    """What the paths offer; not the slices of a series again that is open, or offered by a path before.

    Slices dropped together come one by one, and each stands for its whole series.
    """
    layers = [] if viewer is None else viewer.layers
    covered = {file for layer in layers for file in layer.metadata.get(SERIES_FILES, ())}
    offers: list[Offer] = []
    for path in paths:
        if str(path) in covered:
            continue
        found = offers_in(path)
        covered |= {str(frame.path) for offer in found if offer.series for frame in offer.series.frames}
        offers += found
    return offers


def _is_ours(path: Path) -> bool:
    """Whether a file has an ending that we read or is DICOM, or a folder holds such a file among its first."""
    if path.is_dir():
        files = (file for place in walk(path) for file in entries(place) if not file.is_dir())
        try:
            return any(_is_ours(file) for file in islice(files, LOOKED_AT))
        except FileError:  # a folder that may not be read: the reader says so
            return True
    return path.is_file() and (suffix_of(path) in READERS or is_dicom(path))
