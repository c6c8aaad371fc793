"""Labelled cases in two folders, images in one and masks of the same names in the other; or both in one folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from monai_attn.cases.folders import image_files, subfolders
from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import Entry, labelled_set
from monai_attn.cases.labelled.inputs import image_inputs
from monai_attn.cases.labelled.masks import structures_in
from monai_attn.cases.masks import MASK
from monai_attn.cases.naming import safe_name
from monai_attn.errors import InputError
from monai_attn.io.names import stem

__all__ = ["LABELS", "MASK", "masks_beside", "neighbouring_cases", "paired_cases", "paired_folders"]

IMAGES = ("imagestr", "images", "image", "imgs", "img", "volumes", "scans", "data")
LABELS = ("labelstr", "labels", "label", "masks", "mask", "segmentations", "segmentation", "seg", "segs", "annotations")
"""What the two folders are called, in small letters."""

MORE = {
    **dict.fromkeys((("imagests", "labelsts"), ("images_test", "labels_test"), ("test_images", "test_labels")), "test"),
    **dict.fromkeys(
        (("imagesval", "labelsval"), ("images_val", "labels_val"), ("val_images", "val_labels")), "validation"
    ),
}
"""Further folders of images and of masks, and the part of their cases."""

FIRST = "_0000"
"""What nnU-Net puts behind the name of the first image of a case."""


def paired_folders(folder: Path) -> list[tuple[Path, Path, str]]:
    """The folders of image files and of masks in a folder, and the part of their cases; empty where there are none."""
    named = {place.name.lower(): place for place in subfolders(folder) if image_files(place)}
    images = next((named[name] for name in IMAGES if name in named), None)
    labels = next((named[name] for name in LABELS if name in named), None)
    if images is None or labels is None:
        return []
    more = [(named[one], named[other], part) for (one, other), part in MORE.items() if one in named and other in named]
    return [(images, labels, ""), *more]


def paired_cases(folder: Path, pairs: Sequence[tuple[Path, Path, str]]) -> LabelledSet:
    """The labelled cases of folders of images and masks, see `paired_folders`.

    A mask belongs to the image of the same name; the mask's name may have `_seg`, `_mask`, `_label` and the like behind
    it. Images without a mask are left out, and a note says so. What the structures are called, see `structures_in`.
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
    structures, drawn = structures_in(folder, [entry.label for entry in entries])
    entries = [replace(entry, structures=drawn[entry.label]) for entry in entries]
    kind = f"the folders {pairs[0][0].name} and {pairs[0][1].name}"
    return labelled_set(folder, entries, image_inputs({"image": ""}), structures, kind=kind, notes=notes)


def masks_beside(folder: Path) -> dict[Path, Path]:
    """The image files of a folder that have a mask beside them: `a.nii.gz` with `a_seg.nii.gz`. Empty without one.

    Raises `InputError` for two masks of one image.
    """
    files = {_composed(safe_name(stem(path))): path for path in image_files(folder)}
    found: dict[Path, Path] = {}
    for name, mask in files.items():
        image = files.get(MASK.sub("", name))
        if image is not None and image != mask:
            if image in found:
                raise InputError(f"{image.name} has two masks: {found[image].name} and {mask.name}. Keep one of them.")
            found[image] = mask
    return found


def neighbouring_cases(folder: Path, masks: Mapping[Path, Path]) -> LabelledSet:
    """The labelled cases of images with their masks beside them, see `masks_beside`.

    Images without a mask are left out, and a note says so. What the structures are called, see `structures_in`.
    """
    without = [path.name for path in image_files(folder) if path not in masks and path not in masks.values()]
    notes = [f"{len(without)} images have no mask beside them and are left out, {without[0]} first."] if without else []
    structures, drawn = structures_in(folder, [*masks.values()])
    entries = [
        Entry(mask.name, safe_name(stem(image)), {"image": ImageFile(image)}, mask, structures=drawn[mask])
        for image, mask in masks.items()
    ]
    kind = "images with masks beside them"
    return labelled_set(folder, entries, image_inputs({"image": ""}), structures, kind=kind, notes=notes)


def _by_case(folder: Path, known: Collection[str] = ()) -> dict[str, Path]:
    """The files of a folder by the name of their case.

    That is the name of the file. Where it is not `known`, or all files end in the number of nnU-Net's first channel, it
    is the name without such an ending. A name that is `known` in another form of Unicode is spelt as it is known.
    """
    spelt = {_composed(name): name for name in known}
    files = image_files(folder)
    numbered = all(stem(path).endswith(FIRST) for path in files)
    found: dict[str, Path] = {}
    for path in files:
        name = safe_name(stem(path))
        if numbered or (known and _composed(name) not in spelt):
            name = MASK.sub("", name.removesuffix(FIRST))
        name = name if name in known else spelt.get(_composed(name), name)
        if name in found:
            raise InputError(f"{folder.name} has two files of the case {name!r}: {found[name].name} and {path.name}.")
        found[name] = path
    return found


def _composed(name: str) -> str:
    """A name with its accents in the letters (NFC): macOS and other systems write one name in two forms of Unicode."""
    return unicodedata.normalize("NFC", name)
