"""Corrections of readers: beside the results, one folder for each reader, as `learn` takes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ones import Ones, make_cases

from monai_attn.cases.labelled import find_labelled
from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort.corrections import (
    cases_by_name,
    corrected_mask,
    images_of_case,
    mask_to_read,
    save_correction,
)
from monai_attn.errors import FileError
from monai_attn.segmentation import Segmentation


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
