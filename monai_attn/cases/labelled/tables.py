"""Labelled cases of a table: a CSV file with a column for each image and one for the mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from monai_attn.cases.images import ImageFile
from monai_attn.cases.labelled.case import LabelledSet
from monai_attn.cases.labelled.entry import PART, PATIENT, Entry, labelled_set, with_names
from monai_attn.cases.labelled.inputs import image_inputs
from monai_attn.cases.labelled.masks import structures_in
from monai_attn.cases.table import read_table
from monai_attn.errors import FileError, InputError
from monai_attn.io.names import suffix_of

__all__ = ["tabled_cases"]

MEANINGS = {
    "case": ("case", "id", "name"),
    "label": ("label", "labels", "mask", "segmentation", "seg", "reference"),
    "drawn": ("drawn",),
    "left_out": ("left_out", "cut"),
    "part": PART,
    "patient": PATIENT,
}
"""What a column means, and what it may be called, in small letters with _. Other columns with paths are images."""


def tabled_cases(path: Path) -> LabelledSet:
    """The labelled cases of a table (.csv, UTF-8), one a row, with paths relative to the table.

    The column `label` (or `mask`) names the mask: a label map, a DICOM SEG or RTSTRUCT, or a folder with a mask of each
    structure. Every other column with paths is an image of the column's name; an empty cell is a missing image. `case`
    names the case, else the first image's file does. `drawn` and `left_out` list structures ("1, 3" or names), an empty
    cell stands for all drawn, and "none" for none. `part` is train, validation or test. `patient` is equal for cases of
    one person.

    Columns without paths are not used, and a note says so. What the structures are called, see `structures_in`. Raises
    `InputError` with the line for what is not clear, and `FileError` for a file that does not exist. A column of images
    of which none exists is such an error.
    """
    header, lines = read_table(path)
    lines = [(number, row) for number, row in lines if any(row.values())]
    columns = dict(_meanings(path, header))
    images = [
        name for name in header if name not in columns.values() and any(_there(path, row[name]) for _, row in lines)
    ]
    if not images or "label" not in columns:
        raise InputError(
            f"{path.name} needs a column 'label' with the masks and a column for each image, with paths relative to "
            f"the table. It has the columns {', '.join(header)}."
        )
    inputs = image_inputs({_image_name(name): name for name in images})
    entries = [_entry(path, number, row, columns, images) for number, row in lines]
    if "case" not in columns:
        entries = with_names(entries)
    structures, drawn = structures_in(path.parent, [entry.label for entry in entries])
    entries = [entry if entry.drawn is not None else replace(entry, structures=drawn[entry.label]) for entry in entries]
    for name in (name for name in header if name not in images and name not in columns.values()):
        lost = next((row[name] for _, row in lines if suffix_of(Path(row[name]))), None)
        if lost is not None:
            raise FileError(
                f"The column {name!r} of {path.name} names images, and none of them exists ({lost} ...). Check the "
                "paths, which are relative to the table, or take the column out."
            )
    unused = [name for name in header if name and name not in images and name not in columns.values()]
    notes = [f"The columns {', '.join(unused)} of {path.name} hold no paths and are not used."] if unused else []
    return labelled_set(path, entries, inputs, structures, kind=f"the table {path.name}", notes=notes)


def _meanings(path: Path, header: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each meaning that a column has, with the name of the column."""
    for meaning, words in MEANINGS.items():
        found = [name for name in header if _image_name(name).lower() in words]
        if len(found) > 1:
            raise InputError(f"{path.name} has the columns {' and '.join(found)}; which is the {meaning}? Rename one.")
        if found:
            yield meaning, found[0]


def _there(path: Path, cell: str) -> bool:
    """Whether a cell names a file or a folder; a text that is too long for a name does not."""
    try:
        return bool(cell) and (path.parent / cell).exists()
    except OSError:
        return False


def _image_name(column: str) -> str:
    """A column's name as the name of an image."""
    return column.strip().replace(" ", "_").replace("-", "_")


def _entry(path: Path, number: int, row: Mapping[str, str], columns: Mapping[str, str], images: Sequence[str]) -> Entry:
    where = f"Line {number} of {path.name}"
    cells = {meaning: row[column] for meaning, column in columns.items()}
    if not cells["label"]:
        raise InputError(f"{where} has no mask in the column {columns['label']!r}, and a training needs one.")
    files = {_image_name(name): ImageFile(path.parent / row[name]) for name in images if row[name]}
    if not files:
        raise InputError(f"{where} has no image. Each case needs one of {', '.join(images)}.")
    for cell in (*(row[name] for name in images if row[name]), cells["label"]):
        if not _there(path, cell):
            lost = path.parent / cell
            raise FileError(f"{where}: {lost.parent.name}/{lost.name[:60]} does not exist. Check the path.")
    return Entry(
        where,
        cells.get("case", ""),
        files,
        path.parent / cells["label"],
        drawn=_listed(cells.get("drawn", "")),
        left_out=_listed(cells.get("left_out", "")),
        part=cells.get("part", ""),
        patient=cells.get("patient") or None,
    )


def _listed(cell: str) -> str | list[str] | None:
    """The structures of a cell: None where it is empty, an empty list for "none"."""
    return [] if cell.lower() in ("none", "-") else cell or None
