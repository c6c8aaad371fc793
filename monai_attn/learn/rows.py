"""The cases of a training as its config lists them: those of one part of the split that travels with the weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.bundle.locate import label_table
from monai_attn.cases import ImageFile, SplitRecord
from monai_attn.cases.labelled import LabelledCase, LabelledSet, find_labelled
from monai_attn.cases.split import holds_most
from monai_attn.errors import InputError, LabelError
from monai_attn.io.jsonfile import read_json

__all__ = ["part_cases", "split_of"]

PARTS = ("train", "validation", "test")


def part_cases(
    dataset_dir: str | Path,
    split_file: str | Path,
    part: str,
    *,
    fold: int | str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """The cases of one part ("train", "validation", "test" or "all") of a data set, as rows of a config.

    - `dataset_dir`: a data set in any layout that `find_labelled` knows.
    - `split_file`: lists the names of each part. Cases that it does not list are in no part but "all".
    - `fold`: for a split with "folds", the number of the fold that is held out for validation; the cases of the other
      folds are then the part "train". With None or "all" the lists of the parts count.
    - `limit`: at most so many cases, evenly spaced over the list.

    A lone image is called "image" in the rows, whatever the data set calls it.

    A data set that shares no case with `split_file` is split as `split_of` does it, with as many folds where a fold is
    asked for. Raises `InputError` for an unknown part or fold, for listed cases that the data set lacks, and for a part
    without a case; and what `find_labelled` raises. Raises `LabelError` where such a data set and the bundle of
    `split_file` give one structure two values.
    """
    labelled = find_labelled(dataset_dir)
    names = [case.name for case in labelled]
    split = read_json(Path(split_file)) if part != "all" or Path(split_file).is_file() else {}
    if not _listed(split) & set(names):
        _check_values(labelled, Path(split_file).with_name("metadata.json"))
    chosen = names if part == "all" else _chosen(labelled, split, part, fold)
    if not chosen:
        raise InputError(f"The part {part!r} of {labelled.name} is empty: it has {len(names)} cases in all.")
    if limit is not None and limit < len(chosen):
        chosen = [chosen[place * len(chosen) // limit] for place in range(limit)]
    rows = labelled.rows(chosen)
    only = labelled.images[0].name
    if len(labelled.images) > 1 or only == "image":
        return rows
    return [{("image" if key == only else key): value for key, value in row.items()} for row in rows]


def split_of(
    labelled: LabelledSet, names: Sequence[str], folds: int | None = None, *, before: SplitRecord | None = None
) -> dict[str, Any]:
    """The parts of the cases of these names, as `split.json` holds them.

    The parts that the data set gives are kept. Where it gives none, every tenth case of the sorted names is for
    validation and two of ten are for the test. Of five cases or fewer none is for the test. With `folds`, the cases for
    training and validation are also dealt to that many folds. All cases of a patient go to one part, and to one fold.

    A patient with more than a third of all cases is for the training. `before` is what the first weights have seen.
    Where the data set gives no parts, no such case is for the test, and none that they learned from for the validation.
    Raises `InputError` for more folds than patients.
    """
    given = {part: [name for name in names if labelled[name].part == part] for part in PARTS}
    people = _people(labelled, [name for name in names if labelled[name].part is None])
    place = {_whose(labelled[name]): part for part in PARTS for name in given[part]}
    for group in [group for group in people if _whose(labelled[group[0]]) in place]:
        given[place[_whose(labelled[group[0]])]] += group  # another case of this patient has its part
        people.remove(group)
    if not given["train"]:
        most = [group for group in people if holds_most(len(group), len(names))]
        free = [group for group in people if group not in most]
        parts = _dealt(free, test=not given["test"], validation=not given["validation"])
        parts["train"] += _joined(most)
        _back_to_training(labelled, parts, before or SplitRecord())
    else:
        parts = {"train": _joined(people), "validation": [], "test": []}
    split: dict[str, Any] = {part: sorted([*given[part], *parts[part]]) for part in PARTS}
    if not split["validation"]:
        learned = _people(labelled, split["train"])
        count = max(len(learned) // 10, 1) if len(learned) > 2 else 0
        new = [
            group for group in learned if not (_any_seen(group, before) or holds_most(len(group), len(names)))
        ] or learned
        aside = _joined(new[:: max(len(new) // count, 1)][:count]) if count else split["train"]
        split["validation"] = aside
        split["train"] = [name for name in split["train"] if name not in aside] if count else split["train"]
    if folds:
        both = _people(labelled, {*split["train"], *split["validation"]})
        if folds > len(both):
            raise InputError(
                f"{folds} folds need as many patients, and there are {len(both)} for the training and the validation. "
                "Give fewer folds, or leave them out."
            )
        split["folds"] = [_joined(both[number::folds]) for number in range(folds)]
    return split


def _people(labelled: LabelledSet, names: Collection[str]) -> list[list[str]]:
    """The names of each patient's cases, in the order of the names."""
    found: dict[str | ImageFile, list[str]] = {}
    for name in sorted(names):
        found.setdefault(_whose(labelled[name]), []).append(name)
    return list(found.values())


def _whose(case: LabelledCase) -> str | ImageFile:
    """The patient of a case; where none is named, its first image, on which two people may have drawn."""
    return case.patient or next(iter(case.images.values()))


def _back_to_training(labelled: LabelledSet, parts: dict[str, list[str]], before: SplitRecord) -> None:
    """Move patients of whom the first weights saw a case from the test, and those they learned from from validation."""
    learned = SplitRecord((*before.train, *before.before))
    for part, record in (("test", before), ("validation", learned)):
        for group in _people(labelled, parts[part]):
            if _any_seen(group, record):
                parts[part] = [name for name in parts[part] if name not in group]
                parts["train"] += group


def _any_seen(group: Sequence[str], record: SplitRecord | None) -> bool:
    return record is not None and any(record.has_seen(name) == "yes" for name in group)


def _joined(people: Sequence[Sequence[str]]) -> list[str]:
    """The cases of some patients, by name."""
    return sorted(name for group in people for name in group)


def _dealt(people: Sequence[Sequence[str]], *, test: bool, validation: bool) -> dict[str, list[str]]:
    """Cases without a part, dealt to the parts that have none; all cases of a patient go to one part."""
    few = len(people) <= 5
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for number, group in enumerate(people):
        if validation and number % 10 == 0 and len(people) > 2:
            parts["validation"] += group
        elif test and number % 10 in (1, 6) and not few:
            parts["test"] += group
        else:
            parts["train"] += group
    return parts


def _chosen(labelled: LabelledSet, split: Mapping[str, Any], part: str, fold: int | str | None) -> list[str]:
    """The names of the cases of a part."""
    if part not in PARTS:
        raise InputError(f"Unknown part {part!r} of a split. Choose one of {', '.join(PARTS)}, all.")
    names = [case.name for case in labelled]
    folds = split.get("folds") or []
    held_out = None if part == "test" or fold in (None, "all") else fold
    if held_out is not None and (not isinstance(held_out, int) or not 0 <= held_out < len(folds)):
        raise InputError(f"There is no fold {fold!r}: the split has the folds 0 to {len(folds) - 1}, and all.")
    if not _listed(split) & set(names):
        split = split_of(labelled, names, None if held_out is None else len(folds))
    wanted: list[str] = list(split.get(part) or [])
    if isinstance(held_out, int):
        held = set(split["folds"][held_out])
        others = [name for one in split["folds"] for name in one if name not in held]
        wanted = sorted(held) if part == "validation" else others
    missing = sorted(set(wanted) - set(names))
    if missing:
        raise InputError(
            f"{labelled.name} lacks {len(missing)} of the cases that the split lists ({missing[0]} ...). "
            "Give your own list with --split_file."
        )
    return wanted


def _listed(split: Mapping[str, Any]) -> set[str]:
    """The names of all cases that a split lists."""
    return {name for part in PARTS for name in split.get(part) or []}


def _check_values(labelled: LabelledSet, metadata: Path) -> None:
    """Raise `LabelError` where a data set and the bundle of this metadata.json, if there is one, exchange values."""
    known = label_table(read_json(metadata)) if metadata.is_file() else ()
    values = {label.name.casefold(): label.value for label in known}
    for label in labelled.labels:
        value = values.get(label.name.casefold(), label.value)
        if value != label.value:
            raise LabelError(
                f"{labelled.name} has {label.name!r} as structure {label.value}, and the bundle has it as {value}. "
                "Give the structures of the data set the order of the bundle: in the masks, or in labels.json."
            )
