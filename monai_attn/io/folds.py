"""Cases of several images each, and their folds for cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_attn.errors import InputError
from monai_attn.io.jsonfile import read_json
from monai_attn.io.msd import folder_of, resolve
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of

__all__ = ["fold_cases", "named_images", "several_image_cases"]


def fold_cases(
    dataset_dir: str | Path, folds_file: str | Path, fold: int | str | None, part: str, images: Sequence[str]
) -> list[dict[str, str]]:
    """The cases of `dataset_dir/dataset.json` that a fold trains on (`part="train"`) or keeps aside ("validation").

    Each is `{"case": id, name: path for each of images, "label": path}`; an image that an entry does not list is
    left out, and an entry without any of them is refused. `folds_file` holds a list of lists of ids. `fold` "all" or
    None: all cases, for both parts (MONAI's command line passes over `--fold None`). A dataset that shares no case with
    the folds is somebody else's: then each case in turn, by sorted id, is kept aside by the next fold. Raises
    `FileError` or `InputError` for what is missing, for cases that no fold lists, for an unknown fold, or where a part
    is empty.
    """
    if part not in ("train", "validation"):
        raise InputError(f"Unknown part {part!r} of a fold. Choose train or validation.")
    cases = _cases(folder_of(dataset_dir), images)
    if fold in (None, "all"):
        return [cases[name] for name in sorted(cases)]
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
        part = "test" if content.get("test") else "training"
        return list(_cases(folder, images, part, labelled=False).values())
    folders = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    found = [(path.resolve().name, named_images(path, images)) for path in folders]
    cases = [{"case": name, **{key: str(path) for key, path in paths.items()}} for name, paths in found if paths]
    if not cases:
        raise InputError(
            f"No case lies in {folder.resolve().name!r}: it has neither a dataset.json nor a file called "
            f"{images[0]}.nii.gz or the like, in it or in its folders. Set --dataset_dir."
        )
    return cases


def named_images(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The image files of a folder that are called like one of `names`, whatever the case of their letters, by name.

    Raises `InputError` for two of one name, such as `t1.nii.gz` and `T1.nrrd`.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = next((name for name in names if name.lower() == stem(path).lower()), None)
        if name is None or suffix_of(path) not in VOLUME_SUFFIXES or not path.is_file():
            continue
        if name in found:
            raise InputError(
                f"Which is {name} of {folder.resolve().name!r}: {found[name].name} or {path.name}? Move one of them."
            )
        found[name] = path
    return {name: found[name] for name in names if name in found}


def _cases(
    folder: Path, images: Sequence[str], part: str = "training", *, labelled: bool = True
) -> dict[str, dict[str, str]]:
    """The cases of one list of `folder/dataset.json`, by id, in its order."""
    cases: dict[str, dict[str, str]] = {}
    for number, row in enumerate(read_json(folder / "dataset.json").get(part) or [], start=1):
        there = [name for name in images if isinstance(row, dict) and row.get(name)]
        if not there or "id" not in row or (labelled and "label" not in row):
            raise InputError(
                f"dataset.json of {folder.resolve().name!r}: entry {number} of {part!r} lacks an id, "
                f"{'a label, ' if labelled else ''}or any of {', '.join(images)}. Each needs them."
            )
        name = str(row["id"])
        if name in cases:
            raise InputError(f"dataset.json of {folder.resolve().name!r} lists the case {name!r} twice.")
        keys = [*there, "label"] if labelled else there
        cases[name] = {"case": name, **{key: str(resolve(folder, row[key])) for key in keys}}
    if not cases:
        raise InputError(f"dataset.json of {folder.resolve().name!r} lists no case under {part!r}.")
    return cases
