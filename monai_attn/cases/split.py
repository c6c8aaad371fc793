"""Which labelled cases a training learns from, which stop it, and which it never sees."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from monai_attn.cases.datasets import folder_of, labelled_cases
from monai_attn.errors import InputError
from monai_attn.io.jsonfile import read_json

__all__ = ["PARTS", "split_cases", "unseen_cases"]

PARTS = ("train", "validation", "test")


def split_cases(dataset_dir: str | Path, split_file: str | Path, part: str) -> list[dict[str, str]]:
    """The cases of one part ("train", "validation" or "test") of `dataset_dir/dataset.json`.

    Each is `{"case": name, "image": path, "label": path}`. `split_file` lists the names of each part. A dataset that
    shares no case with `split_file` is split automatically. Of the sorted names every tenth is for validation, the
    next name for test, and the rest for training; of one or two cases all are in every part.

    Raises `FileError` when the dataset or one of its files is missing. Raises `InputError` when the dataset lacks a
    case of the part, when it has cases that `split_file` does not list, or when the part is empty.
    """
    if part not in PARTS:
        raise InputError(f"Unknown part {part!r} of a split. Choose one of {', '.join(PARTS)}.")
    cases = labelled_cases(folder_of(dataset_dir))
    split = read_split(Path(split_file))
    listed = {name for names in split.values() for name in names}
    if listed & cases.keys():
        _check_fit(cases.keys(), listed, split[part], Path(dataset_dir).name, Path(split_file).name)
        chosen = split[part]
    else:
        chosen = automatic_part(cases.keys(), part)
    if not chosen:
        raise InputError(f"The part {part!r} of {Path(dataset_dir).name} is empty: it has {len(cases)} cases in all.")
    return [cases[name].row() for name in chosen]


def automatic_part(names: Collection[str], part: str) -> list[str]:
    """The names of one part of a data set that no split lists, sorted."""
    ordered = sorted(names)
    places = {"validation": lambda i: i % 10 == 0, "test": lambda i: i % 10 == 1, "train": lambda i: i % 10 > 1}
    chosen = [name for index, name in enumerate(ordered) if places[part](index)]
    if len(ordered) == 1 or (not chosen and part != "train"):
        return ordered  # too few to hold any out: with one or two cases the parts are the same
    return chosen


def unseen_cases(dataset_dir: str | Path, split_file: str | Path) -> list[dict[str, str]]:
    """The labelled cases of `dataset_dir/dataset.json` that are in neither the training nor the validation list.

    Each is as in `split_cases`. Raises `FileError` or `InputError` when the dataset or
    one of its files is missing, or when none of its cases is unseen.
    """
    cases = labelled_cases(folder_of(dataset_dir))
    split = read_split(Path(split_file))
    seen = {*split["train"], *split["validation"]}
    unseen = [case.row() for name, case in sorted(cases.items()) if name not in seen]
    if not unseen:
        raise InputError(f"All {len(cases)} cases of {Path(dataset_dir).name} were used in training; none is unseen.")
    return unseen


def read_split(path: Path) -> Mapping[str, list[str]]:
    """The lists of a split file by part. Raises `FileError`, or `InputError` where a list is missing."""
    content = read_json(path)
    if not all(isinstance(content.get(part), list) for part in PARTS):
        raise InputError(f"{path.name} must hold the lists {', '.join(PARTS)}.")
    return {part: content[part] for part in PARTS}


def _check_fit(
    names: Collection[str], listed: Collection[str], wanted: Collection[str], dataset: str, split: str
) -> None:
    unlisted, missing = sorted(set(names) - set(listed)), sorted(set(wanted) - set(names))
    if unlisted or missing:
        what = f"{len(unlisted)} cases it does not list ({unlisted[0]} ...)" if unlisted else ""
        lack = f"{len(missing)} of its cases missing ({missing[0]} ...)" if missing else ""
        raise InputError(
            f"{dataset} does not fit the split {split}: {' and '.join(filter(None, (what, lack)))}. "
            "Give your own list with --split_file."
        )
