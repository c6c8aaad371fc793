"""Folds for cross-validation: which cases a training learns from, and which cases it keeps aside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_attn.cases.datasets import folder_of, labelled_cases
from monai_attn.errors import InputError
from monai_attn.io.jsonfile import read_json

__all__ = ["fold_cases"]


def fold_cases(
    dataset_dir: str | Path, folds_file: str | Path, fold: int | str | None, part: str, images: Sequence[str]
) -> list[dict[str, str]]:
    """The cases that a fold trains on (`part="train"`) or keeps aside ("validation"), of `dataset_dir/dataset.json`.

    Each is `{"case": id, name: path for each of images, "label": path}`; an image that an entry does not list is
    left out, and an entry without any image is refused. `folds_file` holds a list of lists of ids. `fold` "all" or
    None gives all cases for both parts (MONAI's command line passes over `--fold None`). A dataset that shares no
    case with the folds is cut into as many: each case in turn, by sorted id, is kept aside by the next fold.

    Raises `FileError` for what is missing. Raises `InputError` for cases that no fold lists, for an unknown fold, or
    where a part is empty.
    """
    if part not in ("train", "validation"):
        raise InputError(f"Unknown part {part!r} of a fold. Choose train or validation.")
    cases = labelled_cases(folder_of(dataset_dir), images)
    if fold in (None, "all"):
        return [cases[name].row(images[0]) for name in sorted(cases)]
    folds = read_json(Path(folds_file)).get("folds")
    if not isinstance(folds, list) or len(folds) < 2:
        raise InputError(f"{Path(folds_file).name} must hold a list 'folds' of two or more lists of ids.")
    if not isinstance(fold, int) or not 0 <= fold < len(folds):
        raise InputError(
            f"There is no fold {fold!r}: {Path(folds_file).name} has the folds 0 to {len(folds) - 1}, and all."
        )
    listed = {name for names in folds for name in names}
    if listed & cases.keys():
        unlisted, missing = sorted(cases.keys() - listed), sorted(listed - cases.keys())
        if unlisted or missing:
            raise InputError(
                f"{Path(dataset_dir).name} does not fit {Path(folds_file).name}: {len(unlisted)} of its cases are in "
                f"no fold, {len(missing)} listed ones are missing ({(unlisted + missing)[0]} ...). "
                "Give your own list with --folds_file."
            )
        aside = set(folds[fold])
    else:
        aside = {name for index, name in enumerate(sorted(cases)) if index % len(folds) == fold}
    chosen = sorted(cases.keys() - aside if part == "train" else aside)
    if not chosen:
        raise InputError(f"The part {part!r} of fold {fold} is empty: {Path(dataset_dir).name} has {len(cases)} cases.")
    return [cases[name].row(images[0]) for name in chosen]
