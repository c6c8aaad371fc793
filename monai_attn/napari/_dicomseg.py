"""DICOM SEG and RTSTRUCT to labels layers, on the grid of the image they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from monai_attn.errors import AttnError, GeometryError, InputError, LabelError
from monai_attn.io import Masks, list_series, read_masks, stem
from monai_attn.io.dicom.files import read_header, text
from monai_attn.labels import LabelTable
from monai_attn.napari._layers import LayerTuple, labels_layer
from monai_attn.volume import Volume

__all__ = ["masks_on", "structure_layers", "title_of"]

THRESHOLD = 0.5
"""From which fraction on a voxel of a fractional SEG is shown as inside; a note says so."""


def structure_layers(path: Path, images: Iterable[Volume] = (), *, name: str = "") -> list[LayerTuple]:
    """The structures of a file as labels layers: one, or one each where they overlap.

    They lie on the grid of the first of `images` that they fit, else of an image in the same folder or the one above;
    a SEG that fits none on its own. Raises `FileError`, or `InputError` for contours without an image.
    """
    masks = masks_on(path, images)
    threshold = THRESHOLD if masks.fractional else None
    notes = masks.notes
    if threshold is not None:
        notes += (f"The masks are fractional ({masks.fractional}); shown is what is at least {threshold:g}.",)
    name = name or stem(path)
    try:
        whole = masks.label_map(threshold=threshold)
    except LabelError:
        notes += ("Structures overlap: each is a layer of its own.",)
        return [
            labels_layer(
                replace(masks.label_map(values=[label.value], threshold=threshold), notes=notes if not place else ()),
                name=f"{name}: {label.name}",
                table=LabelTable((label,)),
                path=str(path),
            )
            for place, label in enumerate(masks.table)
        ]
    return [labels_layer(replace(whole, notes=notes), name=name, table=masks.table, path=str(path))]


def title_of(path: Path) -> tuple[str, str]:
    """Modality, "SEG" or "RTSTRUCT", and what the file is called in its header; the last is "" where it has no name."""
    header = read_header(path)
    modality = text(header, "Modality")
    return modality, text(header, "StructureSetLabel") or text(header, "SeriesDescription")


def masks_on(path: Path, images: Iterable[Volume] = ()) -> Masks:
    """The structures on the first grid that they fit; a SEG that fits none on its own grid."""
    reason: AttnError | None = None
    for image in _candidates(path, images):
        try:
            return read_masks(path, like=image)
        except GeometryError as error:
            reason = reason or error
    try:
        return read_masks(path)
    except InputError as error:  # contours
        if reason is not None:
            raise GeometryError(f"{reason} No image that is open, or lies beside {path.name}, fits.") from reason
        raise InputError(f"{error} Open that image first, then the contours.") from error


def _candidates(path: Path, images: Iterable[Volume]) -> Iterator[Volume]:
    yield from images
    for folder in (path.parent, path.parent.parent):
        yield from (series.grid for series in list_series(folder) if series.grid is not None)
