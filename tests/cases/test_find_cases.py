"""What a user names, as a list of cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_attn.cases import Case, find_cases, read_table
from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import FileError, InputError

THREE = ("t1", "ct", "pet")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Empty files and folders; nothing here opens them."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.nii.gz", "b.nrrd", "p3/t1.nii.gz", "p3/ct.nii.gz", "p4/t1/1.dcm", "p4/ct/1.dcm", "t1=5.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_files_and_folders_of_images_are_a_case_each(folder):
    assert find_cases(["a.nii.gz", "b.nrrd"]) == [Case("a", Path("a.nii.gz")), Case("b", Path("b.nrrd"))]
    assert [case.name for case in find_cases(["p3"])] == ["ct", "t1"]
    assert find_cases(["p4"]) == [Case("p4", Path("p4"))]  # no image files: a DICOM folder


def test_for_a_bundle_of_several_a_folder_is_a_case(folder, monkeypatch):
    assert find_cases(["p3", "p4"], THREE) == [Case("p3", Path("p3")), Case("p4", Path("p4"))]
    monkeypatch.chdir("p4")
    assert find_cases(["."], THREE) == [Case("p4", Path())]


def test_for_a_bundle_of_several_a_folder_of_cases_is_not_one_case(folder):
    assert find_cases(["."], THREE) == [Case("p3", Path("p3"))]  # the only one with files called like the images


def test_named_images_are_one_case_called_by_its_folder_or_its_first_file(folder):
    case = Case("p3", {"t1": Path("p3/t1.nii.gz"), "ct": Path("p3/ct.nii.gz")})
    assert find_cases(["t1=p3/t1.nii.gz", "ct=p3/ct.nii.gz"], THREE) == [case]
    assert case.paths == (Path("p3/t1.nii.gz"), Path("p3/ct.nii.gz"))
    assert find_cases(["ct=p4/ct", "t1=p4/t1"], THREE)[0].name == "p4"
    assert find_cases(["pet=a.nii.gz"], THREE)[0].name == "a"
    assert find_cases(["image=a.nii.gz"]) == [Case("a", {"image": Path("a.nii.gz")})]


def test_a_file_that_has_an_equals_sign_in_its_name_is_a_file(folder):
    assert find_cases(["t1=5.nii.gz"]) == [Case("t1=5", Path("t1=5.nii.gz"))]
    assert find_cases(["t1=t1=5.nii.gz"], THREE) == [Case("t1=5", {"t1": Path("t1=5.nii.gz")})]


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (["nowhere.nii.gz"], FileError, r"nowhere\.nii\.gz does not exist"),
        (["t1=nowhere.nii.gz"], FileError, r"nowhere\.nii\.gz does not exist"),
        (["gone/x=1/t1.nii.gz"], FileError, r"t1\.nii\.gz does not exist"),
        (["t2=a.nii.gz"], InputError, r"takes t1, ct, pet, not 't2'"),
        (["t1="], InputError, r"t1= names no image\. Write t1=PATH, or leave it out"),
        (["t1=a.nii.gz", "t1=b.nrrd"], InputError, r"t1 is given twice\. .*use a table"),
        (["p3", "t1=p3/t1.nii.gz"], InputError, r"both be called 'p3'"),
        ([], InputError, r"There is no image to segment"),
    ],
)
def test_bad_names_are_refused_with_the_way_out(folder, inputs, error, message):
    with pytest.raises(error, match=message):
        find_cases(inputs, THREE)


def table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    (folder / "cases.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
    return folder / "cases.csv"


def test_a_table_lists_cases_relative_to_itself_and_an_empty_cell_is_a_missing_image(folder, monkeypatch):
    lines = ["case,ct,t1", "three,p3/ct.nii.gz,p3/t1.nii.gz", "", f"four,, {folder}/p4/t1 "]
    path = table(folder, *lines, encoding="utf-8-sig")  # as spreadsheets write it
    monkeypatch.chdir("/")
    three, four = find_cases([path], THREE)
    assert three == Case("three", {"ct": folder / "p3/ct.nii.gz", "t1": folder / "p3/t1.nii.gz"})
    assert four == Case("four", {"t1": folder / "p4/t1"})


def test_a_table_for_a_bundle_of_one_image(folder):
    assert find_cases([table(folder, "case,image", "one,a.nii.gz")]) == [Case("one", folder / "a.nii.gz")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["t1,ct", "a.nii.gz,"], r"cases\.csv needs the columns case and t1, ct, pet; it has t1, ct\."),
        (["case,t1,label", "x,a.nii.gz,"], r"it has case, t1, label\."),
        (
            ["case,t1,ct,t1", "x,a.nii.gz,,b.nrrd"],
            r"cases\.csv has the column 't1' twice\. Rename or remove one of the two\.",
        ),
        (["case", "x"], r"needs the columns case and t1, ct, pet; it has case\."),
        ([""], r"needs the columns case and t1, ct, pet; it has \."),
        (["case,t1,ct", "x,,"], r"Line 2 of cases\.csv needs a case, which names its files, and an image"),
        (["case,t1", "x,a.nii.gz", ",a.nii.gz"], r"Line 3 of cases\.csv needs a case"),
        (["case,t1", "../x,a.nii.gz"], r"Line 2 of cases\.csv needs a case"),
        (["case,t1", "x,a.nii.gz", "x,b.nrrd"], r"cases\.csv lists the case 'x' twice"),
    ],
)
def test_a_table_that_is_not_clear_is_refused_with_the_line(folder, lines, message):
    with pytest.raises(InputError, match=message):
        find_cases([table(folder, *lines)], THREE)


@pytest.mark.parametrize("sign", [";", "\t"])
def test_spreadsheets_of_other_languages_write_other_signs(folder, sign):
    (found,) = find_cases([table(folder, f"case{sign}t1", f"x{sign}a.nii.gz")], THREE)
    assert (found.name, found.source["t1"].name) == ("x", "a.nii.gz")


def test_an_image_of_a_table_that_is_missing_is_a_fault_of_its_case_alone(folder):
    found = find_cases([table(folder, "case,t1", "x,a.nii.gz", "", "y,p9/t1.nii.gz")], THREE)
    assert [case.name for case in found] == ["x", "y"]


def test_a_table_that_is_no_text_is_refused(folder):
    with pytest.raises(InputError, match=r"cases\.csv is no table of comma-separated text in UTF-8"):
        find_cases([table(folder, "case,t1", "Müller,a.nii.gz", encoding="latin-1")], THREE)


def test_a_table_with_two_columns_of_one_name_is_refused_for_training_too(folder):
    path = table(folder, "case,image,image,label", "x,a.nii.gz,b.nrrd,a.nii.gz")
    with pytest.raises(InputError, match=r"cases\.csv has the column 'image' twice"):
        find_labelled(path)
    assert read_table(table(folder, "case;t1;;", "x;a.nii.gz;;"))[1] == [(2, {"case": "x", "t1": "a.nii.gz"})]


@pytest.mark.parametrize("test", [5, "ab", {"a": 1}])
def test_a_list_of_cases_that_is_none_is_refused(tmp_path, test):
    (tmp_path / "dataset.json").write_text(json.dumps({"test": test, "training": []}))
    with pytest.raises(InputError, match="'test' is no list of cases"):
        find_cases([tmp_path])


def test_a_row_with_more_cells_than_columns_is_refused(tmp_path):
    (tmp_path / "cases.csv").write_text("case,image\nc1,a, b.nii.gz\n")
    with pytest.raises(InputError, match=r"Line 2 of cases\.csv has more cells than columns"):
        find_cases([tmp_path / "cases.csv"])
