"""What a reader needs of a case in a folder of results: its images, the mask to look at, and a place for a correction.

Corrected masks lie in a folder of their own for each reader, so that a second reader does not see them. The masks of
the network stay as they are. `monai-attn learn` takes the folder of corrections as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from monai_attn.cases import Case, ImageFile, ImageInput, checked_name, find_cases, find_images
from monai_attn.cases.labelled import IMAGES
from monai_attn.cases.series_table import slices_in_shared_folders
from monai_attn.cohort.places import places_of
from monai_attn.errors import FileError
from monai_attn.io.digest import sha256
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.writing import write_aside
from monai_attn.results import commit
from monai_attn.segmentation import Segmentation, result_files

__all__ = [
    "cases_by_name",
    "corrected_mask",
    "corrections_folder",
    "image_names",
    "images_of_case",
    "mask_to_read",
    "recorded_cases",
    "save_correction",
]

CORRECTS = "corrects_sha256"
"""The key of a record that holds the SHA-256 of the mask that was corrected."""


def corrections_folder(folder: Path, reader: str = "") -> Path:
    """Where the corrected masks of a reader lie: `corrected`, or `corrected_NAME` for a reader with a name.

    >>> corrections_folder(Path("out"), "anna").as_posix()
    'out/corrected_anna'
    """
    return folder / (f"corrected_{checked_name(reader)}" if reader else "corrected")


def corrected_mask(folder: Path, case: str, reader: str = "") -> Path | None:
    """The corrected mask of a reader; None where there is none, or where the mask of the network has changed since."""
    mask, record, _ = result_files(corrections_folder(folder, reader), case)
    original, _, _ = result_files(folder, case)
    if not (mask.is_file() and record.is_file() and original.is_file()):
        return None
    return mask if read_json_file(record).get(CORRECTS) == sha256(original) else None


def mask_to_read(folder: Path, case: str, reader: str = "") -> Path:
    """The mask that a reader looks at: the reader's own corrected mask, else the mask of the network."""
    return corrected_mask(folder, case, reader) or result_files(folder, case)[0]


def cases_by_name(places: Sequence[str | Path], names: Sequence[str] = ("image",)) -> dict[str, Case]:
    """The cases that lie at the places which were given to `segment`, by name. Raises as `find_cases` does."""
    return {case.name: case for case in find_cases(places, names)}


def image_names(folder: Path) -> list[str]:
    """What the images of the cases of a folder of results are called; `["image"]` for a bundle of one image.

    Raises `FileError` for a folder without results.
    """
    record = next(iter(sorted(folder.glob("*_seg.json"))), None)
    if record is None:
        raise FileError(f"{folder.name} holds no results: no file ends with _seg.json. Name the output of segment.")
    return _names_in(read_json_file(record))


def recorded_cases(folder: Path, cases: Sequence[str]) -> dict[str, Case]:
    """Cases with the images that their records name, by name; a case whose record names none is left out.

    The slices of series that share a folder, as in an export of an archive, are looked for once for all cases.
    """
    found = {case: images for case in cases if (images := _recorded(folder, case))}
    there = [image for images in found.values() for image in images.values() if image.series and image.path.is_dir()]
    slices = slices_in_shared_folders(there)
    return {
        case: Case(
            case,
            {name: image.path for name, image in images.items()},
            images={name: replace(one, files=slices.get((one.path, one.series), ())) for name, one in images.items()},
        )
        for case, images in found.items()
    }


def _recorded(folder: Path, case: str) -> dict[str, ImageFile]:
    """The images that the record of a case names."""
    content = read_json_file(result_files(folder, case)[1])
    said = content.get(IMAGES) if isinstance(content, dict) else None
    return {
        str(name): ImageFile(folder / str(place["path"]), place.get("series"), place.get("volume"))
        for name, place in (said.items() if isinstance(said, dict) else ())
        if isinstance(place, dict) and place.get("path")
    }


def images_of_case(folder: Path, case: str, given: Mapping[str, Case] | None = None) -> dict[str, ImageFile]:
    """The images of a case, by name: those of `given`, else those that the record of the case names.

    Raises `FileError` where neither says where an image is, or the image is gone. A record does not name an image whose
    path would name the patient.
    """
    one = (given or {}).get(case)
    if one is not None:
        inputs = [ImageInput(name) for name in _names_in(read_json_file(result_files(folder, case)[1]))]
        found = dict(one.images) or find_images(one.source, inputs)
    else:
        found = _recorded(folder, case)
    gone = [image.path.name for image in found.values() if not image.path.exists()]
    if gone or not found:
        what = f"{gone[0]} is not where the record says" if gone else "The record does not say where the image is"
        raise FileError(f"{case}: {what}. Name the images: the folder or the table that was given to segment.")
    return found


def save_correction(
    folder: Path, case: str, segmentation: Segmentation, images: Mapping[str, ImageFile], reader: str = ""
) -> Path:
    """Save the corrected mask of a case with its record, for `learn` to train on; gives the path of the mask.

    An earlier correction of the same mask by the same reader is replaced. Raises `FileError` for a case without a mask,
    and where a correction of another mask lies in the way: the case was segmented again since.
    """
    place = corrections_folder(folder, reader)
    mask, record, _ = result_files(place, case)
    original, _, _ = result_files(folder, case)
    if not original.is_file():
        raise FileError(f"{case} has no mask in {folder.name}, so there is nothing to correct.")
    if mask.exists() and corrected_mask(folder, case, reader) is None:
        raise FileError(
            f"{mask.name} in {place.name} corrects an earlier mask of the case, which was segmented again since. "
            "Move the file away, and save again."
        )
    place.mkdir(exist_ok=True)
    about = {**segmentation.about(), **places_of(images, place), CORRECTS: sha256(original)}
    writer = partial(write_aside, segmentation.labels, table=segmentation.table)
    commit({mask: writer}, record=record, about=about, overwrite=True)
    return mask


def _names_in(content: Any) -> list[str]:
    """What a record calls the images of its case."""
    provenance = content.get("provenance") if isinstance(content, dict) else None
    images = provenance.get("images") if isinstance(provenance, dict) else None
    return list(images) if isinstance(images, dict) and images else ["image"]
