"""Lists of cases: what is found, how it is named, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_attn.cases import inference_cases, split_cases, unseen_cases
from monai_attn.errors import FileError, InputError


def make(folder: Path, names: list[str], key: str = "training") -> Path:
    rows = []
    for name in names:
        row = {"image": f"imagesTr/{name}.nii.gz", "label": f"labelsTr/{name}.nii.gz"}
        for path in row.values():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
        rows.append(row)
    (folder / "dataset.json").write_text(json.dumps({key: rows}))
    return folder


@pytest.fixture
def split_file(tmp_path) -> Path:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"train": ["a", "b"], "validation": ["c"], "test": ["d"]}))
    return path


def names(cases: list[dict[str, str]]) -> list[str]:
    return [case["case"] for case in cases]


def test_the_parts_are_those_of_the_split(tmp_path, split_file):
    data = make(tmp_path / "data", ["d", "c", "b", "a"])
    assert [names(split_cases(data, split_file, part)) for part in ("train", "validation", "test")] == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]
    assert split_cases(data, split_file, "test") == [
        {"case": "d", "image": str(data / "imagesTr/d.nii.gz"), "label": str(data / "labelsTr/d.nii.gz")}
    ]


def test_somebody_elses_data_are_split_by_name_and_no_case_is_in_two_parts(tmp_path, split_file):
    data = make(tmp_path / "data", [f"x{number:02}" for number in range(20)])
    parts = [names(split_cases(data, split_file, part)) for part in ("train", "validation", "test")]
    assert parts[1:] == [["x00", "x10"], ["x01", "x11"]]
    assert sorted(name for part in parts for name in part) == [f"x{number:02}" for number in range(20)]


def test_data_that_fit_the_split_in_part_are_refused(tmp_path, split_file):
    with pytest.raises(InputError, match=r"1 case it does not list \(new \.\.\.\) and 1 of its cases missing \(b"):
        split_cases(make(tmp_path / "data", ["a", "c", "d", "new"]), split_file, "train")


def test_unseen_is_what_neither_trained_nor_stopped_the_training(tmp_path, split_file):
    assert names(unseen_cases(make(tmp_path / "data", ["a", "b", "c", "d", "new"]), split_file)) == ["d", "new"]
    with pytest.raises(InputError, match="All 3 cases of seen were used in training"):
        unseen_cases(make(tmp_path / "seen", ["a", "b", "c"]), split_file)


def test_the_images_of_a_folder_are_found_by_name_and_pattern(tmp_path):
    for name in ("b.nii.gz", "a.nrrd", "a.txt", "c.mha"):
        (tmp_path / name).touch()
    assert names(inference_cases(tmp_path)) == ["a", "b", "c"]
    assert names(inference_cases(tmp_path, "*.nii.gz")) == ["b"]


def test_a_case_below_a_folder_carries_its_name(tmp_path):
    for name in ("p1/t1.nii.gz", "p2/t1.nii.gz"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert names(inference_cases(tmp_path, "*/*.nii.gz")) == ["p1_t1", "p2_t1"]


def test_folders_of_dicom_slices_are_cases_and_so_is_dataset_dir_itself(tmp_path):
    for name in ("one", "two", "none"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "0001").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "two" / "0001.dcm").touch()
    (tmp_path / "none" / "0001").write_bytes(bytes(200))
    assert names(inference_cases(tmp_path)) == ["one", "two"]
    assert inference_cases(tmp_path / "one") == [{"case": "one", "image": str(tmp_path / "one")}]


def test_two_images_of_one_name_are_refused(tmp_path):
    for name in ("a.nrrd", "a.nii.gz"):
        (tmp_path / name).touch()
    with pytest.raises(
        InputError, match=r"Two inputs would both be called 'a', .*: a\.nii\.gz and a\.nrrd\. Rename one"
    ):
        inference_cases(tmp_path)


def test_nothing_to_do_and_a_wrong_path_are_errors(tmp_path, split_file):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"No image matches '\*' in"):
        inference_cases(tmp_path / "empty")
    for call in (inference_cases, lambda folder: split_cases(folder, split_file, "train")):
        with pytest.raises(FileError, match=r"nowhere' is not a folder\. Set it with --dataset_dir"):
            call(tmp_path / "nowhere")


def test_a_listed_file_that_is_missing_is_named(tmp_path, split_file):
    data = make(tmp_path / "data", ["a"])
    (data / "labelsTr" / "a.nii.gz").unlink()
    with pytest.raises(FileError, match=r"lists labelsTr/a\.nii\.gz, which does not exist"):
        split_cases(data, split_file, "train")
