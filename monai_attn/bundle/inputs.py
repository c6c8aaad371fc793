"""The images that a bundle asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from monai_attn.bundle.config import mapping_at
from monai_attn.cases import ImageInput

__all__ = ["case_inputs", "image_inputs", "is_colour"]

MODALITIES = {"MR": "MR", "MRI": "MR", "CT": "CT", "PT": "PT", "PET": "PT"}
"""What the metadata of bundles call a modality, and DICOM's code for it."""


COLOURS = ("R", "G", "B")
"""The channels of a colour picture."""

NO_IMAGE = re.compile(r"click|guidance|scribble|prompt|position", re.IGNORECASE)
"""Words for channels that a bundle makes itself, of a user's clicks for example."""


def case_inputs(metadata: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[ImageInput, ...], bool]:
    """The images of a case, the reference image first, and whether they are the channels of one image on one grid.

    `names` are the images that the bundle's first transform loads. A bundle that loads one image of several channels
    takes an image for each channel, in the order of the channels. Their names are those of `channel_def`. Channels that
    a bundle makes itself, of clicks for example, are no images; nor are channels that `channel_def` leaves out. The
    channels of a colour picture are red, green and blue.

    >>> image = {"num_channels": 2, "channel_def": {"0": "T1c", "1": "FLAIR"}}
    >>> case_inputs({"network_data_format": {"inputs": {"image": image}}}, ["image"])[0][1].name
    'FLAIR'
    """
    inputs = image_inputs(metadata, names or ["image"])
    image = mapping_at(metadata, "network_data_format::inputs::image")
    said, count = mapping_at(image, "channel_def"), image.get("num_channels")
    if len(inputs) > 1:
        return inputs, False
    (one,) = inputs
    if metadata.get("images"):
        return inputs, False
    if is_colour(metadata):
        return tuple(ImageInput(name) for name in COLOURS), True
    numbers = [number for number in range(_whole(count)) if not said or str(number) in said]
    channels = [str(said.get(str(number)) or f"{one.name}_{number + 1}") for number in numbers]
    channels = [name for name in channels if not NO_IMAGE.search(name)]
    if len(channels) < 2:
        return (replace(one, description=one.description or str(said.get("0", ""))),), False
    return tuple(ImageInput(name, one.modality, unit=one.unit) for name in channels), True


def is_colour(metadata: Mapping[str, Any]) -> bool:
    """Whether a bundle takes colour pictures in two dimensions, as its metadata say.

    >>> is_colour({"network_data_format": {"inputs": {"image": {"format": "RGB", "num_channels": 3}}}})
    True
    """
    image = mapping_at(metadata, "network_data_format::inputs::image")
    return str(image.get("format", "")).upper() == "RGB" and image.get("num_channels") == len(COLOURS)


def _whole(said: Any) -> int:
    """A number of channels; 0 where there is none."""
    return said if isinstance(said, int) and not isinstance(said, bool) else 0


def image_inputs(metadata: Mapping[str, Any], names: Sequence[str]) -> tuple[ImageInput, ...]:
    """The images that a bundle's first transform loads, as its metadata describe them; the reference image first.

    Several images are described under our own key `images` of metadata.json. A single image is described under
    `network_data_format`, as in every MONAI bundle. What the metadata do not say is "".

    >>> image_inputs({"images": [{"name": "ct", "modality": "CT"}]}, ["ct"])[0].modality
    'CT'
    """
    rows_said = metadata.get("images")
    said = {str(row.get("name")): row for row in rows_said or [] if isinstance(row, dict)}
    if len(names) == 1 and not said:
        image = mapping_at(metadata, "network_data_format::inputs::image")
        said = {names[0]: {"modality": image.get("modality", "")}}
    rows = [(name, said.get(name, {})) for name in names]
    return tuple(
        ImageInput(
            name,
            MODALITIES.get(str(row.get("modality", "")).upper(), ""),
            str(row.get("description", "")),
            str(row.get("series", "")),
            str(row.get("unit", "")),
        )
        for name, row in rows
    )
