"""Labelled cases in two folders: images in one, masks of the same names in the other."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from monai_attn.cases.folders import image_files, subfolders
from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import Entry, labelled_set
from monai_attn.cases.labelled.inputs import image_inputs
from monai_attn.cases.labelled.masks import named_structures
from monai_attn.cases.naming import safe_name
from monai_attn.errors import InputError
from monai_attn.io.names import stem

__all__ = ["paired_cases", "paired_folders"]

IMAGES = ("imagestr", "images", "image", "imgs", "img", "volumes", "scans", "data")
LABELS = ("labelstr", "labels", "label", "masks", "mask", "segmentations", "segmentation", "seg", "segs", "annotations")
"""What the two folders are called, in small letters."""

TEST = (("imagests", "labelsts"), ("images_test", "labels_test"), ("test_images", "test_labels"))
"""Further folders whose cases are of the part "test"."""

ENDING = re.compile(r"[ _.\-](seg|segmentation|mask|labels?|labelmap|gt|gtv|0000)$", re.IGNORECASE)
"""What the name of a mask or an image may have behind the name of the case."""


def paired_folders(folder: Path) -> list[tuple[Path, Path, str]]:
    """The folders of image files and of masks in a folder, and the part of their cases; empty where there are none."""
    named = {place.name.lower(): place for place in subfolders(folder) if image_files(place)}
    images = next((named[name] for name in IMAGES if name in named), None)
    labels = next((named[name] for name in LABELS if name in named), None)
    if images is None or labels is None:
        return []
    tests = [(named[one], named[other], "test") for one, other in TEST if one in named and other in named]
    return [(images, labels, ""), *tests]


def paired_cases(folder: Path, pairs: Sequence[tuple[Path, Path, str]]) -> LabelledSet:
    """The labelled cases of folders of images and masks, see `paired_folders`.

    A mask belongs to the image of the same name; the mask's name may have `_seg`, `_mask`, `_label` and the like behind
    it. Images without a mask are left out, and a note says so. What the structures are called, see `named_structures`.
    Raises `InputError` for a mask without an image, and for two images or masks of one name.
    """
    entries: list[Entry] = []
    notes: list[str] = []
    for images, labels, part in pairs:
        files = _by_case(images)
        masks = _by_case(labels, known=files.keys())
        alone = sorted(masks.keys() - files.keys())
        if alone:
            raise InputError(
                f"{labels.name}/{masks[alone[0]].name} has no image of its name in {images.name}"
                f"{f', nor have {len(alone) - 1} more' if len(alone) > 1 else ''}. Give both files one name."
            )
        without = sorted(files.keys() - masks.keys())
        if without:
            notes.append(f"{len(without)} images of {images.name} have no mask and are left out, {without[0]} first.")
        entries += [
            Entry(f"{labels.name}/{masks[case].name}", case, {"image": ImageFile(files[case])}, masks[case], part=part)
            for case in sorted(masks)
        ]
    structures = named_structures(folder, [entry.label for entry in entries])
    kind = f"the folders {pairs[0][0].name} and {pairs[0][1].name}"
    return labelled_set(folder, entries, image_inputs({"image": ""}), structures, kind=kind, notes=notes)


def _by_case(folder: Path, known: Collection[str] = ()) -> dict[str, Path]:
    """The files of a folder by the name of their case.

    That is the name of the file. Where it is not `known`, or all files end in the number of nnU-Net's first channel, it
    is the name without such an ending.
    """
    files = image_files(folder)
    numbered = all(stem(path).endswith("_0000") for path in files)
    found: dict[str, Path] = {}
    for path in files:
        name = safe_name(stem(path))
        if numbered or (known and name not in known):
            name = ENDING.sub("", name)
        if name in found:
            raise InputError(f"{folder.name} has two files of the case {name!r}: {found[name].name} and {path.name}.")
        found[name] = path
    return found
