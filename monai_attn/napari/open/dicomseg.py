"""DICOM SEG and RTSTRUCT to labels layers, on the grid of the image they belong to.

The reading itself is `monai_attn.io.read_masks`. Here only the image is chosen on whose grid the structures lie, and
overlapping structures are parted into layers. Nothing is registered between frames of reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from monai_attn.cases.offers import series_name
from monai_attn.errors import AttnError, FileError, GeometryError, LabelError
from monai_attn.io import Masks, Series, list_series, read_masks, stem
from monai_attn.io.dicomseg.described import described
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.made_from import MADE_FROM, series_key
from monai_attn.napari.layers.volumes import LayerTuple, labels_layer
from monai_attn.volume import Volume

__all__ = ["OpenImage", "structure_layers"]


class OpenImage(NamedTuple):
    """An image that structures may belong to: its name in the viewer, its grid, its DICOM series where it has one.

    `grid` is in RAS+ mm; `series` is the DICOM Series Instance UID (0020,000E), None for an image from another format.
    """

    name: str
    grid: Volume
    series: str | None = None


THRESHOLD = 0.5
"""From which fraction on a voxel of a fractional SEG is shown as inside; a note says so."""


def structure_layers(path: Path, images: Sequence[OpenImage] = (), *, name: str = "") -> list[LayerTuple]:
    """The structures of a file as labels layers: one, or one each where they overlap.

    The layers lie on the grid of the image that the file names as its own. Without that image they lie on the grid of
    the first image that they fit. Images are looked for among `images`, then in the file's folder and the folders
    within and beside it. A SEG that fits no image lies on its own grid. Raises `FileError`, or `InputError` for
    contours without an image.

    A fractional SEG (DICOM PS3.3 C.8.20.2) is shown where its fraction is at least `THRESHOLD`. `name` is that of the
    layer, else the names of the structures and of their image, such as "GTV on CT: chest". Notes for the user stand in
    `Origin.grid.notes`.
    """
    masks, image = _placed(path, images)
    series = image.series if image is not None else None
    made = {MADE_FROM: series_key(series)} if series and series in described(path).series else {}
    layers = _layers(path, masks, name, f" on {image.name}" if image is not None else "")
    for _, keywords, _ in layers:
        keywords["metadata"] |= made
    return layers


def _layers(path: Path, masks: Masks, name: str, where: str) -> list[LayerTuple]:
    """One layer of all structures, or one each where they overlap; `where` says which image they lie on."""
    threshold = THRESHOLD if masks.fractional else None
    notes = masks.notes
    if threshold is not None:
        notes += (f"The masks are fractional ({masks.fractional}); shown is what is at least {threshold:g}.",)
    try:
        whole = masks.label_map(threshold=threshold)
    except LabelError:
        notes += ("Structures overlap: each is a layer of its own.",)
        return [
            labels_layer(
                replace(masks.label_map(values=[label.value], threshold=threshold), notes=notes if not place else ()),
                name=f"{name}: {label.name}" if name else f"{label.name}{where}",
                table=LabelTable((label,)),
                path=str(path),
            )
            for place, label in enumerate(masks.table)
        ]
    name = name or f"{_few([label.name for label in masks.table]) or stem(path)}{where}"
    return [labels_layer(replace(whole, notes=notes), name=name, table=masks.table, path=str(path))]


def masks_on(path: Path, images: Sequence[OpenImage] = ()) -> Masks:
    """The structures on the grid of the image they name, else the first that they fit; else a SEG on its own.

    Contours need an image: without any, `GeometryError` says so. Where images were tried and none fits, it gives the
    reason of the first. A damaged file raises `FileError` or `InputError`: another image does not help there.
    """
    return _placed(path, images)[0]


def _placed(path: Path, images: Sequence[OpenImage]) -> tuple[Masks, OpenImage | None]:
    """What `masks_on` gives, and the image on whose grid the structures lie; None where they lie on none."""
    reason: AttnError | None = None
    for image in _candidates(path, images):
        try:
            return read_masks(path, like=image.grid), image
        except GeometryError as error:
            reason = reason or error
    try:
        return read_masks(path), None
    except GeometryError as error:  # contours
        if reason is not None:
            raise GeometryError(f"{reason} No image that is open, or lies beside {path.name}, fits.") from reason
        raise GeometryError(f"{error} Open that image first, then the contours.") from error


def _candidates(path: Path, images: Sequence[OpenImage]) -> Iterator[OpenImage]:
    """Images to try: those that the file names as its own first, those that are open before those beside it."""
    named = described(path).series
    yield from (image for image in images if image.series in named)
    found = [OpenImage(series_name(one), one.grid, one.uid) for one in _beside(path) if one.grid is not None]
    yield from (image for image in found if image.series in named)
    yield from (image for image in (*images, *found) if image.series not in named)


def _few(names: Sequence[str]) -> str:
    """Names for the name of a layer: all of up to three, else the first two and the number of the others."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _beside(path: Path) -> list[Series]:
    """The series in a file's folder, in the folders in it and in those beside it, no deeper; damaged ones left out.

    Folders that may not be read are left out too. [] where no series is found.
    """
    home = path.resolve().parent
    folders = [home]
    for place in (home, home.parent):
        with suppress(OSError):
            folders += sorted(one for one in place.iterdir() if one.is_dir() and one != home)
    found: list[Series] = []
    for folder in folders:
        with suppress(FileError, OSError):
            found += list_series(folder, recursive=False)
    return found
