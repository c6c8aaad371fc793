"""What a bundle asks for, and which file or series of a case that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_attn.errors import InputError
from monai_attn.io import Series, list_series, stem
from monai_attn.io.names import VOLUME_SUFFIXES, suffix_of

__all__ = ["ImageFile", "ImageInput", "find_images", "image_inputs"]

MODALITIES = {"MR": "MR", "MRI": "MR", "CT": "CT", "PT": "PT", "PET": "PT"}
"""What the metadata of bundles call a modality, and DICOM's code for it."""


@dataclass(frozen=True)
class ImageInput:
    """One image that a bundle takes: the name of it, DICOM's code of its modality ("" where the metadata do not say),
    words for a person, and a part of the series description that tells it from others of its modality."""

    name: str
    modality: str = ""
    description: str = ""
    series: str = ""


@dataclass(frozen=True)
class ImageFile:
    """Where an image is: a file or DICOM folder, and which series of it."""

    path: Path
    series: str | None = None


def image_inputs(metadata: Mapping[str, Any], names: Sequence[str]) -> tuple[ImageInput, ...]:
    """The images that a bundle's first transform loads, as its metadata describe them; the reference image first.

    Several are described under our own key `images`; one under `network_data_format`, as in every MONAI bundle.
    """
    said = {str(row.get("name")): row for row in metadata.get("images", [])}
    if len(names) == 1 and not said:
        image = metadata.get("network_data_format", {}).get("inputs", {}).get("image", {})
        said = {names[0]: {"modality": image.get("modality", "")}}
    rows = [(name, said.get(name, {})) for name in names]
    return tuple(
        ImageInput(
            name,
            MODALITIES.get(str(row.get("modality", "")).upper(), ""),
            str(row.get("description", "")),
            str(row.get("series", "")),
        )
        for name, row in rows
    )


def find_images(
    source: str | Path | Mapping[str, str | Path],
    inputs: Sequence[ImageInput],
    series: str | Mapping[str, str] | None = None,
) -> dict[str, ImageFile]:
    """Where the images of one case are, in the order of `inputs`; those that are not there are left out.

    A bundle of one image takes any path. For several, `source` names them, or is a folder with a file of each name
    (`t1.nii.gz`), or with DICOM series, of which each input takes the one of its modality, where there are several
    the one whose description holds `ImageInput.series`. `series` chooses within DICOM folders, by the names of the
    inputs where there are several. Raises `InputError` with the list where it is not clear which is meant, for an
    unknown name, or when none is found.
    """
    names = [one.name for one in inputs]
    chosen = dict(series) if isinstance(series, Mapping) else {}
    if len(inputs) == 1 and not isinstance(source, Mapping):
        source = {names[0]: source}
    if len(inputs) == 1 and isinstance(series, str):
        chosen = {names[0]: series}
    elif isinstance(series, str):
        raise InputError(f"This bundle takes {', '.join(names)}: say which of them {series!r} is ({names[0]}=...).")
    _check_names(chosen, names)
    if isinstance(source, Mapping):
        _check_names(source, names)
        if not source:
            raise InputError(f"The case names no image. Give at least one of {', '.join(names)}.")
        given = {one: Path(source[one.name]) for one in inputs if one.name in source}
        return {
            one.name: ImageFile(path, chosen.get(one.name) or (_only(one, path) if len(inputs) > 1 else None))
            for one, path in given.items()
        }
    path = Path(source)
    if not path.is_dir():
        if stem(path) not in names:
            raise InputError(f"Which of {', '.join(names)} is {path.name}? Write {names[0]}=..., or give a folder.")
        return {stem(path): ImageFile(path)}
    named = {stem(one): one for one in sorted(path.iterdir()) if suffix_of(one) in VOLUME_SUFFIXES}
    if set(named) & set(names):
        return {name: ImageFile(named[name]) for name in names if name in named}
    found = [one for one in list_series(path) if not one.problem]
    files: dict[str, ImageFile] = {}
    for one in inputs:
        uid = chosen.get(one.name) or _series_of(found, one, path.name)
        if uid is not None:
            files[one.name] = ImageFile(path, uid)
    if not files:
        raise InputError(
            f"{path.name} holds neither a file called like one of {', '.join(names)} nor a DICOM series of their "
            f"modalities. Name the images: {names[0]}=..."
        )
    return files


def _only(one: ImageInput, path: Path) -> str | None:
    """Of a DICOM folder with several series, the one of the input's modality; otherwise the reader decides."""
    found = list_series(path) if path.is_dir() else []
    return _series_of(found, one, path.name) if len(found) > 1 else None


def _series_of(found: Sequence[Series], one: ImageInput, folder: str) -> str | None:
    """The UID of the series an input takes, None when there is none."""
    fits = [series for series in found if one.modality and series.modality == one.modality]
    if len(fits) > 1 and one.series:
        fits = [series for series in fits if one.series.lower() in series.description.lower()] or fits
    if len(fits) > 1:
        raise InputError(
            f"{folder} holds {len(fits)} series that could be {one.name} ({one.modality}). Choose one by name, for "
            f"example --series {one.name}={fits[0].key}:\n" + "\n".join(f"  {series}" for series in fits)
        )
    return fits[0].uid if fits else None


def _check_names(given: Mapping[str, object], names: Sequence[str]) -> None:
    unknown = [name for name in given if name not in names]
    if unknown:
        what = f"one image, {names[0]!r}" if len(names) == 1 else f"the images {', '.join(names)}"
        raise InputError(f"This bundle takes {what}, not {', '.join(unknown)}.")
