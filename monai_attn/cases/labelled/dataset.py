"""Labelled cases of a `dataset.json` that lists them: Medical Segmentation Decathlon, and ours with several images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai_attn.cases.images import ImageFile, ImageInput
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import PART, PATIENT, Entry, labelled_set, with_names
from monai_attn.cases.labelled.inputs import RESERVED, channel_names, image_inputs
from monai_attn.cases.labelled.structures import structures_of
from monai_attn.errors import InputError
from monai_attn.io.jsonfile import read_json

__all__ = ["FILE", "channels_of", "listed_cases", "said_of"]

FILE = "dataset.json"

LISTS = {"training": "", "validation": "validation", "val": "validation", "test": "test", "testing": "test"}
"""The lists of a `dataset.json`, and the part that their labelled entries belong to if they do not say another."""


def listed_cases(folder: Path) -> LabelledSet:
    """The labelled cases that `folder/dataset.json` lists.

    An entry is `{"image": path, "label": path}`; the image may be a list of files, or one file of several channels,
    named by "modality". Or an entry names each image: `{"id": name, "t1": path, "ct": path, "label": path}`; an image
    that it does not name is missing. Beside these an entry may say what was `drawn`, and what is `left_out` or `cut`
    (values or names of structures). It may say its `part` (train, validation, test) and its `patient`; see `PART` and
    `PATIENT` for other words. An entry without an `id` is called after its first image, see `names_of`.

    Raises `FileError` for what is missing, `InputError` for an entry that is not clear, `LabelError` for labels.
    """
    content = read_json(folder / FILE)
    where = f"{FILE} of {folder.resolve().name!r}"
    rows = list(_rows(content, where))
    channels = channels_of(content)
    inputs = image_inputs(_named(channels, rows, where))
    entries = with_names([_entry(folder, place, row, part, inputs) for place, row, part in rows])
    return labelled_set(
        folder, entries, inputs, structures_of(content, where), kind="cases listed in dataset.json", about=content
    )


def channels_of(content: Mapping[str, Any]) -> dict[str, str]:
    """What a `dataset.json` says of its channels: "channel_names" or "modality", as a mapping or a list.

    Numbered channels come in the order of their numbers.
    """
    said = content.get("channel_names") or content.get("modality") or {}
    if isinstance(said, Mapping):
        numbered = all(str(key).isdecimal() for key in said)
        keys = sorted(said, key=int) if numbered else said
        return {str(key): str(said[key]) for key in keys}
    return {str(number): str(words) for number, words in enumerate(said if isinstance(said, list) else [said])}


def said_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says besides its files, as fields of `Entry`. A patient may be a number, 0 among them."""
    small = {str(key).lower(): value for key, value in row.items()}
    part = next((small[key] for key in PART if small.get(key)), "")
    patient = next((small[key] for key in PATIENT if small.get(key) is not None), None)
    return {
        "drawn": row.get("drawn"),
        "left_out": row.get("left_out", row.get("cut")),
        "part": str(part),
        "patient": None if patient is None else str(patient) or None,
    }


def _rows(content: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Each labelled entry: where it stands, itself, and its part. Entries of images alone are passed over."""
    for key, part in LISTS.items():
        for number, row in enumerate(content.get(key) or [], start=1):
            place = f"{where}: entry {number} of {key!r}"
            if isinstance(row, Mapping) and row.get("label"):
                yield place, row, part
            elif key == "training":
                raise InputError(f"{place} has no label, and a training needs one for each case. Add it.")


def _named(channels: Mapping[str, str], rows: list[tuple[str, Mapping[str, Any], str]], where: str) -> dict[str, str]:
    """The names of the images, with the words on each."""
    named = {key: words for key, words in channels.items() if not key.isdecimal()}
    if named:
        return named
    if any("image" not in row for _, row, _ in rows):
        keys = dict.fromkeys(key for _, row, _ in rows for key in row if key not in {*RESERVED, "id", "cut", "image"})
        raise InputError(
            f'{where} must say what the images are, as in "modality": {{"t1": "MRI", "ct": "CT"}}. '
            f"Its entries have the keys {', '.join(keys)}."
        )
    return channel_names(list(channels.values()))


def _entry(folder: Path, where: str, row: Mapping[str, Any], part: str, inputs: tuple[ImageInput, ...]) -> Entry:
    images = dict(_images(folder, where, row, inputs))
    said = said_of(row)
    return Entry(
        where, str(row.get("id") or ""), images, folder / str(row["label"]), **{**said, "part": said["part"] or part}
    )


def _images(
    folder: Path, where: str, row: Mapping[str, Any], inputs: tuple[ImageInput, ...]
) -> Iterator[tuple[str, ImageFile]]:
    """The name and file of each image of an entry."""
    names = [one.name for one in inputs]
    given = row.get("image")
    if not given or ("image" in names and isinstance(given, str)):
        yield from ((name, ImageFile(folder / str(row[name]))) for name in names if row.get(name))
    elif isinstance(given, list) and len(given) == len(names):
        yield from ((name, ImageFile(folder / str(path))) for name, path in zip(names, given, strict=True) if path)
    elif isinstance(given, str):
        yield from ((name, ImageFile(folder / given, volume=number)) for number, name in enumerate(names))
    else:
        raise InputError(f"{where} has {len(given)} images, and the data set names {len(names)}: {', '.join(names)}.")
