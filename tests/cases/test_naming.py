"""What a case is called: one rule, and names that every file system can hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_attn.cases import checked_name, find_cases, inference_cases, names_of, safe_name, several_image_cases
from monai_attn.cli.main import main
from monai_attn.errors import InputError


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(cases) -> list[str]:
    return [case["case"] if isinstance(case, dict) else case.name for case in cases]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["case_017/t1.nii.gz"], ["t1"]),
        (["p1/t1.nii.gz", "p2/t1.nii.gz"], ["p1_t1", "p2_t1"]),
        (["p1/a.nii.gz", "p2/b.nrrd"], ["a", "b"]),
        (["a.nii.gz", "p1/ct.nii.gz", "p1/t1.nii.gz", "p2/t1.nii.gz"], ["a", "p1_ct", "p1_t1", "p2_t1"]),
        (["p1/T1.nii.gz", "p2/t1.nii.gz"], ["p1_T1", "p2_t1"]),  # one file on Windows and macOS
    ],
)
def test_a_case_has_one_name_whichever_way_it_is_asked(tmp_path, files, expected):
    make(tmp_path, *files)
    assert names(find_cases([tmp_path / file for file in files])) == expected  # monai-attn segment
    assert names(inference_cases(tmp_path, "**/*")) == expected  # monai.bundle run
    assert names_of([tmp_path / file for file in files]) == expected


def test_a_file_called_like_an_image_of_several_gives_the_name_of_its_folder(tmp_path):
    make(tmp_path, "p1/t1.nii.gz", "p1/ct.nii.gz", "p2/t1.nii.gz")
    three = ("t1", "ct", "pet")
    assert names(find_cases([tmp_path], three)) == names(several_image_cases(tmp_path, three)) == ["p1", "p2"]
    assert names(find_cases([tmp_path / "p1"], three)) == ["p1"]
    assert names(find_cases([tmp_path / "p1" / "t1.nii.gz"], three)) == ["p1"]
    assert names(find_cases([f"t1={tmp_path}/p1/t1.nii.gz"], three)) == ["p1"]


@pytest.mark.parametrize("files", [["t1.nii.gz", "copy/t1.nii.gz"], ["t1.nii.gz", "t1.nrrd"]])
def test_two_names_that_folders_do_not_tell_apart_are_refused(tmp_path, files):
    make(tmp_path, *files)
    for find in (lambda: find_cases([tmp_path / file for file in files]), lambda: inference_cases(tmp_path, "**/*")):
        with pytest.raises(InputError, match="Two inputs would both be called 't1'"):
            find()


def test_dicom_folders_of_one_name_are_told_apart_by_the_folders_above(tmp_path):
    make(tmp_path, "p1/DICOM/1.dcm", "p2/DICOM/1.dcm")
    assert names(find_cases([tmp_path / "p1/DICOM", tmp_path / "p2/DICOM"])) == ["p1_DICOM", "p2_DICOM"]


def test_a_lone_case_may_be_given_its_name(tmp_path):
    make(tmp_path, "Doe_John/t1.nii.gz", "Doe_John/ct.nii.gz")
    assert names(find_cases([tmp_path / "Doe_John/t1.nii.gz"], case_name="case_1")) == ["case_1"]
    assert names(find_cases([tmp_path / "Doe_John"], ("t1", "ct"), case_name=" case_1 ")) == ["case_1"]
    with pytest.raises(InputError, match=r"There are 2 cases, and one name: 'case_1'\. Name several in a table"):
        find_cases([tmp_path / "Doe_John"], case_name="case_1")


@pytest.mark.parametrize("name", ["", "  ", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a\nb", "a\udce9"])
def test_a_name_that_would_leave_the_folder_or_hide_is_refused(tmp_path, name):
    make(tmp_path, "t1.nii.gz")
    with pytest.raises(InputError, match="cannot name a case, as the name becomes part of file names"):
        find_cases([tmp_path / "t1.nii.gz"], case_name=name)


def test_a_name_that_is_too_long_for_its_results_is_refused_when_given_and_cut_when_found(tmp_path):
    with pytest.raises(InputError, match=r"has 201 bytes\. At most 200 are allowed"):
        checked_name("n" * 201)
    make(tmp_path, "n" * 240 + "1.nii.gz", "n" * 240 + "2.nii.gz")
    one, other = names(find_cases([tmp_path]))
    assert one != other
    assert max(len(one), len(other)) == 200
    for name in (one, other):
        (tmp_path / f".0123456789ab-{name}_flip_variance.nii.gz").touch()  # the longest name of a result


def test_a_file_name_that_is_not_utf_8_gives_a_name_that_is(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.nii.gz"
    try:
        Path(os.fsdecode(path)).touch()
    except OSError:
        pytest.skip("this file system holds UTF-8 alone")
    assert names(find_cases([tmp_path])) == ["caf%E9"]
    assert names(inference_cases(tmp_path)) == ["caf%E9"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [("case 1", "case 1"), ("Müller", "Müller"), ("a\nb", "a_b"), ("a\\b", "a_b"), ("..x", "x"), ("a\ud800", "a_")],
)
def test_letters_that_no_file_name_should_have_are_replaced(name, safe):
    assert safe_name(name) == safe


def test_two_names_that_differ_only_in_capital_letters_are_refused(tmp_path):
    make(tmp_path, "Case.nii.gz", "case.nii.gz")
    with pytest.raises(
        InputError, match=r"Two inputs would both be called 'case', .*: Case\.nii\.gz and case\.nii\.gz"
    ):
        find_cases([tmp_path])
    (tmp_path / "cases.csv").write_text("case,image\nA,Case.nii.gz\na,case.nii.gz\n")
    with pytest.raises(InputError, match="lists the case 'a' twice"):
        find_cases([tmp_path / "cases.csv"])


def test_a_name_of_a_data_set_cannot_leave_the_folder_of_the_results(tmp_path):
    make(tmp_path, "t1.nii.gz")
    (tmp_path / "dataset.json").write_text('{"test": [{"id": "../../x", "t1": "t1.nii.gz"}]}')
    with pytest.raises(InputError, match=r"entry 1 of 'test': '\.\./\.\./x' cannot name a case"):
        several_image_cases(tmp_path, ("t1", "ct"))


def test_the_command_line_takes_the_name_and_refuses_a_bad_one_before_the_bundle_is_opened(tmp_path, capsys):
    make(tmp_path, "t1.nii.gz")
    command = ["segment", str(tmp_path / "t1.nii.gz"), "-b", "hippocampus_mri", "-o", str(tmp_path / "out")]
    assert main([*command, "--case-name", "../x"]) == 2
    assert "'../x' cannot name a case" in capsys.readouterr().err
    assert main(["segment", "", *command[2:]]) == 2
    assert "is empty" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
