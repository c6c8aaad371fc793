"""Where the images of a case lie, as its record says it: relative to the record, and no path that names a patient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_attn.cases import ImageFile
from monai_attn.cases.labelled import IMAGES, image_record
from monai_attn.errors import AttnError
from monai_attn.folders import files_in
from monai_attn.io import is_dicom

__all__ = ["places_of"]


def places_of(images: Mapping[str, ImageFile], folder: Path) -> dict[str, Any]:
    """What a record in `folder` says of the places of its images: `{"images": {name: {"path": ...}}}`.

    An image whose path would name the patient is left out. Without images that can be named the result is empty.

    >>> places_of({"image": ImageFile(Path("/data/ct/1.nii.gz"))}, Path("/data/masks"))
    {'images': {'image': {'path': '../ct/1.nii.gz'}}}
    """
    said: dict[str, Any] = {}
    for name, image in images.items():
        said |= {key: place for key, place in image_record(image, folder, name).items() if _harmless(image, place)}
    return {IMAGES: said} if said else {}


def _harmless(image: ImageFile, place: Mapping[str, Any]) -> bool:
    """Whether the path of an image repeats nothing of the identity in its header; no where the header is not read."""
    one = next(iter(image.files), image.path)
    if one.is_file() and not is_dicom(one):
        return True  # no other file names a patient, and readers of DICOM take their time to load
    from monai_attn.report import anonymous_case, read_identity

    if one.is_dir():
        one = next((path for path in files_in(one) if is_dicom(path)), one)
    try:
        identity = {} if one.is_dir() else read_identity(one)
    except AttnError:
        return False
    path = str(place["path"])
    return anonymous_case(path, identity) == path
