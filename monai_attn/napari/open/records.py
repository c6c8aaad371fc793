"""The names and the provenance of the labels of a mask file.

Called when a mask is opened, so that a mask saved with its JSON comes back with names, colours and provenance.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai_attn.cases.kinds import named_as_labels
from monai_attn.cases.provenance import provenance_beside
from monai_attn.errors import FileError
from monai_attn.io import stem
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.label_names import label_names
from monai_attn.labels import LabelTable
from monai_attn.segmentation import record_of

__all__ = ["record_beside"]


def record_beside(path: str | Path) -> tuple[LabelTable | None, dict[str, Any]]:
    """Label table and provenance of the JSON beside a mask, as `Segmentation.write` puts it there.

    A mask that another program changed since counts as edited by hand.

    Else the names that are within the file or in another file beside it, and no provenance; else None, nothing.

    Raises `FileError` when a JSON of ours is damaged, `LabelError` when its table is.

    A JSON that is not ours, without a list of "labels", is passed over. A damaged one is refused only where the name of
    the mask file says that it holds labels.
    """
    record = record_of(path)
    content: Any = {}
    if record.is_file():
        try:
            content = read_json_file(record)
        except FileError as error:
            if named_as_labels(stem(path)):
                raise FileError(f"{record.name}, which may name the labels beside it: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("labels"), list):
        return LabelTable.from_json(content["labels"]), provenance_beside(Path(path), content)
    named = label_names(path)
    return (named.table if named is not None else None), {}
