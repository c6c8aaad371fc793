"""Corrections of readers: beside the results, one folder for each reader, as `learn` takes them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from dicom_maker import save, slices_of
from ones import Ones, make_cases

from monai_attn.cases.labelled import find_labelled
from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort.corrections import (
    cases_by_name,
    corrected_mask,
    images_of_case,
    mask_to_read,
    recorded_cases,
    save_correction,
)
from monai_attn.errors import FileError
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume


@pytest.fixture
def folder(tmp_path):
    recipe = Recipe(bundle="ones", output=tmp_path / "out")
    assert not any(row.error for row in run_cases(recipe, make_cases(tmp_path / "in", 3), Ones()))
    return recipe.output


def corrected(folder, case) -> Segmentation:
    made = Segmentation.load(folder / f"{case}_seg.nii.gz")
    labels = made.labels.with_array(np.ones(made.labels.shape, np.uint8))
    return replace(made, labels=labels, provenance={**made.provenance, "edited_by_hand": True})


def test_the_record_of_a_case_says_where_its_image_is(folder):
    (image,) = images_of_case(folder, "case_2").values()
    assert image.path.resolve() == (folder.parent / "in" / "case_2.nii.gz").resolve()
    assert image.read().shape == (4, 5, 6)


def test_series_that_share_a_folder_are_looked_for_once(folder, monkeypatch):
    export = folder.parent / "export"
    for number in (1, 2):
        volume = Volume(np.full((4, 5, 6), number, np.int16), np.diag([1.0, 2.0, 3.0, 1.0]))
        datasets = slices_of(volume, series_uid=f"1.2.{number}")
        for dataset in datasets:
            dataset.StudyInstanceUID = f"1.{number}"
        save(export, datasets, f"IM{number}")
        record = folder / f"case_{number}_seg.json"
        content = json.loads(record.read_text())
        content["images"] = {"image": {"path": "../export", "series": f"1.2.{number}"}}
        record.write_text(json.dumps(content))
    monkeypatch.setattr("monai_attn.io.dicom.catalogue.cache_folder", lambda: folder.parent / "cache")
    found = recorded_cases(folder, ["case_1", "case_2", "case_3"])
    for number in (1, 2):
        (image,) = images_of_case(folder, f"case_{number}", found).values()
        assert len(image.files) == 6
        assert (image.read().array == number).all()
    assert found["case_3"].images["image"].files == ()


def test_images_that_have_moved_are_given_as_they_were_to_segment(folder):
    moved = folder.parent / "moved"
    (folder.parent / "in").rename(moved)
    with pytest.raises(FileError, match=r"case_2: case_2\.nii\.gz is not where the record says\. Name the images"):
        images_of_case(folder, "case_2")
    (image,) = images_of_case(folder, "case_2", cases_by_name([moved])).values()
    assert image.path == moved / "case_2.nii.gz"


def test_learn_takes_the_corrections_of_a_reader_and_no_other(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    images = images_of_case(folder, "case_2")
    mask = save_correction(folder, "case_2", corrected(folder, "case_2"), images, "anna")
    found = find_labelled(folder / "corrected_anna")
    assert [case.name for case in found.cases] == ["case_2"]
    assert found.kind == "masks corrected in napari"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert mask_to_read(folder, "case_2", "anna") == mask
    assert mask_to_read(folder, "case_2", "ben") == mask_to_read(folder, "case_2") == folder / "case_2_seg.nii.gz"


def test_a_correction_of_an_earlier_mask_is_neither_shown_nor_replaced(folder):
    images = images_of_case(folder, "case_2")
    mask = save_correction(folder, "case_2", corrected(folder, "case_2"), images)
    assert save_correction(folder, "case_2", corrected(folder, "case_2"), images) == mask
    (folder / "case_2_seg.nii.gz").write_bytes(b"another mask")
    assert corrected_mask(folder, "case_2") is None
    with pytest.raises(FileError, match="corrects an earlier mask"):
        save_correction(folder, "case_2", corrected(folder, "case_1"), images)
    with pytest.raises(FileError, match="case_9 has no mask"):
        save_correction(folder, "case_9", corrected(folder, "case_1"), images)
