"""Which structures masks hold where no `dataset.json` says it: names beside or within the masks, else their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from monai_attn.cases.labelled.files import structures_held
from monai_attn.cases.labelled.structures import Structures, joined_structures, names_in, numbered
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io import read
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.label_names import label_names
from monai_attn.io.label_text import labels_beside
from monai_attn.io.names import stem
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array, label_values

__all__ = ["structures_in"]

READERS = 2
"""Masks that are read at a time, where their values are looked for."""


def structures_in(folder: Path, masks: Sequence[Path]) -> tuple[Structures, dict[Path, tuple[str, ...] | None]]:
    """The structures of reference masks, and for each mask the names of those that it holds, in small letters.

    Masks that hold structures by name are DICOM SEG, RTSTRUCT, `.seg.nrrd` of several layers, and folders with a file
    for each structure; see `joined_structures`. Of label maps the names are looked for in the data set, see
    `named_structures`, and nothing says which of them a mask holds: None. Raises `InputError` for masks of both kinds.
    """
    held = {mask: structures_held(mask) for mask in dict.fromkeys(masks) if mask.exists()}
    by_name = {mask: structures for mask, structures in held.items() if structures is not None}
    if not by_name:
        return named_structures(folder, list(held)), dict.fromkeys(masks)
    if len(by_name) < len(held):
        one, other = next(mask for mask in held if mask not in by_name), next(iter(by_name))
        raise InputError(
            f"{one.parent.name}/{one.name} is a label map, and {other.parent.name}/{other.name} holds structures by "
            "name. Make the masks alike."
        )
    drawn = {mask: names_in(structures) for mask, structures in by_name.items()}
    return joined_structures(folder, by_name.values()), {mask: drawn.get(mask) for mask in masks}


def named_structures(folder: Path, masks: Sequence[Path]) -> Structures:
    """The structures of label maps. The first of these that exists names them:

    - a file `labels` in the folder: `.json`, `.tsv` (BIDS), `.label` or `.txt` (ITK-SNAP), `.xml` (FSL);
    - the records of our own masks (`CASE_seg.json`), and names within or beside the masks of other programs;
    - the values that occur in the masks, as "structure 1" and so on. Every mask is read for that.

    Raises `LabelError` where two masks name one value differently, and for masks without a structure.
    """
    beside = labels_beside(folder / "labels.nii.gz")
    if beside is not None:
        return numbered({label.value: label.name for label in beside.table})
    names: dict[int, str] = {}
    said_by: dict[int, str] = {}
    for mask in masks:
        for label in _names(mask):
            other = names.setdefault(label.value, label.name)
            if other != label.name:
                raise LabelError(
                    f"{mask.name} calls the value {label.value} {label.name!r}, and {said_by[label.value]} calls it "
                    f"{other!r}. Make them the same, or say what is right in a file labels.json."
                )
            said_by.setdefault(label.value, mask.name)
    return numbered(names or {value: _called(value) for value in _values(masks)})


def _names(mask: Path) -> LabelTable:
    """The names that a mask brings along; an empty table where it brings none."""
    record = mask.with_name(f"{stem(mask)}.json")
    if record.is_file():
        content = read_json_file(record)
        if isinstance(content, Mapping) and isinstance(content.get("labels"), list):
            return LabelTable.from_json(content["labels"])
    found = label_names(mask)
    return found.table if found is not None else LabelTable()


def _values(masks: Sequence[Path]) -> list[int]:
    """The values that occur in any of the masks; what cannot be read is found by the checks later."""
    with ThreadPoolExecutor(READERS) as pool:
        return sorted({value for values in pool.map(_values_of, masks) for value in values})


def _values_of(mask: Path) -> list[int]:
    try:
        return label_values(label_array(read(mask)))
    except LabelError as error:
        raise LabelError(f"{mask.name}: {error}") from error
    except (FileError, InputError):
        return []


def _called(value: int) -> str:
    return f"structure {value}"
