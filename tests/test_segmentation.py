"""A label map with names and provenance: to a file and back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from monai_attn import LabelTable, Segmentation, Volume, write
from monai_attn.cases.provenance import CHANGED
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.measure import measure_structures
from monai_attn.measure.sides import Sides
from monai_attn.segmentation import case_name, record_of, result_files

TABLE = LabelTable.of_names({1: "liver", 3: "tumour"})


@pytest.fixture
def segmentation() -> Segmentation:
    array = np.zeros((6, 7, 5), np.uint8)
    array[1:4, 2:5, 1:3], array[2, 3, 1] = 1, 3
    affine = np.array([[0.9, 0.1, 0, 5], [-0.1, 0.9, 0, -7], [0, 0, 2.5, 30], [0, 0, 0, 1]])
    return Segmentation(Volume(array, affine), TABLE, {"bundle": "somebodys", "seconds": 1.5})


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd", "mask.mha"])
def test_what_is_written_is_loaded_with_names_and_provenance(segmentation, tmp_path, name):
    assert segmentation.write(tmp_path / name) == [tmp_path / name, tmp_path / "mask.json"]
    back = Segmentation.load(tmp_path / name)
    np.testing.assert_array_equal(back.labels.array, segmentation.labels.array)
    assert back.table == TABLE
    assert back.provenance == segmentation.provenance


def test_a_mask_that_another_program_changed_counts_as_edited(segmentation, tmp_path):
    made = {"bundle": "somebodys", "certainty": {"1": 0.9}, "volume_interval": {"1": [0.5, 2.0]}}
    written = Segmentation(segmentation.labels, TABLE, made)
    written.write(tmp_path / "a_seg.nii.gz")
    as_written = Segmentation.load(tmp_path / "a_seg.nii.gz")
    assert (as_written.algorithm_type, as_written.certainty, as_written.labels.notes) == ("AUTOMATIC", {1: 0.9}, ())
    array = segmentation.labels.array.copy()
    array[4, 5, 3] = 1
    write(segmentation.labels.with_array(array), tmp_path / "a_seg.nii.gz", overwrite=True)
    edited = Segmentation.load(tmp_path / "a_seg.nii.gz")
    assert (edited.algorithm_type, edited.certainty) == ("SEMIAUTOMATIC", {})
    assert edited.labels.notes == (CHANGED,)
    assert [one.volume_low_ml for one in edited.measure()] == [None, None]


def test_a_mask_that_was_renamed_with_its_record_is_the_one_that_was_written(segmentation, tmp_path):
    segmentation.write(tmp_path / "a.nii.gz")
    for ending in (".nii.gz", ".json"):
        (tmp_path / f"a{ending}").rename(tmp_path / f"b{ending}")
    assert Segmentation.load(tmp_path / "b.nii.gz").provenance == segmentation.provenance


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_record_of_another_mask_is_not_taken_away(segmentation, tmp_path, overwrite):
    segmentation.write(tmp_path / "a.nii.gz")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileError, match=r"a\.json holds names and provenance of a\.nii\.gz.*another name"):
        segmentation.write(tmp_path / "a.nrrd", overwrite=overwrite)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "a.nii.gz").unlink()
    assert len(segmentation.write(tmp_path / "a.nrrd", overwrite=True)) == 2


def test_what_was_measured_is_saved_beside_the_mask(segmentation, tmp_path):
    measured = measure_structures(segmentation.labels, TABLE)
    files = segmentation.save(tmp_path / "out", stem="a", measured=measured)
    assert set(files) == set(result_files(tmp_path / "out", "a")) == set((tmp_path / "out").iterdir())
    (table,) = (path for path in files if path.suffix == ".csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["case"], row["name"], row["voxels"]) for row in rows] == [("a", "liver", "17"), ("a", "tumour", "1")]
    assert len(segmentation.save(tmp_path / "unmeasured", stem="a")) == 2


def test_volumes_of_both_sides_are_saved_beside_those_of_the_structures(segmentation, tmp_path):
    measured = [*measure_structures(segmentation.labels, TABLE), Sides.of("liver", 3.0, 5.0)]
    segmentation.save(tmp_path, stem="a", measured=measured)
    rows = list(csv.DictReader((tmp_path / "a_seg.csv").read_text().splitlines()))
    assert [(row["kind"], row["name"]) for row in rows][-1] == ("sides", "liver")
    assert (rows[-1]["asymmetry_percent"], rows[-1]["certainty"]) == ("50.0", "")


@pytest.mark.parametrize("stem", ["../case", "sub/case", "/case", "", ".case"])
def test_a_stem_that_leads_out_of_the_folder_is_refused(segmentation, tmp_path, stem):
    with pytest.raises(InputError, match="cannot name a case"):
        segmentation.save(tmp_path / "out", stem=stem)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["nii.gz", "json", "csv"])
def test_when_one_of_the_files_exists_none_is_written(segmentation, tmp_path, ending):
    (tmp_path / f"a_seg.{ending}").write_text("mine")
    with pytest.raises(FileError, match=f"a_seg.{ending} exists and is not overwritten"):
        segmentation.save(tmp_path, stem="a", measured=measure_structures(segmentation.labels, TABLE))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_whole_numbers_stored_as_float_are_labels_and_fractions_are_none(tmp_path):
    array = np.zeros((3, 3, 3), np.float32)
    array[1] = 2
    write(Volume(array), tmp_path / "whole.nii.gz")
    loaded = Segmentation.load(tmp_path / "whole.nii.gz")
    assert [label.name for label in loaded.table] == ["label 2"]
    array[1, 1, 1] = 1.5
    write(Volume(array), tmp_path / "half.nii.gz")
    with pytest.raises(LabelError, match=r"half\.nii\.gz: A label map holds 0 and whole numbers above.* 1\.5"):
        Segmentation.load(tmp_path / "half.nii.gz")


def test_names_that_are_given_go_before_those_beside_the_mask(segmentation, tmp_path):
    mask, _ = segmentation.write(tmp_path / "a.nii.gz")
    other = LabelTable.of_names({1: "one", 3: "three"})
    assert Segmentation.load(mask, table=other).table == other


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"labels": [', r"a\.json, which names the labels of the mask beside it, cannot be read"),
        ('{"labels": [{"value": 1}]}', "A label needs a value and a name"),
        ('{"labels": [{"value": 1, "name": "x"}]}', r"a\.nii\.gz: The label map holds \[3\]"),
    ],
)
def test_names_that_cannot_be_used_are_refused(segmentation, tmp_path, text, message):
    mask, record = segmentation.write(tmp_path / "a.nii.gz")
    record.write_text(text)
    with pytest.raises((FileError, LabelError), match=message):
        Segmentation.load(mask)


@pytest.mark.parametrize("content", [[], {"labels": "none"}, {"Manufacturer": "somebody"}])
def test_a_json_of_another_kind_names_nothing(segmentation, tmp_path, content):
    mask, record = segmentation.write(tmp_path / "a.nii.gz")
    record.write_text(json.dumps(content))
    assert [label.name for label in Segmentation.load(mask).table] == ["liver", "tumour"]  # within the mask itself
    write(segmentation.labels, mask, overwrite=True)
    assert [label.name for label in Segmentation.load(mask).table] == ["label 1", "label 3"]


def test_a_value_without_a_name_is_refused(segmentation):
    with pytest.raises(LabelError, match=r"holds \[3\], which the label table \[0, 1\] does not name"):
        Segmentation(segmentation.labels, LabelTable.of_names({1: "liver"}))


def test_the_algorithm_has_a_name_that_dicom_takes(segmentation):
    assert segmentation.algorithm == ("somebodys", "unknown")
    long = replace(segmentation, provenance={"bundle": "Dataset137" * 9, "bundle_version": "1.0"})
    assert long.algorithm == (("Dataset137" * 9)[:64], "1.0")


def test_files_of_a_case_are_named_after_it():
    assert record_of("x/a.b.nii.gz").name == "a.b.json"
    assert case_name("x/a_seg.nrrd") == "a"
    assert case_name("_seg.nii") == "_seg"


def test_a_folder_is_no_mask_and_is_named_also_where_it_is_the_current_one(tmp_path, monkeypatch):
    (tmp_path / "masks").mkdir()
    monkeypatch.chdir(tmp_path / "masks")
    with pytest.raises(FileError, match=r"^masks is a folder\. Name one mask in it"):
        Segmentation.load(".")
