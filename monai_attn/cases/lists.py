"""The cases that a bundle's `inference.json` segments, as its config names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_attn.cases.case import Case
from monai_attn.cases.datasets import dataset_cases, folder_of, holds_dataset
from monai_attn.cases.finding import find_cases, named_cases
from monai_attn.cases.folders import holds_dicom, holds_named, matches, named_images, subfolders
from monai_attn.cases.masks import masks_among
from monai_attn.errors import FileError, InputError
from monai_attn.io.names import VOLUME_SUFFIXES, suffix_of

__all__ = ["inference_cases", "several_image_cases"]


EVERY = "*"
"""The pattern of all images of a folder."""


def inference_cases(dataset_dir: str | Path, pattern: str = EVERY) -> list[dict[str, str]]:
    """The images to segment, `{"case": name, "image": path}` each, by path.

    Those of `dataset_dir/dataset.json` where there is one (see `dataset_cases`). Otherwise what matches `pattern` in
    the folder: NIfTI, NRRD and MetaImage files, and folders of DICOM slices; or `dataset_dir` itself when it is such
    a folder. Of all files masks are left out, see `masks_among`; a pattern of your own names them. Cases have the names
    that `find_cases` gives them. Raises `FileError` for a missing folder or image, and `InputError` when nothing is
    found or two cases have one name.
    """
    folder = folder_of(dataset_dir)
    if holds_dataset(folder):
        return _rows(find_cases([folder]))
    places = matches(folder, pattern, _is_image)
    if pattern == EVERY:
        masks = masks_among(folder)
        places = [place for place in places if place not in masks]
    if not places and holds_dicom(folder):
        places = [folder]
    if not places:
        raise InputError(f"No image matches {pattern!r} in {folder.name!r}. Set --dataset_dir, or --pattern.")
    return [case.row() for case in named_cases(places)]


def several_image_cases(dataset_dir: str | Path, images: Sequence[str]) -> list[dict[str, str]]:
    """The cases to segment, `{"case": name, name of an image: path for each that is there}` each, by name.

    Those of `dataset_dir/dataset.json` where there is one (see `dataset_cases`; a path may be a DICOM folder of one
    series). Otherwise the folder itself, when it has a file called like one of `images` (`STS_003/t1.nii.gz`), or
    each subfolder that has one. A part of the bundle's images, also a lone one, is a subset. Raises `FileError` or
    `InputError` for what is missing, or when nothing is found.
    """
    folder = folder_of(dataset_dir)
    if holds_dataset(folder):
        return _rows(named_cases(dataset_cases(folder, images), images), images[0])
    places = [place for place in (folder, *subfolders(folder)) if holds_named(place, images)]
    if not places:
        raise InputError(
            f"No case lies in {folder.resolve().name!r}: it has neither a dataset.json nor a file called "
            f"{images[0]}.nii.gz or the like, in it or in its folders. Set --dataset_dir."
        )
    alone = places[:1] if places[0] == folder else places
    return _rows(named_cases([Case("", named_images(place, images)) for place in alone], images))


def _rows(cases: Sequence[Case], image: str = "image") -> list[dict[str, str]]:
    """The cases as a config wants them. Raises `FileError` for a missing image, at which MONAI's run would stop."""
    for case in cases:
        for path in case.paths:
            if not path.exists():
                raise FileError(f"The image {path.name} of the case {case.name!r} does not exist.")
    return [case.row(image) for case in cases]


def _is_image(path: Path) -> bool:
    """A file that holds a volume, or a folder of DICOM slices."""
    return holds_dicom(path) if path.is_dir() else suffix_of(path) in VOLUME_SUFFIXES
