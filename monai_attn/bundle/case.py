"""The images of one case as a bundle takes them: named, read, of the right modality, cut to a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.cases import ImageFile, ImageInput, find_images
from monai_attn.errors import GeometryError, InputError
from monai_attn.io import read
from monai_attn.io.dicom.suv import GIVE_FACTOR
from monai_attn.volume import Box, ImageSource, Volume, same_grid

if TYPE_CHECKING:
    from monai_attn.bundle.parts import Parts

__all__ = ["UNKNOWN", "case_images", "check_kinds", "cut_case", "read_case", "read_images"]

UNIT_NAMES = {"HU": "Hounsfield units", "g/ml": "SUV by body weight", "Bq/ml": "activity"}

UNKNOWN = ("", "OT")
"""Modalities that say nothing of an image: none, and DICOM's "other"."""

WAYS_TO_UNIT = {
    "g/ml": f"{GIVE_FACTOR} Or convert the image to SUV by body weight first (docs/dicom.md).",
    "HU": "Export the image again in Hounsfield units.",
}
"""What to do about an image in another unit, by the unit that the bundle needs."""


def case_images(
    source: ImageSource | Sequence[ImageSource] | Mapping[str, ImageSource], parts: Parts
) -> dict[str, list[Volume]]:
    """The volumes of each image of a case by name, the reference image first.

    `source`: a path, a DICOM folder, a `Volume`, a list of images on one grid, or a mapping of names to any of these.
    A list holds the channels of one image, in their order. Each name has a list of volumes: several volumes only where
    channels share a grid.

    Raises `FileError` or `GeometryError` for an image that cannot be read. Raises `InputError` for an empty list, for a
    name that the bundle does not have, for a missing image, and for an image of another modality or unit.
    """
    names = [one.name for one in parts.inputs]
    if parts.joined and isinstance(source, list | tuple) and len(source) == len(names):
        source = dict(zip(names, source, strict=True))
    if isinstance(source, str | Path) and len(names) > 1:
        source = dict(read_case(source, parts))
    if not isinstance(source, Mapping):
        source = {_name_of(source, parts): source}  # type: ignore[dict-item]
    paths = {name: one for name, one in source.items() if isinstance(one, str | Path)}
    files = find_images(paths, parts.inputs) if paths and len(names) > 1 else {}
    images = {}
    for name in [name for name in names if name in source] + [name for name in source if name not in names]:
        one: Any = source[name]
        sources = [one] if isinstance(one, str | Path | Volume) else list(one)
        if not sources:
            raise InputError("A case needs at least one image; its list of images is empty.")
        images[name] = [
            each if isinstance(each, Volume) else read(each, series=files[name].series if name in files else None)
            for each in sources
        ]
    check_kinds(images, parts.inputs, bundle=parts.name, partial=parts.partial)
    return images


def read_case(
    source: str | Path | Mapping[str, str | Path],
    parts: Parts,
    *,
    series: str | Mapping[str, str] | None = None,
    volume: int | None = None,
    suv_factor: float | None = None,
) -> dict[str, Volume]:
    """The images of a case by name, the reference image first, read from files.

    `source`, `series`: see `monai_attn.cases.find_images`. `volume`, `suv_factor`: see `monai_attn.io.read`. Raises
    `InputError`, `FileError` or `GeometryError`.
    """
    files = find_images(source, parts.inputs, series, joined=parts.joined)
    images = read_images(files, parts.inputs, volume=volume, suv_factor=suv_factor)
    check_kinds(
        {name: [image] for name, image in images.items()}, parts.inputs, bundle=parts.name, partial=parts.partial
    )
    return images


def read_images(
    files: Mapping[str, ImageFile],
    inputs: Sequence[ImageInput],
    *,
    volume: int | None = None,
    suv_factor: float | None = None,
) -> dict[str, Volume]:
    """The images that `find_images` found, read. `suv_factor` is for those that are PET; see `monai_attn.io.read`.

    Raises `InputError` for a factor where the bundle takes no PET, else what `read` raises.
    """
    pet = {one.name for one in inputs if one.modality == "PT" or (len(inputs) == 1 and not one.modality)}
    if suv_factor is not None and not pet & set(files):
        raise InputError(f"suv_factor={suv_factor:g} (--suv-factor) is for PET, and none of the images is one.")
    return {
        name: (replace(file, volume=volume) if file.volume is None else file).read(
            suv_factor=suv_factor if name in pet else None
        )
        for name, file in files.items()
    }


def cut_case(images: Mapping[str, list[Volume]], region: Box) -> dict[str, list[Volume]]:
    """The images of a case, cut to a region (mm, RAS+); the first image is the reference.

    An image on another grid is cut a little wider, so that it can be interpolated up to the edge. Raises
    `GeometryError` for an image that has no part in the region.
    """
    reference = images[next(iter(images))][0]
    box = reference.crop(reference.slices_of(region)).bounds  # of an oblique image more than the region
    cut = {}
    for name, volumes in images.items():
        if same_grid(volumes[0], reference):
            cut[name] = [volume.crop(volume.slices_of(region)) for volume in volumes]
            continue
        edge = 2 * max(*volumes[0].spacing_mm, *reference.spacing_mm)
        lower, upper = (tuple(corner) for corner in (np.array(box.lower_mm) - edge, np.array(box.upper_mm) + edge))
        try:
            cut[name] = [volume.crop(volume.slices_of(Box(lower, upper))) for volume in volumes]
        except GeometryError as error:
            raise GeometryError(f"The image {name!r} has no part in the region: {error} Leave it out there.") from error
    return cut


def _name_of(source: object, parts: Parts) -> str:
    """Which image a lone volume is: the only one, or the only one of its modality."""
    inputs = parts.inputs
    modality = source.modality if isinstance(source, Volume) else ""
    fits = inputs if len(inputs) == 1 else [one for one in inputs if modality and one.modality == modality]
    if len(fits) != 1:
        names = ", ".join(one.name for one in inputs)
        raise InputError(
            f"The bundle {parts.name} takes {names}: say which image this is, as in {{{inputs[0].name!r}: image}}."
        )
    return fits[0].name


def check_kinds(
    images: Mapping[str, Sequence[Volume]], inputs: Sequence[ImageInput], *, bundle: str, partial: bool
) -> None:
    """Refuse images that the bundle does not take, and images of another modality or unit than the bundle was made for.

    A network gives a mask of any image; the mask of an image of another modality or unit is meaningless. What an image
    does not say of itself is not compared. With `partial`, some of the images are enough. Raises `InputError`.
    """
    wanted = {one.name: one for one in inputs}
    unknown = [name for name in images if name not in wanted]
    if unknown or not images:
        what = f"one image, {next(iter(wanted))!r}" if len(wanted) == 1 else f"the images {', '.join(wanted)}"
        raise InputError(f"The bundle {bundle} takes {what}, not {list(images)}.")
    missing = [name for name in wanted if name not in images]
    if missing and not partial:
        raise InputError(f"The bundle {bundle} needs {', '.join(wanted)}; {', '.join(missing)} is missing.")
    for name, volumes in images.items():
        which = f"The image {name!r} of the bundle {bundle}" if len(wanted) > 1 else f"The bundle {bundle}"
        for volume in volumes:
            _check_kind(volume, wanted[name], which)


def _check_kind(image: Volume, wanted: ImageInput, which: str) -> None:
    """Refuse an image whose DICOM modality or unit is not the wanted one. `which`: the words for it in the message."""
    if wanted.modality and image.modality not in UNKNOWN and image.modality != wanted.modality:
        raise InputError(
            f"{which} is for {wanted.modality}, and this image is {image.modality}. "
            "Choose another bundle, or another series of the folder (--series)."
        )
    if wanted.unit and image.unit and image.unit.lower() != wanted.unit.lower():
        said = f"{which} needs values in {_named(wanted.unit)}, and this image has values in {_named(image.unit)}."
        notes = [note.removesuffix(GIVE_FACTOR).rstrip() for note in image.notes]  # the way out says it, once
        raise InputError(" ".join([said, *notes, WAYS_TO_UNIT.get(wanted.unit, "Convert the image first.")]))


def _named(unit: str) -> str:
    """A unit with its name in words.

    >>> _named("HU")
    'HU (Hounsfield units)'
    """
    return f"{unit} ({UNIT_NAMES[unit]})" if unit in UNIT_NAMES else unit
