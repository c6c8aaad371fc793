"""A file of names that a user gives: names, and where the kind of file has them colours and codes, of label values."""

from __future__ import annotations

from pathlib import Path

from monai_attn.errors import FileError
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.label_text import PARSERS, table_of
from monai_attn.labels import LabelTable

__all__ = ["read_label_file"]


def read_label_file(path: Path) -> LabelTable:
    """The names in a file of labels: JSON, BIDS (.tsv), ITK-SNAP (.label, .txt) or FSL (.xml).

    A JSON file with a list of `labels`, as the record of a mask has it, may hold colours and codes too.

    Raises `FileError` for a file that is missing, of another kind, or without names, and `LabelError` for a list that
    is no list of labels.
    """
    parse = PARSERS.get(path.suffix.lower())
    if not path.is_file() or parse is None:
        raise FileError(f"{path.name} is no file of labels: it must be there, and end with {', '.join(PARSERS)}.")
    listed = read_json_file(path) if path.suffix.lower() == ".json" else None
    if isinstance(listed, dict) and isinstance(listed.get("labels"), list):
        return LabelTable.from_json(listed["labels"])
    found = table_of(parse(path), path.name)
    if found is None:
        raise FileError(f'{path.name} names no labels. In JSON write {{"labels": {{"1": "liver"}}}}.')
    return found.table
