"""The images that a bundle asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai_attn.cases import ImageInput

__all__ = ["image_inputs"]

MODALITIES = {"MR": "MR", "MRI": "MR", "CT": "CT", "PT": "PT", "PET": "PT"}
"""What the metadata of bundles call a modality, and DICOM's code for it."""


def image_inputs(metadata: Mapping[str, Any], names: Sequence[str]) -> tuple[ImageInput, ...]:
    """The images that a bundle's first transform loads, as its metadata describe them; the reference image first.

    Several images are described under our own key `images` of metadata.json. A single image is described under
    `network_data_format`, as in every MONAI bundle. What the metadata do not say is "".

    >>> image_inputs({"images": [{"name": "ct", "modality": "CT"}]}, ["ct"])[0].modality
    'CT'
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
            str(row.get("unit", "")),
        )
        for name, row in rows
    )
