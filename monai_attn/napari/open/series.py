"""What a file or folder offers: images, series and structures, each of which can be opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_attn.errors import AttnError, FileError
from monai_attn.io import (
    Series,
    count_volumes,
    holds_structures,
    is_dicom,
    list_series,
    read,
    read_series,
    series_of_file,
    stem,
)
from monai_attn.io.dicom.files import dicom_files
from monai_attn.io.names import VOLUME_SUFFIXES, suffix_of
from monai_attn.napari.layers.provenance import PROVENANCE
from monai_attn.napari.layers.volumes import (
    META,
    LayerTuple,
    Origin,
    compatible,
    image_layer,
    labels_layer,
    oblique_degrees,
)
from monai_attn.napari.look.looking import opening_window
from monai_attn.napari.open.dicomseg import OpenImage, structure_layers, title_of
from monai_attn.napari.open.kinds import is_label_map, named_as_labels, record_beside
from monai_attn.volume import Volume

__all__ = ["FILES", "Offer", "layers_of", "notes_of", "offers_in", "overlay_warnings"]

FILES = "monai_attn files"
"""Key in the metadata of an image layer from DICOM: the files of its series."""

UPRIGHT_DEG = 0.5
"""From this angle on a user is told that an oblique grid is drawn upright."""

SEVERAL = 4
"""Up to so many volumes of one file or series are all offered to be opened; of more only the first is chosen."""


@dataclass(frozen=True)
class Offer:
    """One thing that can be opened: an image series, a volume of a file, or a file of structures.

    `size` and `spacing_mm` are texts for a table, empty where only reading would tell. `warning` is what the user
    should know beforehand. With a `problem` it cannot be opened. `chosen` is what is ticked to begin with.
    `key` and `volume` choose it within `path`, as for `monai_attn.io.read`.
    """

    path: Path
    name: str
    kind: str
    size: str = ""
    spacing_mm: str = ""
    warning: str = ""
    problem: str = ""
    chosen: bool = True
    series: Series | None = None
    key: str | None = None
    volume: int | None = None
    structures: bool = False


def offers_in(path: str | Path) -> list[Offer]:
    """All that can be opened at a path: a file, or a folder with its DICOM series, structures and image files.

    Images come before structures. Raises `FileError` when there is nothing, or the file is of no known kind.
    """
    path = Path(path)
    if not path.exists():
        raise FileError(f"{path.name} does not exist. Check the path.")
    if path.is_dir():
        found = _in_folder(path)
        if not found:
            raise FileError(f"{path.name} holds no DICOM images and no {', '.join(VOLUME_SUFFIXES)}.")
        return found
    if holds_structures(path):
        return [_structures(path)]
    if is_dicom(path):
        return _in_dicom_file(path)
    count_volumes(path)  # raises for a file that is no image
    return _in_volume_file(path)


def layers_of(offer: Offer, images: Sequence[OpenImage] = ()) -> list[LayerTuple]:
    """Read an offer: napari layers with their notes in `Origin.grid.notes`. Structures are put on one of `images`."""
    if offer.structures:
        return structure_layers(offer.path, images, name=offer.name)
    if offer.series is not None:
        volume = read_series(offer.series, volume=offer.volume)
        return [_image(volume, offer)]
    volume = read(offer.path, volume=offer.volume)
    table, provenance = record_beside(offer.path)
    if is_label_map(volume, stem(offer.path), table=table):
        layer = labels_layer(volume, name=offer.name, table=table, path=str(offer.path))
        layer[1]["metadata"][PROVENANCE] = provenance
        return [layer]
    return [_image(volume, offer)]


def notes_of(layers: Sequence[LayerTuple]) -> list[str]:
    """What the reader had to decide, a sentence or more for each layer that has any, with its name before it."""
    found = []
    for _, keywords, _ in layers:
        origin: Origin = keywords["metadata"][META]
        notes = list(origin.grid.notes)
        angle = oblique_degrees(origin.grid)
        if angle >= UPRIGHT_DEG and not origin.display_only:
            notes.append(f"Oblique by {angle:.1f} degrees: drawn upright, in the planes of the scan.")
        if notes:
            found.append(f"{keywords['name']}: {' '.join(notes)}")
    return found


def overlay_warnings(images: Sequence[OpenImage]) -> list[str]:
    """What keeps layers from lying over each other correctly in one view."""
    found = []
    for place, (name, grid, _) in enumerate(images):
        for other_name, other, _ in images[:place]:
            known = grid.frame_of_reference, other.frame_of_reference
            if all(known) and known[0] != known[1]:
                found.append(
                    f"{name} and {other_name} have different frames of reference: equal coordinates may be different "
                    "places in the patient. Register them before comparing."
                )
            elif not compatible(grid, other):
                found.append(
                    f"{name} and {other_name} were scanned at different angles: they do not lie over each other in "
                    "2-D. Open the oblique one resliced to the patient's axes to compare."
                )
            else:
                continue
            break
    return found


def _image(volume: Volume, offer: Offer) -> LayerTuple:
    window = opening_window(volume)
    look: dict[str, Any] = {"colormap": "inferno", "blending": "additive"} if volume.modality == "PT" else {}
    data, keywords, kind = image_layer(
        volume, name=offer.name, path=str(offer.path), contrast_limits=(window.lower, window.upper), **look
    )
    origin = keywords["metadata"][META]
    files = frozenset(str(frame.path) for frame in offer.series.frames) if offer.series is not None else frozenset()
    keywords["metadata"] = {META: replace(origin, series=offer.key, volume=offer.volume), FILES: files}
    return data, keywords, kind


def _in_folder(folder: Path) -> list[Offer]:
    series = list_series(folder)
    used = {frame.path for one in series for frame in one.frames}
    masks = [path for path in dicom_files(folder) if path not in used and holds_structures(path)]
    files = [Path(root, name) for root, _, names in os.walk(folder) for name in sorted(names)]
    volumes = [path for path in files if suffix_of(path) in VOLUME_SUFFIXES]
    offers = [offer for one in series for offer in _of_series(folder, one, series)]
    offers += [offer for path in volumes for offer in _in_volume_file(path)]
    return sorted(offers, key=lambda offer: named_as_labels(offer.name)) + [_structures(path, folder) for path in masks]


def _in_dicom_file(path: Path) -> list[Offer]:
    found = series_of_file(path)
    if found:
        return [offer for one in found for offer in _of_series(path, one, found)]
    if path.name.upper() == "DICOMDIR":  # a table of contents stands for its folder
        return _in_folder(path.parent)
    raise FileError(f"{path.name} holds no DICOM image. Choose the folder with the slices.")


def _of_series(path: Path, series: Series, found: Sequence[Series]) -> Iterator[Offer]:
    name = ": ".join(filter(None, (series.modality, series.description))) or f"series {series.number or series.key}"
    size = " x ".join(str(n) for n in series.shape)
    spacing = " x ".join(f"{edge:.3g}" for edge in series.spacing_mm)
    offer = Offer(path, name, series.modality or "DICOM", size, spacing, problem=series.problem, series=series)
    alone = sum(one.uid == series.uid for one in found) == 1  # a UID may have several orientations
    key = series.uid if alone else series.key
    offer = replace(offer, key=key, chosen=not series.problem, warning=_warning(series))
    if series.volumes == 1 or series.problem:
        yield offer
        return
    yield from _volumes(offer, series.volumes)


def _warning(series: Series) -> str:
    if series.grid is None:
        return ""
    angle = oblique_degrees(series.grid)
    oblique = (f"Oblique by {angle:.1f} degrees.",) if angle >= UPRIGHT_DEG else ()
    return " ".join((*series.grid.notes, *oblique))


def _in_volume_file(path: Path) -> list[Offer]:
    kind = suffix_of(path).removeprefix(".")
    offer = Offer(path, stem(path), "labels" if named_as_labels(stem(path)) else kind)
    try:
        count = count_volumes(path)
    except AttnError as error:
        return [replace(offer, problem=str(error), chosen=False)]
    return [offer] if count == 1 else list(_volumes(offer, count))


def _volumes(offer: Offer, count: int) -> Iterator[Offer]:
    """One offer for each of several volumes at the same place; all are chosen when they are few."""
    for volume in range(count):
        warning = "" if count <= SEVERAL else f"volume {volume} of {count}; the first is ticked"
        few = count <= SEVERAL or volume == 0
        yield replace(offer, name=f"{offer.name} [{volume}]", volume=volume, warning=warning, chosen=few)


def _structures(path: Path, folder: Path | None = None) -> Offer:
    modality, title = title_of(path)
    where = "" if folder in (None, path.parent) else f"in {path.parent.relative_to(folder or path.parent)}"
    return Offer(path, title or stem(path), modality, warning=where, structures=True)
