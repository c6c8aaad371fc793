"""Labelled cases that a hand corrected in napari: masks `CASE_seg.nii.gz`, with records that name the images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.cases.folders import entries, image_files, named_images
from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import Entry, labelled_set
from monai_attn.cases.labelled.inputs import image_inputs
from monai_attn.cases.labelled.structures import Structures, numbered
from monai_attn.cases.provenance import HAND, provenance_beside
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of
from monai_attn.labels import LabelTable

__all__ = ["IMAGES", "corrected_cases", "image_record", "masks_with_records"]

IMAGES = "images"
"""The key of a record under which the places of the images stand, relative to the folder of the record."""

SUFFIX = "_seg"
"""What a mask of ours is called after its case."""

Record = Mapping[str, Any]


def image_record(image: ImageFile, folder: Path, name: str = "image") -> dict[str, Any]:
    """What a record in `folder` says of the image that a mask was drawn on; empty where there is no relative path.

    >>> image_record(ImageFile(Path("/data/ct/1.nii.gz")), Path("/data/masks"))["image"]["path"]
    '../ct/1.nii.gz'
    """
    try:
        path = Path(os.path.relpath(image.path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return {}
    choice = {key: value for key, value in (("series", image.series), ("volume", image.volume)) if value is not None}
    return {name: {"path": path, **choice}}


def masks_with_records(folder: Path) -> dict[Path, Record]:
    """The masks of ours in a folder, each with its record; empty where there is none."""
    found: dict[Path, Record] = {}
    for path in entries(folder):
        if path.suffix != ".json" or not path.stem.endswith(SUFFIX):
            continue
        try:
            content = read_json_file(path)
        except FileError:
            continue
        masks = [path.with_suffix(suffix) for suffix in VOLUME_SUFFIXES if path.with_suffix(suffix).is_file()]
        ours = isinstance(content, dict) and isinstance(content.get("provenance"), dict) and content.get("labels")
        if ours and masks:
            found[masks[0]] = content
    return found


def corrected_cases(folder: Path, masks: Mapping[Path, Record]) -> LabelledSet:
    """The labelled cases of these masks, of those that a hand corrected, in napari or in another program.

    The structures in a mask's own table are drawn. Those that only other masks have are unknown there; a note says so.

    A record names the image of its mask under "images". A record of an earlier version does not; the image is then the
    file of the case's name in the folder, or in the folder above. The images of a bundle of several lie beside the
    first. Masks that no hand has changed are left out, and a note says so: a network learns nothing from its own masks.

    Raises `InputError` where no mask was changed, `FileError` for an image that is not there, and `LabelError` for
    a value that two masks name differently.
    """
    changed = {mask: record for mask, record in masks.items() if provenance_beside(mask, record).get(HAND)}
    if not changed:
        raise InputError(
            f"None of the {len(masks)} masks in {folder.resolve().name} was changed by a hand, and a network learns "
            "nothing from its own masks. Correct some in napari and save them there."
        )
    left = len(masks) - len(changed)
    notes = [f"{left} masks that no hand has changed are left out."] if left else []
    names = _names(changed.values())
    tables = {mask: LabelTable.from_json(record["labels"]) for mask, record in changed.items()}
    structures = _structures(tables)
    entries = []
    for mask, record in changed.items():
        fewer_here = len(tables[mask]) < len(structures.table)
        drawn = [label.value for label in tables[mask]] if fewer_here else None
        case = stem(mask).removesuffix(SUFFIX)
        images = _images(folder, mask, case, record, list(names))
        entries.append(Entry(mask.name, case, images, mask, drawn=drawn))
    fewer = sum(entry.drawn is not None for entry in entries)
    if fewer:
        notes.append(f"{fewer} masks lack structures in their tables that others have; these are unknown there.")
    return labelled_set(
        folder,
        entries,
        image_inputs(names),
        structures,
        kind="masks corrected in napari",
        notes=notes,
    )


def _names(records: Iterable[Record]) -> dict[str, str]:
    """The names of the images with what the records say of each: one image, or those of a bundle of several."""
    names: dict[str, str] = {}
    for record in records:
        made = record["provenance"]
        several = made.get("images") if isinstance(made.get("images"), Mapping) else {}
        missing = made.get("missing") if isinstance(made.get("missing"), list) else []
        for name in [*several, *missing] or ["image"]:
            source = several.get(name) or made.get("source")
            said = str(source.get("modality") or "") if isinstance(source, Mapping) and name not in missing else ""
            names[name] = names.get(name) or said
    return names


def _structures(tables: Mapping[Path, LabelTable]) -> Structures:
    """The structures of all masks, in whose tables a value has one name."""
    names: dict[int, str] = {}
    for mask, table in tables.items():
        for label in table:
            if names.setdefault(label.value, label.name) != label.name:
                raise LabelError(
                    f"{mask.name} calls the value {label.value} {label.name!r}, and another mask calls it "
                    f"{names[label.value]!r}. Learn from masks of one table, or rename the structure in napari."
                )
    structures = numbered(names)
    if structures.values:
        return structures
    known = {label.value: label for table in tables.values() for label in table}
    return Structures(LabelTable(tuple(known.values())))


def _images(folder: Path, mask: Path, case: str, record: Record, names: Sequence[str]) -> dict[str, ImageFile]:
    """The images of a mask, by name."""
    said = record.get(IMAGES)
    found = {
        str(name): ImageFile(folder / str(place["path"]), place.get("series"), place.get("volume"))
        for name, place in (said.items() if isinstance(said, Mapping) else ())
        if isinstance(place, Mapping) and place.get("path")
    }
    if not found:
        beside = [path for place in (folder, folder.resolve().parent) for path in image_files(place)]
        path = next((one for one in beside if stem(one) == case and suffix_of(one) and one != mask), None)
        if path is None:
            raise FileError(
                f"The record of {mask.name} does not say where its image is. Copy the image beside the mask, as "
                f"{case}.nii.gz, or list images and masks in a table (.csv)."
            )
        found = {names[0]: ImageFile(path)}
    first = next(iter(found.values())).path
    if len(names) > 1 and len(found) == 1 and first.is_file():
        found |= {name: ImageFile(path) for name, path in named_images(first.parent, names).items()}
    return found
