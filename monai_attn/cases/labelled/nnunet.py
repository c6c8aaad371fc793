"""Labelled cases of nnU-Net v2: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, and a `dataset.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.cases.folders import image_files
from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled.case import LabelledSet, Part
from monai_attn.cases.labelled.dataset import FILE, channels_of, said_of
from monai_attn.cases.labelled.entry import Entry, labelled_set
from monai_attn.cases.labelled.inputs import channel_names, image_inputs
from monai_attn.cases.labelled.structures import structures_of
from monai_attn.cases.naming import safe_name
from monai_attn.errors import InputError
from monai_attn.io.jsonfile import read_json
from monai_attn.io.names import stem

__all__ = ["holds_channels", "numbered_cases"]

FOLDERS: tuple[tuple[str, str, Part | None], ...] = (("imagesTr", "labelsTr", None), ("imagesTs", "labelsTs", "test"))
"""Folders of images and of masks, and the part of their cases. Images of `imagesTs` without masks are passed over."""

CHANNEL = re.compile(r"(.+)_(\d{4})")
"""Case and channel in the name of an image file."""


def holds_channels(folder: Path) -> bool:
    """Whether a folder holds images whose names end in the number of a channel, `imagesTr/CASE_0000.nii.gz`.

    Cases of the Decathlon may be called `case_0001`. They are told from channels by the list in `dataset.json`, which
    names files that exist; that of nnU-Net names none, or files without the number.
    """
    images = folder / FOLDERS[0][0]
    if not images.is_dir() or not any(CHANNEL.fullmatch(stem(path)) for path in image_files(images)[:3]):
        return False
    rows = read_json(folder / FILE).get("training")
    listed = [row["image"] for row in rows or [] if isinstance(row, Mapping) and isinstance(row.get("image"), str)]
    return not any((folder / image).is_file() for image in listed[:3])


def numbered_cases(folder: Path) -> LabelledSet:
    """The labelled cases of nnU-Net's layout; labels may be regions, see `structures_of`.

    `channel_names` of the `dataset.json` names the images; a channel of which a case has no file is missing there.
    The entries of a "training" list, where there is one, may say what was `drawn` and so on, by the name of the mask.
    Cases of `labelsTs` are of the part "test". Raises `InputError` for an image without a mask or the reverse.
    """
    content = read_json(folder / FILE)
    where = f"{FILE} of {folder.resolve().name!r}"
    files = {images: _channels(folder / images) for images, _, _ in FOLDERS}
    numbers = sorted({number for cases in files.values() for channels in cases.values() for number in channels})
    said = channels_of(content)
    if any(str(number) not in said for number in numbers):
        _refuse_other_numbers(where, said, numbers)
        said = {str(number): said.get(str(number), f"channel {number}") for number in numbers}
    names = channel_names(list(said.values()))
    by_number = dict(zip(map(int, said), names, strict=True))
    more = dict(_described(content))
    entries = [
        Entry(
            f"{labels}/{mask.name}",
            safe_name(stem(mask)),
            _images(files[images], stem(mask), by_number, f"{labels}/{mask.name}"),
            mask,
            **more.get(stem(mask), {}) if part is None else {"part": part},
        )
        for images, labels, part in FOLDERS
        if (folder / labels).is_dir()
        for mask in image_files(folder / labels)
    ]
    without = sorted(files["imagesTr"].keys() - {stem(entry.label) for entry in entries})
    if without:
        raise InputError(
            f"imagesTr has {len(without)} cases without a mask in labelsTr, {without[0]} first. Add the masks, or move "
            "these images to imagesTs."
        )
    kind = "folders of nnU-Net"
    return labelled_set(folder, entries, image_inputs(names), structures_of(content, where), kind=kind, about=content)


def _refuse_other_numbers(where: str, said: Mapping[str, str], numbers: Sequence[int]) -> None:
    """Raise `InputError` where channels are named that no file has, while others have no name: counted from 1, say."""
    without = [key for key in said if key.isdecimal() and int(key) not in numbers]
    if without:
        raise InputError(
            f"{where} names the channels {', '.join(said)}, and the files have the numbers "
            f"{', '.join(map(str, numbers))}. Count channels from 0, as the files do."
        )


def _channels(folder: Path) -> dict[str, dict[int, Path]]:
    """The image files of a folder by case and channel; empty where there is no such folder."""
    found: dict[str, dict[int, Path]] = {}
    for path in image_files(folder) if folder.is_dir() else ():
        match = CHANNEL.fullmatch(stem(path))
        if match is None:
            raise InputError(
                f"{folder.name}/{path.name} has no number of a channel, as nnU-Net wants it: CASE_0000.nii.gz."
            )
        found.setdefault(match[1], {})[int(match[2])] = path
    return found


def _images(
    files: Mapping[str, Mapping[int, Path]], case: str, names: Mapping[int, str], where: str
) -> dict[str, ImageFile]:
    if case not in files:
        raise InputError(f"{where}: there is no image {case}_0000 for this mask. Add it, or move the mask away.")
    return {names[number]: ImageFile(path) for number, path in sorted(files[case].items())}


def _described(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the entries of a "training" list say besides, by the name of the mask."""
    for row in content.get("training") or []:
        if isinstance(row, Mapping) and row.get("label"):
            yield stem(Path(str(row["label"]))), said_of(row)
