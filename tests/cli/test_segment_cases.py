"""`monai-attn segment` of cases of several images: named, in folders, in DICOM, in a table."""

from __future__ import annotations

import csv
import json

import dicom_maker
import numpy as np
import pydicom
import pytest
import three_grids
from tiny_bundle import make_bundle_of_several

from monai_attn import Segmenter, Volume, read, write
from monai_attn.cli.main import main
from monai_attn.io import list_series


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle_of_several(tmp_path_factory.mktemp("bundles") / "three")


@pytest.fixture
def case(tmp_path):
    for name, volume in three_grids.images().items():
        write(volume, tmp_path / "case_7" / f"{name}.nii.gz")
    return tmp_path / "case_7"


def segment(bundle, *arguments) -> int:
    return main(["segment", *map(str, arguments), "-b", str(bundle), "--trust", "--quiet", "--backend", "torch"])


def mask(folder, name: str = "case_7") -> np.ndarray:
    return read(folder / f"{name}_seg.nii.gz").array


def test_named_images_a_folder_and_a_table_give_the_same_mask(bundle, case, tmp_path, capsys):
    named = [f"{name}={case / f'{name}.nii.gz'}" for name in ("ct", "t1", "pet")]
    assert segment(bundle, *named, "-o", tmp_path / "named") == 0
    assert segment(bundle, case, "-o", tmp_path / "folder") == 0
    rows = "case,t1,ct,pet\ncase_7,case_7/t1.nii.gz,case_7/ct.nii.gz,case_7/pet.nii.gz\npart,,case_7/ct.nii.gz,\n"
    (tmp_path / "cases.csv").write_text(rows)
    capsys.readouterr()
    assert segment(bundle, tmp_path / "cases.csv", "-o", tmp_path / "table") == 0
    printed = capsys.readouterr().out
    assert "note: without t1, pet" in printed
    assert printed.count("without") == 1
    expected = Segmenter.from_bundle(bundle, trust=True, device="cpu", backend="torch")(case)
    assert expected.labels.array.any()
    for folder in ("named", "folder", "table"):
        np.testing.assert_array_equal(mask(tmp_path / folder), expected.labels.array)
    part = read(tmp_path / "table" / "part_seg.nii.gz")
    np.testing.assert_allclose(part.affine, three_grids.grid("ct").affine, atol=1e-4)


def test_the_record_names_the_images_and_the_table_measures_the_reference(bundle, case, tmp_path):
    (case / "pet.nii.gz").unlink()
    assert segment(bundle, case, "-o", tmp_path / "out") == 0
    record = json.loads((tmp_path / "out" / "case_7_seg.json").read_text())["provenance"]
    assert list(record["images"]) == ["t1", "ct"]
    assert record["missing"] == ["pet"]
    (row,) = csv.DictReader((tmp_path / "out" / "case_7_seg.csv").read_text().splitlines())
    inside = read(case / "t1.nii.gz").array[mask(tmp_path / "out") == 1]
    assert float(row["intensity_mean"]) == pytest.approx(inside.mean(), rel=1e-5)


def test_a_dry_run_shows_each_image_with_its_grid_and_writes_nothing(bundle, case, tmp_path, capsys):
    (case / "pet.nii.gz").unlink()
    assert segment(bundle, case, "-o", tmp_path / "out", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "case_7: 56 x 50 x 28 voxels of 1.1 x 1.3 x 2.4 mm, LAS -> " in printed
    assert "  t1: 56 x 50 x 28 voxels" in printed
    assert "  ct: 60 x 60 x 44 voxels of 1.2 x 1.2 x 1.5 mm, PIR" in printed
    assert "note: without pet" in printed
    assert not (tmp_path / "out").exists()


def test_a_dry_run_finds_what_the_run_would_refuse(bundle, case, tmp_path, capsys):
    far = read(case / "ct.nii.gz")
    write(Volume(far.array, far.affine + np.eye(4)[[2]].T * 900 * np.eye(4)[3]), case / "ct.nii.gz", overwrite=True)
    for extra in (["--dry-run"], []):
        assert segment(bundle, case, "-o", tmp_path / "out", *extra) == 2
        assert "'ct' and 't1' have no place in common" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["t2=CASE/t1.nii.gz"], "The bundle takes t1, ct, pet, not 't2'"),
        (["t1=CASE/t1.nii.gz", "t1=CASE/ct.nii.gz"], "t1 is given twice"),
        (["CASE/t1.nii.gz", "--series", "#1"], "say which of them '#1' is (t1=...)"),
        (["CASE", "--series", "t1=#1"], "t1.nii.gz is a file of one image; --series '#1'"),
        (["CASE", "--series", "t1=#1", "--series", "t1=#2"], "written NAME=SERIES, one for each image"),
        (["CASE", "--series", "t1=#1", "--series", "2"], "written NAME=SERIES, one for each image"),
        (["CASE/label.nii.gz"], "Which of t1, ct, pet is label.nii.gz? Write t1=..."),
        (["CASE", "--dicom-seg"], "t1.nii.gz is no DICOM series"),
    ],
)
def test_bad_use_is_said_exits_with_2_and_writes_nothing(bundle, case, tmp_path, capsys, arguments, message):
    (case / "label.nii.gz").touch()
    arguments = [argument.replace("CASE", str(case)) for argument in arguments]
    assert segment(bundle, *arguments, "-o", tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "bundle_name", "message"),
    [
        ("t1=nowhere.nii.gz", "hippocampus_mri", "nowhere.nii.gz does not exist"),
        ("nowhere.nii.gz", "hippocampus_mri", "nowhere.nii.gz does not exist"),
        ("CASE", "hippocampus_mir", "There is no bundle 'hippocampus_mir'"),
    ],
)
def test_a_simple_mistake_is_found_before_the_bundle_is_opened(
    case, tmp_path, capsys, given, bundle_name, message, monkeypatch
):
    monkeypatch.setattr("monai_attn.cohort.run.Recipe.segmenter", lambda _: pytest.fail("the bundle was opened"))
    assert segment(bundle_name, given.replace("CASE", str(case)), "-o", tmp_path / "out") == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def study(tmp_path):
    """A DICOM folder with an MR and a CT of one examination, whole numbers."""
    for name in ("t1", "ct"):
        volume = three_grids.image(name)
        whole = Volume((volume.array > 0.5).astype(np.int16), volume.affine)
        dicom_maker.series(tmp_path / "study" / name, whole, three_grids.MODALITIES[name], SeriesDescription=name)
    return tmp_path / "study"


def test_a_second_mr_series_is_asked_for_with_the_list_and_chosen_by_name(bundle, study, tmp_path, capsys):
    volume = three_grids.image("t1")
    again = Volume((volume.array > 0.9).astype(np.int16), volume.affine)
    dicom_maker.series(study / "again", again, "MR", SeriesDescription="T1 fat sat")
    assert segment(bundle, study, "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "2 series that could be t1 (MR). Choose one by name, for example --series t1=#" in said
    assert "'T1 fat sat'" in said
    assert segment(bundle, study, "-o", tmp_path / "out", "--series", "t1=T1 fat sat") == 0
    chosen = Segmenter.from_bundle(bundle, trust=True, device="cpu", backend="torch")(
        {"t1": study / "again", "ct": study / "ct"}
    )
    np.testing.assert_array_equal(mask(tmp_path / "out", "study"), chosen.labels.array)


def test_dicom_of_two_frames_of_reference_is_refused_until_told(bundle, study, tmp_path, capsys):
    for path in (study / "ct").iterdir():
        header = pydicom.dcmread(path)
        header.FrameOfReferenceUID = "1.2.3.4"
        header.save_as(path, enforce_file_format=True)
    for extra in (["--dry-run"], []):
        assert segment(bundle, study, "-o", tmp_path / "out", *extra) == 2
        said = capsys.readouterr().err
        assert "ct 1.2.3.4)" in said
        assert "ignore_frames=true" in said
    assert segment(bundle, study, "-o", tmp_path / "out", "--set", "ignore_frames=true") == 0
    record = json.loads((tmp_path / "out" / "study_seg.json").read_text())["provenance"]
    assert record["overrides"] == {"ignore_frames": True}


def test_the_three_series_of_a_patient_are_found_and_the_seg_belongs_to_the_reference(bundle, shared_data, tmp_path):
    study = shared_data / "dicom" / "sarcoma_STS_003"
    assert segment(bundle, study, "-o", tmp_path / "out", "--dicom-seg", "--report") == 0
    name = "sarcoma_STS_003"
    (t1,) = [one for one in list_series(study) if one.modality == "MR"]
    record = json.loads((tmp_path / "out" / f"{name}_seg.json").read_text())["provenance"]
    assert {key: one["modality"] for key, one in record["images"].items()} == three_grids.MODALITIES
    assert record["missing"] == []
    labels = read(tmp_path / "out" / f"{name}_seg.nii.gz")
    assert labels.shape == t1.shape
    seg = pydicom.dcmread(tmp_path / "out" / f"{name}_seg.dcm")
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == t1.uid
    assert (tmp_path / "out" / f"{name}_report.html").is_file()
