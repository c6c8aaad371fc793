"""`monai-attn report` and `segment --report`, as a user meets them; who the patient is stays out."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from dicom_maker import series
from tiny_bundle import make_bundle

from monai_attn import LabelTable, Segmentation, Volume, read, write
from monai_attn.cli.main import main
from monai_attn.report import anonymous_case, drawing, read_identity

SECRETS = ("Doe", "Secret", "ID-4711", "19991231")
"""What dicom_maker writes into each header."""


@pytest.fixture
def files(tmp_path):
    """An image, its mask with names, a reference."""
    image = Volume(np.arange(4000, dtype=np.int16).reshape(20, 20, 10), np.diag([1.0, 1, 2, 1]))
    mask = np.zeros(image.shape, np.uint8)
    mask[5:15, 5:15, 3:7] = 1
    write(image, tmp_path / "t1.nii.gz")
    Segmentation(image.with_array(mask), LabelTable.of_names({1: "thing"})).save(tmp_path, stem="case_1")
    write(image.with_array(mask), tmp_path / "reference.nii.gz")
    return tmp_path


@pytest.fixture
def dicom(tmp_path):
    """A DICOM folder named after its patient, and a mask named so too."""
    affine = np.diag([1.0, 1, 2, 1])
    volume = Volume(np.arange(600, dtype=np.int16).reshape(10, 12, 5), affine)
    folder = series(tmp_path / "Doe_Secret", volume, "CT", RescaleSlope=1, RescaleIntercept=0)
    grid = read(folder)
    write(grid.with_array((grid.array > 300).astype(np.uint8)), tmp_path / "doe_seg.nii.gz")
    return folder, tmp_path / "doe_seg.nii.gz"


def report(*arguments) -> int:
    return main(["report", *map(str, arguments)])


def test_a_case_gives_one_file(files, capsys):
    out = files / "new" / "report.html"
    assert report(files / "t1.nii.gz", files / "case_1_seg.nii.gz", "-o", out, "--reference",
                  files / "reference.nii.gz", "--lesion", "thing", "--window", "500/1000") == 0  # fmt: skip
    assert "Research use only" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    page = out.read_text(encoding="utf-8")
    for said in ("Segmentation report: case_1", "Lesions: thing", "1.000", "window 500/1000"):
        assert said in page


def test_a_page_is_not_replaced_unless_told(files, capsys):
    out = files / "report.html"
    out.write_text("mine")
    arguments = files / "t1.nii.gz", files / "case_1_seg.nii.gz", "-o", out
    assert report(*arguments) == 2
    assert "report.html exists and is not overwritten" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert report(*arguments, "--overwrite") == 0
    assert "case_1" in out.read_text(encoding="utf-8")


def test_no_identity_is_in_the_page_also_where_files_are_named_after_the_patient(dicom, tmp_path):
    folder, mask = dicom
    assert report(folder, mask, "-o", tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    words = re.sub(r'base64,[^"]*', "", page).lower()
    assert [word for word in SECRETS if word.lower() in words] == []
    assert "Segmentation report: case" in page


def test_the_identity_is_printed_when_asked_for(dicom, tmp_path):
    folder, mask = dicom
    assert report(folder, mask, "-o", tmp_path / "report.html", "--with-identity") == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for said in ("Doe Secret", "ID-4711", "19991231", "Segmentation report: doe"):
        assert said in page


def test_the_identity_comes_from_the_file_or_the_folder_named_and_nifti_has_none(dicom, files, capsys):
    folder, _ = dicom
    expected = {"patient's name": "Doe Secret", "patient's ID": "ID-4711", "date of birth": "",
                "study date": "19991231", "accession number": ""}  # fmt: skip
    assert read_identity(folder) == expected
    assert read_identity(next(folder.iterdir())) == expected
    assert read_identity(files / "t1.nii.gz") == {}
    arguments = files / "t1.nii.gz", files / "case_1_seg.nii.gz", "-o", files / "report.html", "--with-identity"
    assert report(*arguments) == 0
    assert "t1.nii.gz is not DICOM and names no patient" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("case", "shown"),
    [("case_17", "case_17"), ("DOE_J", "case"), ("scan-4711", "case"), ("19991231", "case"), ("idle", "idle")],
)
def test_a_case_named_after_its_patient_is_called_case(case, shown):
    assert anonymous_case(case, {"name": "Doe Secret", "id": "ID-4711", "date": "19991231", "none": ""}) == shown


@pytest.mark.parametrize(
    ("case", "shown"),
    [("li_na_ct", "case"), ("na-li", "case"), ("LiNa 2", "case"), ("ct_li", "ct_li"), ("nasal", "nasal")],
)
def test_a_name_of_short_words_is_hidden_where_all_of_them_stand(case, shown):
    assert anonymous_case(case, {"name": "Li Na", "id": "1"}) == shown


@pytest.mark.parametrize(
    ("case", "shown"),
    [
        ("王小明_ct", "case"),
        ("김철수", "case"),
        (unicodedata.normalize("NFD", "Müller_ct"), "case"),
        ("muller", "case"),
        ("1999-12-31", "case"),
        ("ct_199", "ct_199"),
        ("case_12_31", "case_12_31"),
    ],
)
def test_other_writings_accents_and_separators_hide_no_name(case, shown):
    names = "Wang XiaoMing=王 小明", "Müller Jörg", "Kim CheolSu=김 철수"
    assert anonymous_case(case, {"name": " ".join(names), "date": "19991231"}) == shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name an image and its mask, or a folder of masks with --cohort."),
        (["t1.nii.gz"], "Name an image and its mask"),
        (["t1.nii.gz", "case_1_seg.nii.gz", "--references", "."], "--references: only for --cohort."),
        (["--cohort", ".", "--lesion", "thing", "--window", "1/2"], "--lesion, --window: only for a case"),
        (["--cohort", ".", "--suv-factor", "2", "--min-ml", "1"], "--min-ml, --suv-factor: only for a case"),
        (["--cohort", ".", "--volume", "0", "--pictures", "0"], "--pictures, --volume: only for a case"),
        (["t1.nii.gz", "nothing.nii.gz"], "nothing.nii.gz does not exist"),
        (["t1.nii.gz", "case_1_seg.nii.gz", "--lesion", "tumour"], "No label is called 'tumour'"),
        (["t1.nii.gz", "case_1_seg.nii.gz", "--window", "wide"], "A window is written centre/width"),
        (["t1.nii.gz", "case_1_seg.nii.gz", "--reference", "other.nii.gz"], "lie on different grids"),
        (["t1.nii.gz", "t1.nii.gz", "--lesion", "1", "-o", "t1.nii.gz"], "t1.nii.gz is an input"),
    ],
)
def test_bad_use_is_said_exits_with_2_and_writes_nothing(files, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(files)
    write(Volume(np.zeros((3, 3, 3), np.uint8)), files / "other.nii.gz")
    before = sorted(path.name for path in files.iterdir())
    assert report(*arguments) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in files.iterdir()) == before


def test_without_matplotlib_nothing_is_read_or_written(files, monkeypatch, capsys):
    monkeypatch.setattr(drawing, "find_spec", lambda _: None)
    assert report(files / "t1.nii.gz", files / "case_1_seg.nii.gz", "-o", files / "report.html") == 2
    assert 'pip install "monai_attn[report]"' in capsys.readouterr().err
    assert not (files / "report.html").exists()


def test_a_cohort_is_reported_and_a_case_without_a_reference_is_named(files, capsys):
    masks, labels = files / "masks", files / "labels"
    grid = read(files / "reference.nii.gz")
    for name in ("a", "b", "c"):
        Segmentation(grid, LabelTable.of_names({1: "thing"})).save(masks, stem=name)
    for name in ("a", "b", "d"):
        write(grid, labels / f"{name}.nii.gz")
    assert report("--cohort", masks, "--references", labels, "-o", files / "cohort.html") == 1
    said = capsys.readouterr().err
    assert "c: There is no reference of this case" in said
    assert "d: There is a reference, but no mask of this case." in said
    page = (files / "cohort.html").read_text(encoding="utf-8")
    assert "4 cases: 3 measured, 2 compared, 2 with a problem." in page
    assert report("--cohort", masks, "-o", files / "volumes.html") == 0
    assert "3 cases: 3 measured, 0 compared, 0 with a problem." in (files / "volumes.html").read_text(encoding="utf-8")


def test_no_report_takes_the_place_of_a_mask_or_its_record(files, capsys):
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    for target in ("case_1_seg.nii.gz", "case_1_seg.json"):
        case = ("t1.nii.gz", "case_1_seg.nii.gz")
        for arguments in ([*(files / name for name in case)], ["--cohort", files]):
            assert report(*arguments, "-o", files / target, "--overwrite") == 2
            assert f"{target} is an input; choose another name" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_a_cohort_that_cannot_be_measured_is_refused(files, capsys):
    (files / "masks").mkdir()
    (files / "masks" / "a.nii.gz").write_bytes(b"broken")
    assert report("--cohort", files / "masks", "-o", files / "cohort.html") == 2
    assert "None of the masks could be measured; nothing was written." in capsys.readouterr().err
    assert not (files / "cohort.html").exists()


def test_segment_writes_a_report_beside_the_mask(files, capsys):
    bundle = make_bundle(files / "bundle")
    arguments = ["segment", files / "t1.nii.gz", "-b", bundle, "-o", files / "out", "--trust", "--quiet", "--report"]
    assert main([*map(str, arguments)]) == 0
    assert {path.name for path in (files / "out").iterdir()} == {
        "t1_seg.nii.gz", "t1_seg.json", "t1_seg.csv", "t1_report.html",
    }  # fmt: skip
    page = (files / "out" / "t1_report.html").read_text(encoding="utf-8")
    assert "Segmentation report: t1" in page
    assert "somebodys" in page or "bundle" in page
    (files / "out" / "t1_seg.nii.gz").unlink()
    for name in ("t1_seg.json", "t1_seg.csv"):
        (files / "out" / name).unlink()
    assert main([*map(str, arguments)]) == 2
    assert "t1_report.html exists" in capsys.readouterr().err
    assert [path.name for path in (files / "out").iterdir()] == ["t1_report.html"]
