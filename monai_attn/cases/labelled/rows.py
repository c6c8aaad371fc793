"""Labelled cases as the configs of bundles name them: the cases of one part of a split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai_attn.cases.labelled.finding import find_labelled
from monai_attn.cases.split import read_split
from monai_attn.errors import InputError

__all__ = ["labelled_rows"]


def labelled_rows(
    dataset_dir: str | Path, split_file: str | Path | None = None, part: str = "train"
) -> list[dict[str, Any]]:
    """The cases of one part of a data set in any layout of `find_labelled`, as `LabelledCase.row` gives them.

    `split_file` lists the case names of each part ("train", "validation", "test"). Without it the data set's own parts
    are taken. Raises `InputError` for a part without a case, for a listed case that is missing, and as
    `find_labelled` does.
    """
    found = find_labelled(dataset_dir)
    if split_file is None:
        names = [case.name for case in found if case.part == part]
    else:
        split = read_split(Path(split_file))
        if part not in split:
            raise InputError(f"Unknown part {part!r} of a split. Choose one of {', '.join(split)}.")
        names = split[part]
    if not names:
        raise InputError(f"The part {part!r} of {found.name} is empty: it has {len(found)} cases in all.")
    return found.rows(names)
