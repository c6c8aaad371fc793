"""Cases of several images each, and their folds for cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_attn.errors import InputError
from monai_attn.io.msd import folder_of, read_json, resolve
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of

__all__ = ["fold_cases", "several_image_cases"]


def fold_cases(
    dataset_dir: str | Path, folds_file: str | Path, fold: int | None, part: str, images: Sequence[str]
) -> list[dict[str, str]]:
    """The cases of `dataset_dir/dataset.json` that a fold trains on (`part="train"`) or keeps aside ("validation").

    Each is `{"case": id, name: path for each of images, "label": path}`; an image that an entry does not list is
    left out, and an entry without any of them is refused. `folds_file` holds a list of lists of ids. `fold=None`: all
    cases, for both parts. A dataset that shares no case with the folds is somebody else's: then every fifth case
    by sorted id, from `fold` on, is kept aside. Raises `FileError` or `InputError` for what is missing, for cases that
    no fold lists, for an unknown fold, or where a part is empty.
    """
    if part not in ("train", "validation"):
        raise InputError(f"Unknown part {part!r} of a fold. Choose train or validation.")
    cases = _cases(folder_of(dataset_dir), images)
    folds = read_json(Path(folds_file)).get("folds", [])
    if fold is None:
        return [cases[name] for name in sorted(cases)]
    if not 0 <= fold < len(folds):
        raise InputError(f"There is no fold {fold}: {Path(folds_file).name} has the folds 0 to {len(folds) - 1}.")
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
    return [cases[name] for name in chosen]


def several_image_cases(dataset_dir: str | Path, images: Sequence[str]) -> list[dict[str, str]]:
    """The cases to segment, `{"case": name, name: path for each of images that is there}` each, by name.

    Those of `dataset_dir/dataset.json` where there is one (its "test" list, else its "training" list). Otherwise each
    subfolder with a file called like one of `images` (`STS_003/t1.nii.gz`), or the folder itself. A path may be a
    DICOM folder of one series. Raises `FileError` or `InputError` for what is missing, or when nothing is found.
    """
    folder = folder_of(dataset_dir)
    if (folder / "dataset.json").is_file():
        content = read_json(folder / "dataset.json")
        rows = content.get("test") or content.get("training") or []
        found = {
            str(row["id"]): {name: str(resolve(folder, row[name])) for name in images if row.get(name)} for row in rows
        }
    else:
        folders = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        found = {path.resolve().name: _named_images(path, images) for path in folders}
    cases = [{"case": name, **paths} for name, paths in sorted(found.items()) if paths]
    if not cases:
        raise InputError(
            f"{folder.name!r} holds no case: neither a dataset.json nor a file called {images[0]}.nii.gz or the like, "
            "in it or in its folders. Set --dataset_dir."
        )
    return cases


def _named_images(folder: Path, images: Sequence[str]) -> dict[str, str]:
    named = {stem(path): str(path) for path in folder.iterdir() if suffix_of(path) in VOLUME_SUFFIXES}
    return {name: named[name] for name in images if name in named}


def _cases(folder: Path, images: Sequence[str]) -> dict[str, dict[str, str]]:
    cases: dict[str, dict[str, str]] = {}
    for row in read_json(folder / "dataset.json").get("training") or []:
        there = [name for name in images if isinstance(row, dict) and row.get(name)]
        if not there or not {"id", "label"} <= row.keys():
            raise InputError(
                f"dataset.json of {folder.name!r}: each entry of 'training' needs an id, a label and at least one of "
                f"{', '.join(images)}."
            )
        if row["id"] in cases:
            raise InputError(f"dataset.json of {folder.name!r} lists the case {row['id']!r} twice.")
        paths = {name: str(resolve(folder, row[name])) for name in [*there, "label"]}
        cases[str(row["id"])] = {"case": str(row["id"]), **paths}
    if not cases:
        raise InputError(f"dataset.json of {folder.name!r} lists no case under 'training'.")
    return cases
