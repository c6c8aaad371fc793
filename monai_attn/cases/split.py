"""Which labelled cases a training learns from, which stop it, and which it never sees."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from monai_attn.cases.datasets import folder_of, labelled_cases
from monai_attn.cases.record import split_record_of
from monai_attn.errors import InputError
from monai_attn.io.jsonfile import read_json
from monai_attn.wording import counted

__all__ = ["all_cases", "holds_most", "split_cases", "unseen_cases", "unseen_of"]

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


def holds_most(count: int, total: int) -> bool:
    """Whether one patient has so many of all cases that they cannot be held out: more than a third.

    >>> holds_most(1, 2), holds_most(3, 9), holds_most(4, 9)
    (False, False, True)
    """
    return count > 1 and 3 * count > total


def all_cases(dataset_dir: str | Path, images: Sequence[str] = ("image",)) -> list[dict[str, str]]:
    """The labelled cases of `dataset_dir/dataset.json`, by name, as `split_cases` and `fold_cases` give them.

    Raises `FileError` or `InputError`.
    """
    return [case.row(images[0]) for _, case in sorted(labelled_cases(folder_of(dataset_dir), images).items())]


def unseen_of(
    cases: Sequence[dict[str, str]], weights: str | Path, *, include_seen: bool = False
) -> list[dict[str, str]]:
    """Those of `cases` that the weights in a file have never seen, in their order.

    The record that belongs to the weights says so, see `split_record_of`. With `include_seen` all are given, and the
    scores say for each whether it was seen. Raises `InputError` where the record is missing or not complete, or when
    no case is unseen.
    """
    if include_seen:
        return list(cases)
    record, name = split_record_of(weights), Path(weights).name
    way_out = "Or score all cases with --include_seen true: the scores then say which cases the weights have seen."
    if record is None:
        raise InputError(
            f"Which cases the weights {name} have seen is not known: no split.json beside them belongs to them. "
            f"Copy the split.json of their training there. {way_out}"
        )
    if not record.complete:
        raise InputError(
            f"Which cases the weights {name} have seen is not known: they began with weights that have no split.json. "
            f"{way_out}"
        )
    unseen = [case for case in cases if record.has_seen(case["case"]) == "no"]
    if not unseen:
        raise InputError(f"All {len(cases)} cases were used in the training of {name}; none is unseen. {way_out}")
    return unseen


def unseen_cases(dataset_dir: str | Path, split_file: str | Path) -> list[dict[str, str]]:
    """The labelled cases of `dataset_dir/dataset.json` that are in neither the training nor the validation list.

    For older configs, which do not name their weights; newer configs use `unseen_of`. Each case is as in
    `split_cases`. Raises `FileError` or `InputError` when the dataset or one of its files is missing, or when none of
    its cases is unseen. A dataset of which `split_file` lists no case is refused too: a training on it split it
    automatically, and `split_file` does not say how.
    """
    cases = all_cases(dataset_dir)
    split, name = read_split(Path(split_file)), Path(dataset_dir).name
    if not {case["case"] for case in cases} & {case for part in split.values() for case in part}:
        raise InputError(
            f"{Path(split_file).name} lists no case of {name}, so it does not say which of them training has seen. "
            "Use the evaluate.json of the shipped bundle, which asks the split.json beside the weights."
        )
    seen = {*split["train"], *split["validation"]}
    unseen = [case for case in cases if case["case"] not in seen]
    if not unseen:
        raise InputError(f"All {len(cases)} cases of {name} were used in training; none is unseen.")
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
        what = f"{counted(len(unlisted), 'case')} it does not list ({unlisted[0]} ...)" if unlisted else ""
        lack = f"{len(missing)} of its cases missing ({missing[0]} ...)" if missing else ""
        raise InputError(
            f"{dataset} does not fit the split {split}: {' and '.join(filter(None, (what, lack)))}. "
            "Give your own list with --split_file."
        )
