"""What in a folder is an image of a case, and what never is."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import dicom_maker
import numpy as np
import pytest

from monai_attn import Volume
from monai_attn.cases import Case, find_cases, image_files, inference_cases, several_image_cases
from monai_attn.cases.folders import holds_dicom, walk
from monai_attn.errors import InputError
from monai_attn.labels import LabelTable
from monai_attn.segmentation import Segmentation

JUNK = ("._a.nii.gz", ".hidden.nrrd", ".0123456789ab-a_seg.nii.gz", "~$a.nii.gz", "a.txt", "a.nii.gz.part", ".nii.gz")


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("a.nii.gz", *JUNK, ".git/b.nii.gz", ".p/t1.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_hidden_and_temporary_files_are_no_cases(folder):
    assert find_cases([folder]) == [Case("a", folder / "a.nii.gz")]
    assert [case["case"] for case in inference_cases(folder)] == ["a"]
    assert [case["case"] for case in inference_cases(folder, "**/*")] == ["a"]
    with pytest.raises(InputError, match=r"No case lies in"):
        several_image_cases(folder, ("t1", "b"))
    with pytest.raises(InputError, match=r"\._a\.nii\.gz is a hidden or temporary file, not an image of a case"):
        find_cases([folder / "._a.nii.gz"])


@pytest.mark.parametrize("mask", ["a_seg.nii.gz", "A_MASK.nrrd", "a-label.nii", "a_labels.mha", "a.segmentation.nii"])
def test_a_mask_beside_its_image_is_no_case_unless_it_is_named(folder, mask, caplog):
    for name in (mask, "b_seg.nii.gz", "mask.nii.gz"):  # whose images are not there
        (folder / name).touch()
    assert [case.name for case in find_cases([folder])] == ["a", "b_seg", "mask"]
    assert f"1 files in {folder.name} are taken for masks and left out, {mask} first." in caplog.text
    assert [case["case"] for case in inference_cases(folder)] == ["a", "b_seg", "mask"]
    assert len(find_cases([folder / "a.nii.gz", folder / mask])) == 2
    assert len(inference_cases(folder, "[aA]*")) == 2


def test_what_a_record_of_ours_names_is_no_case(folder, caplog):
    labels = Segmentation(Volume(np.ones((3, 3, 3), np.uint8)), LabelTable(()))
    entropy = Volume(np.zeros((3, 3, 3), np.float32))
    replace(labels, maps={"entropy": entropy}).save(folder, stem="elsewhere")
    _, earlier = labels.write(folder / "earlier.nii.gz")
    content = json.loads(earlier.read_text())
    del content["files"]
    earlier.write_text(json.dumps(content))
    (folder / "a.json").write_text('{"Modality": "MR"}')  # of another program
    assert [case.name for case in find_cases([folder])] == ["a"]
    assert caplog.text == ""
    assert [case.name for case in find_cases([folder / "earlier.nii.gz"])] == ["earlier"]


def test_results_in_the_folder_of_a_dicom_case_are_not_taken_in_its_place(tmp_path):
    dicom_maker.series(tmp_path / "ct", Volume(np.zeros((3, 4, 5), np.int16)), "CT")
    Segmentation(Volume(np.ones((3, 3, 3), np.uint8)), LabelTable(())).save(tmp_path / "ct", stem="ct")
    assert find_cases([tmp_path / "ct"]) == [Case("ct", tmp_path / "ct")]


def test_a_folder_of_masks_alone_says_so_as_the_fault_of_its_case(folder):
    Segmentation(Volume(np.ones((3, 3, 3), np.uint8)), LabelTable(())).save(folder / "out", stem="b")
    masks, image = find_cases([folder / "out", folder])
    assert (masks.name, image.name) == ("out", "a")
    assert masks.problem == "out holds masks, b_seg.nii.gz first, and no image. Name a file to segment it."


def test_a_link_that_leads_nowhere_is_a_case_that_fails_and_the_others_go_on(folder):
    (folder / "gone.nii.gz").symlink_to(folder / "nowhere.nii.gz")
    assert [case.name for case in find_cases([folder])] == ["a", "gone"]
    assert [case.name for case in find_cases([folder / "a.nii.gz", folder / "gone.nii.gz"])] == ["a", "gone"]


def test_a_folder_called_like_a_file_is_no_image_file(folder):
    (folder / "b.nii.gz").mkdir()
    assert image_files(folder) == [folder / "a.nii.gz"]


def test_links_to_folders_are_followed_once_also_in_a_circle(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/t1.nii.gz").touch()
    (tmp_path / "data/p1").mkdir(parents=True)
    (tmp_path / "data/p2").symlink_to(tmp_path / "far")
    (tmp_path / "data/p1/up").symlink_to(tmp_path / "data")
    assert [place.name for place in walk(tmp_path / "data")] == ["data", "p1", "p2"]
    assert [case["case"] for case in inference_cases(tmp_path / "data", "**/*.nii.gz")] == ["t1"]
    assert [case["case"] for case in several_image_cases(tmp_path / "data", ("t1", "ct"))] == ["p2"]


@pytest.mark.parametrize("pattern", ["", "/tmp/*", "../*"])
def test_a_pattern_that_leads_out_of_the_folder_is_refused(folder, pattern):
    with pytest.raises(InputError, match="does not lie in the folder"):
        inference_cases(folder, pattern)


def test_dicom_is_known_with_and_without_preamble_and_by_its_suffix(tmp_path):
    starts = {"with": bytes(128) + b"DICM", "without": b"\x08\x00\x05\x00CS" + bytes(130), "no": bytes(200)}
    for name, start in starts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "IM1").write_bytes(start)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "IM1.dcm").touch()
    assert [place.name for place in sorted(tmp_path.iterdir()) if holds_dicom(place)] == ["damaged", "with", "without"]
    assert [case["case"] for case in inference_cases(tmp_path)] == ["damaged", "with", "without"]


def test_folders_of_several_patients_are_a_case_each_and_those_of_one_are_one_case(tmp_path):
    volume = Volume(np.zeros((6, 5, 3), np.int16), np.diag([1.0, 1, 2, 1]))
    for patient, place in (("one", "x/mr"), ("one", "x/ct"), ("two", "y")):
        dicom_maker.series(tmp_path / "all" / place, volume, "MR", PatientID=patient)
    assert [case.name for case in find_cases([tmp_path / "all"])] == ["x", "y"]
    assert [case.name for case in find_cases([tmp_path / "all"], ("t1", "ct"))] == ["x", "y"]
    assert find_cases([tmp_path / "all/x"]) == [Case("x", tmp_path / "all/x")]


def test_a_data_set_holds_the_cases_that_it_lists_for_every_way_in(tmp_path):
    for name in ("imagesTs/b.nii.gz", "imagesTs/a.nii.gz", "imagesTs/._a.nii.gz", "imagesTr/c.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    content = {"test": ["./imagesTs/b.nii.gz", "imagesTs/a.nii.gz"], "training": [{"image": "imagesTr/c.nii.gz"}]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    assert [case.name for case in find_cases([tmp_path])] == ["b", "a"]
    assert [case["case"] for case in inference_cases(tmp_path)] == ["b", "a"]


def test_a_dataset_json_of_another_kind_leaves_the_folder_to_its_images(tmp_path):
    (tmp_path / "a.nii.gz").touch()
    (tmp_path / "dataset.json").write_text('{"channel_names": {"0": "T1"}, "numTraining": 3}')  # as nnU-Net v2 has it
    assert [case.name for case in find_cases([tmp_path])] == ["a"]
    assert [case["case"] for case in inference_cases(tmp_path)] == ["a"]


def test_an_empty_name_is_not_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=r"An empty name was given for an image\. Write \. for the current folder"):
        find_cases([""])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_folder_that_may_not_be_read_is_named(folder):
    folder.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        find_cases([folder])
    folder.chmod(0o700)
