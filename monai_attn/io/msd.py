"""Lists of cases: a `dataset.json` as in the Medical Segmentation Decathlon, or a folder of images."""

from __future__ import annotations

from pathlib import Path

from monai_attn.errors import FileError, InputError
from monai_attn.io.jsonfile import read_json
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of

__all__ = ["folder_of", "inference_cases", "resolve", "split_cases", "unseen_cases"]

PARTS = ("train", "validation", "test")

DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
"""Of files that hold a slice of one."""


def split_cases(dataset_dir: str | Path, split_file: str | Path, part: str) -> list[dict[str, str]]:
    """The cases of one part ("train", "validation" or "test") of `dataset_dir/dataset.json`.

    Each is `{"case": name, "image": path, "label": path}`. `split_file` lists the names of each part. A dataset that
    shares no case with it is somebody else's: then, by sorted name, every tenth case is for validation, the one after
    it for test, and the rest for training. Raises `FileError` or `InputError` when the dataset, one of its files or a
    listed case is missing, when it has cases the split does not list, or when the part is empty.
    """
    if part not in PARTS:
        raise InputError(f"Unknown part {part!r} of a split. Choose one of {', '.join(PARTS)}.")
    cases = _labelled_cases(folder_of(dataset_dir))
    split = _read_split(Path(split_file))
    listed = {name for names in split.values() for name in names}
    if not listed & cases.keys():
        ordered = sorted(cases)
        places = {"validation": lambda i: i % 10 == 0, "test": lambda i: i % 10 == 1, "train": lambda i: i % 10 > 1}
        chosen = [name for index, name in enumerate(ordered) if places[part](index)]
        if len(ordered) == 1 or (not chosen and part != "train"):
            chosen = ordered  # too few to hold any out: with one or two cases the parts are the same
    else:
        unlisted, missing = sorted(cases.keys() - listed), sorted(set(split[part]) - cases.keys())
        if unlisted or missing:
            what = f"{len(unlisted)} cases it does not list ({unlisted[0]} ...)" if unlisted else ""
            lack = f"{len(missing)} of its cases missing ({missing[0]} ...)" if missing else ""
            raise InputError(
                f"{Path(dataset_dir).name} does not fit the split {Path(split_file).name}: "
                f"{' and '.join(filter(None, (what, lack)))}. Give your own list with --split_file."
            )
        chosen = split[part]
    if not chosen:
        raise InputError(f"The part {part!r} of {Path(dataset_dir).name} is empty: it has {len(cases)} cases in all.")
    return [cases[name] for name in chosen]


def unseen_cases(dataset_dir: str | Path, split_file: str | Path) -> list[dict[str, str]]:
    """The labelled cases of `dataset_dir/dataset.json` that are in neither the training nor the validation list.

    Each is as in `split_cases`. Raises `FileError` or `InputError` when the dataset or
    one of its files is missing, or when none of its cases is unseen.
    """
    cases = _labelled_cases(folder_of(dataset_dir))
    split = _read_split(Path(split_file))
    seen = {*split["train"], *split["validation"]}
    unseen = [case for name, case in sorted(cases.items()) if name not in seen]
    if not unseen:
        raise InputError(f"All {len(cases)} cases of {Path(dataset_dir).name} were used in training; none is unseen.")
    return unseen


def inference_cases(dataset_dir: str | Path, pattern: str = "*") -> list[dict[str, str]]:
    """The images to segment, `{"case": name, "image": path}` each.

    Those of `dataset_dir/dataset.json` where there is one (its "test" list, else its "training" list). Otherwise
    what matches `pattern` in the folder, by name: NIfTI, NRRD and MetaImage files, and folders of DICOM slices;
    `dataset_dir` itself when it is such a folder. A case below a subfolder carries that in its name:
    `case_017/t1.nii.gz` is `case_017_t1`. Raises `FileError` for a missing folder or image and `InputError` when
    nothing is found or two cases have one name.
    """
    folder = folder_of(dataset_dir)
    if (folder / "dataset.json").is_file():
        content = read_json(folder / "dataset.json")
        rows = content.get("test") or content.get("training") or []
        images = [resolve(folder, row["image"] if isinstance(row, dict) else row) for row in rows]
        named = [(stem(image), image) for image in images]
    else:
        images = sorted(path for path in folder.glob(pattern) if _is_image(path))
        if not images and _holds_dicom(folder):
            images = [folder]
        named = [("_".join([*path.relative_to(folder).parts[:-1], stem(path)]), path) for path in images]
    if not images:
        raise InputError(f"No image matches {pattern!r} in {folder.name!r}. Set --dataset_dir, or --pattern.")
    _refuse_twins([name for name, _ in named], folder)
    return [{"case": name, "image": str(image)} for name, image in named]


def _labelled_cases(folder: Path) -> dict[str, dict[str, str]]:
    content = read_json(folder / "dataset.json")
    cases = []
    for row in content.get("training") or []:
        if not isinstance(row, dict) or not {"image", "label"} <= row.keys():
            raise InputError(f"dataset.json of {folder.name!r}: each entry of 'training' needs an image and a label.")
        image, label = resolve(folder, row["image"]), resolve(folder, row["label"])
        cases.append({"case": stem(image), "image": str(image), "label": str(label)})
    if not cases:
        raise InputError(f"dataset.json of {folder.name!r} lists no case under 'training'.")
    _refuse_twins([case["case"] for case in cases], folder)
    return {case["case"]: case for case in cases}


def folder_of(dataset_dir: str | Path) -> Path:
    """The folder, which must be there. Raises `FileError`."""
    folder = Path(dataset_dir)
    if not folder.is_dir():
        raise FileError(f"dataset_dir {str(dataset_dir)!r} is not a folder. Set it with --dataset_dir.")
    return folder


def _is_image(path: Path) -> bool:
    """A file that holds a volume, or a folder of DICOM slices."""
    return _holds_dicom(path) if path.is_dir() else suffix_of(path) in VOLUME_SUFFIXES


def _holds_dicom(folder: Path) -> bool:
    """Whether one of the folder's own files is DICOM, by its suffix or by the letters after the 128-byte preamble."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as stream:
                if suffix_of(path) in DICOM_SUFFIXES or stream.read(132)[128:] == b"DICM":
                    return True
    return False


def _refuse_twins(names: list[str], folder: Path) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(
            f"Two images of {folder.name!r} are called {twins[0]!r}; results are named by case, so one would replace "
            "the other. Rename one of them."
        )


def _read_split(path: Path) -> dict[str, list[str]]:
    content = read_json(path)
    if not all(isinstance(content.get(part), list) for part in PARTS):
        raise InputError(f"{path.name} must hold the lists {', '.join(PARTS)}.")
    return {part: content[part] for part in PARTS}


def resolve(folder: Path, entry: str) -> Path:
    """The file that a dataset.json in `folder` means. Raises `FileError` where it is missing."""
    path = folder / entry
    if not path.exists():
        raise FileError(f"dataset.json of {folder.name!r} lists {entry}, which does not exist.")
    return path
