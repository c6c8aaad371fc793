"""Labelled cases in a folder each: images, and beside them a mask or a folder with a mask of each structure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from monai_attn.cases.folders import image_files, subfolders
from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import Entry, labelled_set
from monai_attn.cases.labelled.inputs import channel_names, image_inputs
from monai_attn.cases.labelled.masks import structures_in
from monai_attn.cases.labelled.pairs import LABELS, MASK
from monai_attn.cases.naming import safe_name
from monai_attn.errors import AttnError, InputError
from monai_attn.io import read
from monai_attn.io.names import stem
from monai_attn.volume import same_grid

__all__ = ["case_folders", "foldered_cases"]

ONLY = "image"
"""What the image of cases with one image each is called."""


def case_folders(folder: Path) -> dict[Path, Path]:
    """The subfolders that are a labelled case each, with the place of its mask; empty where there is none.

    The mask is the image file that is called a mask (`segmentation.nii.gz`, `CASE_seg.nii.gz`), else a subfolder of
    that name (`segmentations`) with a file for each structure. Raises `InputError` for two masks in one folder.
    """
    found = {}
    for place in subfolders(folder):
        masks = [path for path in image_files(place) if MASK.search(f"_{stem(path)}")]
        masks = masks or [part for part in subfolders(place) if part.name.lower() in LABELS and image_files(part)]
        if len(masks) > 1:
            raise InputError(
                f"{place.name} has {len(masks)} masks: {', '.join(path.name for path in masks[:3])}. Keep the one that "
                "is to be learned from, or list images and masks in a table (.csv)."
            )
        if masks and len(image_files(place)) > sum(path.is_file() for path in masks):
            found[place] = masks[0]
    return found


def foldered_cases(folder: Path, masks: Mapping[Path, Path]) -> LabelledSet:
    """The labelled cases of these folders, see `case_folders`: BraTS, KiTS, TotalSegmentator and the like.

    An image is called like its file, without the name of the case. One image in each case is called "image". The
    reference image is the first that lies on the grid of its mask. In a folder of masks, each file is a structure of
    its name. A structure without a file was not drawn in that case. A file `labels.json` in the data set chooses among
    the structures. Folders without a mask are left out, and a note says so.

    Raises `InputError` for an image that most cases lack, and for two images of one name.
    """
    images = {place: _images(place, mask) for place, mask in masks.items()}
    words = Counter(word for one in images.values() for word in one)
    if all(len(one) == 1 for one in images.values()):
        described = {ONLY: next(iter(words)) if len(words) == 1 else ""}
        images = {place: {ONLY: path} for place, one in images.items() for path in one.values()}
        called = {ONLY: ONLY}
    else:
        _refuse_rare(words, images)
        described = channel_names(_reference_first(list(words), images, masks))
        called = described
    structures, drawn = structures_in(folder, [*masks.values()])
    entries = [
        Entry(
            place.name,
            safe_name(place.name),
            {name: ImageFile(images[place][word]) for name, word in called.items() if word in images[place]},
            mask,
            structures=drawn[mask],
        )
        for place, mask in masks.items()
        if not structures.names or not structures.names.keys().isdisjoint(drawn[mask] or ())
    ]
    used = {entry.where for entry in entries}
    without = [place.name for place in subfolders(folder) if place.name not in used and image_files(place)]
    notes = [f"{len(without)} folders have no mask and are left out, {without[0]} first."] if without else []
    inputs = image_inputs(described)
    return labelled_set(folder, entries, inputs, structures, kind="a folder for each case", notes=notes)


def _images(place: Path, mask: Path) -> dict[str, Path]:
    """The images of a case by the words of their files' names, without the name of the case."""
    found: dict[str, Path] = {}
    for path in image_files(place):
        if path == mask:
            continue
        word = re.sub(rf"^{re.escape(place.name)}[ _.\-]*", "", stem(path), flags=re.IGNORECASE).lower() or ONLY
        if word in found:
            raise InputError(f"{place.name} has two images of one name: {found[word].name}, {path.name}. Keep one.")
        found[word] = path
    return found


def _refuse_rare(words: Mapping[str, int], images: Mapping[Path, Mapping[str, Path]]) -> None:
    """Raises `InputError` for an image that fewer than half of the cases have: its name may be that of one case."""
    word, count = min(words.items(), key=lambda item: item[1])
    if 2 * count < len(images):
        first = next(one[word] for one in images.values() if word in one)
        raise InputError(
            f"{first.parent.name}/{first.name} is an image that {count} of {len(images)} cases have. Call the images "
            "of all cases alike (t1.nii.gz, ct.nii.gz), or list images and masks in a table (.csv)."
        )


def _reference_first(
    words: list[str], images: Mapping[Path, Mapping[str, Path]], masks: Mapping[Path, Path]
) -> list[str]:
    """The words, those of images on the grid of the mask first. One case that has all images is looked at."""
    whole = next((place for place, one in images.items() if len(one) == len(words)), None)
    if whole is None:
        return words
    mask = masks[whole] if masks[whole].is_file() else image_files(masks[whole])[0]
    try:
        grid = read(mask)
        return sorted(words, key=lambda word: not same_grid(read(images[whole][word]), grid))
    except AttnError:  # the checks before the training say what is wrong with a file
        return words
