"""Pairs of masks to compare: two files, or the files of two folders, paired by name.

`monai-attn compare` and `monai-attn report --cohort` call `find_pairs`. Nothing is read: whether two masks lie on
one grid is seen when they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monai_attn.cases import image_files
from monai_attn.cases.labelled import LabelledCase, LabelledSet, find_labelled
from monai_attn.errors import FileError, InputError
from monai_attn.io.names import VOLUME_SUFFIXES
from monai_attn.labels import LabelTable
from monai_attn.segmentation import case_name

__all__ = ["Pair", "find_pairs"]


@dataclass(frozen=True)
class Pair:
    """The predicted mask and the reference mask of a case; None for a mask that is missing.

    A pair without one of its masks is reported as an error of that case, not left out. `labelled` is the case of a data
    set whose mask is the reference, and `table` the structures of that data set.

    >>> Pair("case_1", Path("out/case_1_seg.nii.gz"), None).reference is None
    True
    """

    case: str
    prediction: Path | None
    reference: Path | None
    labelled: LabelledCase | None = None
    table: LabelTable | None = None


def find_pairs(prediction: str | Path, reference: str | Path) -> list[Pair]:
    """The pairs of two files, or of two folders: a pair for each case that is in either folder, ordered by name.

    A case is a file name without its imaging suffix and without our `_seg`. So `case_1_seg.nii.gz` is paired with
    `case_1.nrrd`. Raises `FileError` for what does not exist, `InputError` for a file and a folder, for a folder
    without masks, and for two masks of one case in a folder.

    Of two files the case is called by the first.

    The reference may be a labelled data set: a folder with a `dataset.json`, or a table (.csv); see `find_labelled`.
    Then structures that were not drawn in a case, or are not to be scored, are not compared. Of a data set with parts,
    the cases of those parts are expected that any prediction belongs to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     masks = [Path(folder) / "case_1_seg.nii.gz", Path(folder) / "expert.nii.gz"]
    ...     for mask in masks:
    ...         mask.touch()
    ...     find_pairs(*masks)[0].case
    'case_1'
    """
    paths = Path(prediction), Path(reference)
    for path in paths:
        if not path.exists():
            raise FileError(f"{path.name or path} does not exist.")
    if _is_data_set(paths[1]):
        return _pairs_of_set({case_name(paths[0]): paths[0]} if paths[0].is_file() else _masks(paths[0]), paths[1])
    if all(path.is_file() for path in paths):
        return [Pair(case_name(paths[0]), *paths)]
    if not all(path.is_dir() for path in paths):
        raise InputError("Compare two files, or two folders; not a file and a folder.")
    predictions, references = _masks(paths[0]), _masks(paths[1])
    cases = sorted({*predictions, *references})
    return [Pair(case, predictions.get(case), references.get(case)) for case in cases]


def _is_data_set(path: Path) -> bool:
    """A table, or a folder with a `dataset.json` and no masks of its own, as nnU-Net writes into its results."""
    if path.is_dir():
        return (path / "dataset.json").is_file() and not image_files(path)
    return path.suffix.lower() == ".csv"


def _pairs_of_set(predictions: dict[str, Path], path: Path) -> list[Pair]:
    """The predictions with the cases of a data set, ordered by name."""
    found = find_labelled(path)
    references = {case.name: case for case in _expected(found, predictions)}
    return [
        Pair(
            name,
            predictions.get(name),
            references[name].label.path if name in references else None,
            references.get(name),
            found.labels,
        )
        for name in sorted({*predictions, *references})
    ]


def _expected(found: LabelledSet, predictions: dict[str, Path]) -> list[LabelledCase]:
    """The cases of a data set that there should be predictions of: those of the parts of the predictions."""
    parts = {case.part for case in found if case.name in predictions}
    lone = len(predictions) == 1
    return [case for case in found if case.part in parts and (not lone or case.name in predictions)]


def _masks(folder: Path) -> dict[str, Path]:
    """The masks of a folder by case name. Raises `InputError` for no mask, and for two masks of one case."""
    found: dict[str, Path] = {}
    for path in image_files(folder):
        other = found.setdefault(case_name(path), path)
        if other != path:
            raise InputError(
                f"{folder.name} holds two masks of the case {case_name(path)!r}: {other.name} and {path.name}. "
                "Keep only one mask of each case there."
            )
    if not found:
        raise InputError(f"{folder.name} holds no mask: none of its files ends in {', '.join(VOLUME_SUFFIXES)}.")
    return found
