"""What a file or folder offers: images, series and structures, each of which can be opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monai_attn.cases.folders import image_files, walk
from monai_attn.cases.images import choice_of
from monai_attn.cases.kinds import named_as_labels
from monai_attn.errors import AttnError, FileError
from monai_attn.io import Series, count_volumes, holds_structures, is_dicom, list_series, series_of_file, stem
from monai_attn.io.dicom.files import dicom_files, text
from monai_attn.io.dicom.headers import read_header
from monai_attn.io.names import VOLUME_SUFFIXES, named_path, suffix_of

__all__ = ["Offer", "offers_in", "series_name"]

UPRIGHT_DEG = 0.5
"""From this angle on a user is told that an oblique grid is drawn upright."""

SEVERAL = 4
"""Up to so many volumes of one file or series are all offered to be opened; of more only the first is chosen."""


NAMED = 3
"""How many structures of an RTSTRUCT stand in the name of its offer."""


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
    path = named_path(path)
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


def _in_folder(folder: Path) -> list[Offer]:
    series = list_series(folder)
    used = {frame.path for one in series for frame in one.frames}
    masks = [path for path in dicom_files(folder) if path not in used and holds_structures(path)]
    volumes = [path for place in walk(folder) for path in image_files(place)]
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
    name = series_name(series)
    size = " x ".join(str(n) for n in series.shape)
    spacing = " x ".join(f"{edge:.3g}" for edge in series.spacing_mm)
    offer = Offer(path, name, series.modality or "DICOM", size, spacing, problem=series.problem, series=series)
    offer = replace(offer, key=choice_of(series, found), chosen=not series.problem, warning=_warning(series))
    if series.volumes == 1 or series.problem:
        yield offer
        return
    yield from _volumes(offer, series.volumes)


def series_name(series: Series) -> str:
    """What a series is called for a person: its modality and description, else its number."""
    return ": ".join(filter(None, (series.modality, series.description))) or f"series {series.number or series.key}"


def _warning(series: Series) -> str:
    if series.grid is None:
        return ""
    angle = series.grid.oblique_deg
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
    modality, title = _title_of(path)
    where = "" if folder in (None, path.parent) else f"in {path.parent.relative_to(folder or path.parent)}"
    return Offer(path, title or stem(path), modality, warning=where, structures=True)


def _title_of(path: Path) -> tuple[str, str]:
    """Modality, "SEG" or "RTSTRUCT", and what the file is called in its header; the last is "" where it has no name.

    An RTSTRUCT, whose name is often "RTstruct", is called after its structures too.
    """
    header = read_header(path)
    modality = text(header, "Modality")
    title = text(header, "StructureSetLabel") or text(header, "SeriesDescription")
    regions = [text(item, "ROIName") for item in (header.get("StructureSetROISequence") if header else None) or ()]
    names = ", ".join(name for name in regions[:NAMED] if name) + (" ..." if len(regions) > NAMED else "")
    return modality, ": ".join(filter(None, (title, names)))
