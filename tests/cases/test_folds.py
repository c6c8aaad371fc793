"""Cases of several images, and their folds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monai_attn.bundle import find_bundle
from monai_attn.cases import fold_cases, named_images, several_image_cases
from monai_attn.errors import FileError, InputError

IMAGES = ("t1", "ct")
FOLDS = [["a", "b"], ["c"], ["d", "e"]]


@pytest.fixture
def dataset(tmp_path) -> Path:
    return make(tmp_path / "data", [row(name) for name in "ecabd"])


def row(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "t1": f"{name}/t1.nii.gz",
        "ct": f"{name}/ct.nii.gz",
        "label": f"{name}/label.nii.gz",
        **changes,
    }


def make(folder: Path, rows: list[Any], part: str = "training", **more: Any) -> Path:
    """A dataset.json and empty files; nothing here reads them."""
    for entry in rows:
        for path in (str(value) for key, value in dict(entry).items() if key != "id" and value):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps({part: rows, **more}))
    return folder


@pytest.fixture
def folds_file(tmp_path) -> Path:
    return write_folds(tmp_path, {"folds": FOLDS})


def write_folds(folder: Path, content: Any) -> Path:
    (folder / "folds.json").write_text(json.dumps(content))
    return folder / "folds.json"


def ids(cases: list[dict[str, str]]) -> list[str]:
    return [case["case"] for case in cases]


def test_every_case_is_kept_aside_in_one_fold_and_trained_on_in_the_others(dataset, folds_file):
    for fold, aside in enumerate(FOLDS):
        train, validation = (fold_cases(dataset, folds_file, fold, part, IMAGES) for part in ("train", "validation"))
        assert ids(validation) == aside
        assert ids(train) == sorted(set("abcde") - set(aside))


def test_a_case_has_its_id_its_images_and_its_label(dataset, folds_file):
    case, *_ = fold_cases(dataset, folds_file, 0, "validation", IMAGES)
    assert case == {
        "case": "a",
        "t1": str(dataset / "a/t1.nii.gz"),
        "ct": str(dataset / "a/ct.nii.gz"),
        "label": str(dataset / "a/label.nii.gz"),
    }
    assert set(fold_cases(dataset, folds_file, 0, "validation", ["t1"])[0]) == {"case", "t1", "label"}


@pytest.mark.parametrize("missing", [{"ct": None}, {"ct": ""}])
def test_an_image_that_an_entry_does_not_list_is_left_out(tmp_path, folds_file, missing):
    make(tmp_path / "data", [row(name, **missing) for name in "abcde"])
    assert set(fold_cases(tmp_path / "data", folds_file, 0, "train", IMAGES)[0]) == {"case", "t1", "label"}


@pytest.mark.parametrize("fold", [None, "all"])
def test_without_a_fold_all_cases_are_in_both_parts(dataset, tmp_path, fold):
    for part in ("train", "validation"):
        assert ids(fold_cases(dataset, tmp_path / "not_needed.json", fold, part, IMAGES)) == list("abcde")


def test_another_data_set_is_cut_into_as_many_folds_by_sorted_id(tmp_path, folds_file):
    make(tmp_path / "own", [row(f"x{number}") for number in range(7)])
    aside = [ids(fold_cases(tmp_path / "own", folds_file, fold, "validation", IMAGES)) for fold in range(3)]
    assert aside == [["x0", "x3", "x6"], ["x1", "x4"], ["x2", "x5"]]
    assert ids(fold_cases(tmp_path / "own", folds_file, 1, "train", IMAGES)) == ["x0", "x2", "x3", "x5", "x6"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("abcdef", r"data does not fit folds\.json: 1 of its cases are in no fold, 0 listed ones are missing \(f"),
        ("abcd", r"0 of its cases are in no fold, 1 listed ones are missing \(e \.\.\.\)\. .*--folds_file"),
    ],
)
def test_a_data_set_that_fits_the_folds_in_part_is_refused(tmp_path, folds_file, names, message):
    make(tmp_path / "data", [row(name) for name in names])
    with pytest.raises(InputError, match=message):
        fold_cases(tmp_path / "data", folds_file, 0, "train", IMAGES)


@pytest.mark.parametrize(
    ("fold", "part", "message"),
    [
        (3, "train", r"There is no fold 3: folds\.json has the folds 0 to 2, and all"),
        (-1, "train", r"There is no fold -1"),
        ("one", "train", r"There is no fold 'one'"),
        (0, "test", r"Unknown part 'test' of a fold\. Choose train or validation"),
    ],
)
def test_an_unknown_fold_or_part_is_refused(dataset, folds_file, fold, part, message):
    with pytest.raises(InputError, match=message):
        fold_cases(dataset, folds_file, fold, part, IMAGES)


def test_an_empty_part_is_refused(tmp_path, folds_file):
    make(tmp_path / "own", [row("x")])
    with pytest.raises(InputError, match=r"The part 'validation' of fold 2 is empty: own has 1 cases"):
        fold_cases(tmp_path / "own", folds_file, 2, "validation", IMAGES)


@pytest.mark.parametrize("content", [{}, {"folds": [["a"]]}, {"folds": "abc"}])
def test_a_file_without_folds_is_refused(dataset, tmp_path, content):
    with pytest.raises(InputError, match=r"folds\.json must hold a list 'folds' of two or more lists of ids"):
        fold_cases(dataset, write_folds(tmp_path, content), 0, "train", IMAGES)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (
            [{"t1": "t1.nii.gz", "label": "l.nii.gz"}],
            InputError,
            r"entry 1 of 'training' lacks an id, a label, or any of",
        ),
        ([row("a"), {"id": "b", "t1": "b.nii.gz"}], InputError, r"entry 2 of 'training' lacks"),
        ([{"id": "a", "label": "l.nii.gz"}], InputError, r"or any of t1, ct\. Each needs them"),
        ([row("a"), row("a")], InputError, r"lists the case 'a' twice"),
        ([row(1), row("1")], InputError, r"lists the case '1' twice"),
        ([], InputError, r"lists no case under 'training'"),
    ],
)
def test_a_data_set_that_is_not_clear_is_refused(tmp_path, folds_file, rows, error, message):
    make(tmp_path / "data", rows)
    with pytest.raises(error, match=message):
        fold_cases(tmp_path / "data", folds_file, 0, "train", IMAGES)


def test_a_listed_file_that_is_missing_is_named(dataset, folds_file):
    (dataset / "a/ct.nii.gz").unlink()
    with pytest.raises(FileError, match=r"lists a/ct\.nii\.gz, which does not exist"):
        fold_cases(dataset, folds_file, 0, "train", IMAGES)


def test_cases_to_segment_are_the_test_list_or_else_the_training_list(dataset, tmp_path):
    case, *_ = several_image_cases(dataset, IMAGES)
    assert case == {"case": "e", "t1": str(dataset / "e/t1.nii.gz"), "ct": str(dataset / "e/ct.nii.gz")}
    tested = [row("y", ct=None, label=None)]
    make(tmp_path / "tested", tested, part="test", training=[row("x")])
    assert several_image_cases(tmp_path / "tested", IMAGES) == [
        {"case": "y", "t1": str(tmp_path / "tested/y/t1.nii.gz")}
    ]


def test_one_image_of_several_is_a_subset_too(dataset, tmp_path):
    assert several_image_cases(dataset, ["t1"])[0] == {"case": "e", "t1": str(dataset / "e/t1.nii.gz")}
    for name in ("p1/t1.nii.gz", "p1/ct.nrrd", "p2/CT.mha"):
        (tmp_path / "loose" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "loose" / name).touch()
    loose = tmp_path / "loose"
    assert several_image_cases(loose, ["ct"]) == [
        {"case": "p1", "ct": str(loose / "p1/ct.nrrd")},
        {"case": "p2", "ct": str(loose / "p2/CT.mha")},
    ]


def test_a_test_list_of_bare_paths_says_what_it_needs(tmp_path):
    make(tmp_path / "data", [], test=["./x.nii.gz"])
    with pytest.raises(InputError, match=r"entry 1 of 'test' lacks an id, or any of t1, ct"):
        several_image_cases(tmp_path / "data", IMAGES)


def test_folders_with_files_called_like_the_images_are_a_case_each(tmp_path):
    for name in ("p1/t1.nii.gz", "p1/ct.nrrd", "p2/CT.mha", "p3/notes.txt", "p3/t2.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert several_image_cases(tmp_path, IMAGES) == [
        {"case": "p1", "t1": str(tmp_path / "p1/t1.nii.gz"), "ct": str(tmp_path / "p1/ct.nrrd")},
        {"case": "p2", "ct": str(tmp_path / "p2/CT.mha")},
    ]
    assert ids(several_image_cases(tmp_path / "p1", IMAGES)) == ["p1"]
    with pytest.raises(InputError, match=r"No case lies in 'p3': it has neither a dataset\.json nor a file called t1"):
        several_image_cases(tmp_path / "p3", IMAGES)
    with pytest.raises(FileError, match=r"is not a folder"):
        several_image_cases(tmp_path / "p9", IMAGES)


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in ("t1.nii.gz", "t1.nrrd"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"Which is t1 of .*: t1\.nii\.gz or t1\.nrrd\? Move one of them"):
        named_images(tmp_path, IMAGES)


def test_the_shipped_folds_hold_every_patient_once_and_fit_the_data(shared_data):
    folds_file = find_bundle("soft_tissue_sarcoma") / "configs" / "folds.json"
    folds = json.loads(folds_file.read_text())["folds"]
    assert len({name for fold in folds for name in fold}) == sum(map(len, folds)) == 41
    assert {len(fold) for fold in folds} == {8, 9}
    assert ids(fold_cases(shared_data / "soft_tissue_sarcoma", folds_file, 0, "validation", IMAGES)) == folds[0]
