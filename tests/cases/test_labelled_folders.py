"""Labelled cases in a folder each, and masks beside their images: BraTS, KiTS, TotalSegmentator, 3D Slicer."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import GeometryError, InputError, LabelError
from monai_attn.io import write
from monai_attn.volume import Volume


def planes(path: Path, *values: int, edge_mm: float = 1.0) -> Path:
    """An image or label map of 4 x 3 x 2 voxels with one plane of each value."""
    array = np.zeros((4, 3, 2), np.uint8)
    for plane, value in enumerate(values):
        array[plane] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Volume(array, np.diag([edge_mm, 1, 1, 1])), path, overwrite=True)
    return path


def test_images_that_are_called_after_their_case_and_a_mask_beside_them(tmp_path):
    for case in ("BraTS_001", "BraTS_002"):
        for word in ("flair", "t1", "t1ce"):
            planes(tmp_path / case / f"{case}_{word}.nii.gz", 9)
        planes(tmp_path / case / f"{case}_seg.nii.gz", 0, 1, 2, 4)
    planes(tmp_path / "BraTS_003" / "BraTS_003_flair.nii.gz", 9)
    (tmp_path / "BraTS_002" / "BraTS_002_t1.nii.gz").unlink()
    found = find_labelled(tmp_path)
    assert [(one.name, one.modality) for one in found.images] == [("flair", "MR"), ("t1", "MR"), ("t1ce", "MR")]
    assert {case.name: list(case.images) for case in found} == {
        "BraTS_001": ["flair", "t1", "t1ce"],
        "BraTS_002": ["flair", "t1ce"],
    }
    assert found["BraTS_001"].label.read().array[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert found.notes == ("1 folders have no mask and are left out, BraTS_003 first.",)


def test_one_image_of_any_name_in_each_folder(tmp_path):
    for case in ("case_00000", "case_00001"):
        planes(tmp_path / case / "imaging.nii.gz", 9)
        planes(tmp_path / case / "segmentation.nii.gz", 1)
    planes(tmp_path / "p3" / "p3.nii.gz", 9)
    planes(tmp_path / "p3" / "p3-label.nii.gz", 1)
    found = find_labelled(tmp_path)
    assert [one.name for one in found.images] == ["image"]
    assert [(case.name, case.images["image"].path.name) for case in found] == [
        ("case_00000", "imaging.nii.gz"),
        ("case_00001", "imaging.nii.gz"),
        ("p3", "p3.nii.gz"),
    ]


def total(folder: Path) -> Path:
    """Two cases as TotalSegmentator has them, of which the second has no mask of the spleen."""
    for case, names in (("s0000", ("liver", "spleen", "aorta")), ("s0001", ("liver", "aorta"))):
        planes(folder / case / "ct.nii.gz", 9)
        for plane, name in enumerate(names):
            planes(folder / case / "segmentations" / f"{name}.nii.gz", *[0] * plane, 1)
    return folder


def test_a_mask_of_each_structure_becomes_a_label_map_and_a_missing_one_is_unknown(tmp_path):
    found = find_labelled(total(tmp_path))
    assert [(one.name, one.modality) for one in found.images] == [("image", "CT")]
    assert [(label.value, label.name) for label in found.labels] == [(1, "aorta"), (2, "liver"), (3, "spleen")]
    assert [case.drawn for case in found] == [{1, 2, 3}, {1, 2}]
    assert found["s0000"].label.read().array[:, 0, 0].tolist() == [2, 3, 1, 0]
    assert found["s0001"].label.read().array[:, 0, 0].tolist() == [2, 1, 0, 0]


def test_a_file_of_labels_chooses_among_the_structures(tmp_path):
    (total(tmp_path) / "labels.json").write_text(json.dumps({"labels": {"1": "Spleen"}}))
    found = find_labelled(tmp_path)
    assert [(label.value, label.name) for label in found.labels] == [(1, "Spleen")]
    assert [case.name for case in found] == ["s0000"]
    assert found["s0000"].label.read().array[:, 0, 0].tolist() == [0, 1, 0, 0]
    assert found.notes == ("1 folders have no mask and are left out, s0001 first.",)


def test_a_table_may_name_folders_of_masks(tmp_path):
    total(tmp_path)
    rows = [f"{case}/ct.nii.gz,{case}/segmentations,{drawn}" for case, drawn in (("s0000", "liver"), ("s0001", ""))]
    (tmp_path / "cases.csv").write_text("\n".join(["ct,label,drawn", *rows]))
    found = find_labelled(tmp_path / "cases.csv")
    assert {case.name: case.drawn for case in found} == {"s0000_ct": {2}, "s0001_ct": {1, 2}}


def test_the_image_on_the_grid_of_the_mask_is_the_reference(tmp_path):
    for case in ("a", "b"):
        planes(tmp_path / case / "ct.nii.gz", 9, edge_mm=2)
        planes(tmp_path / case / "t1.nii.gz", 9)
        planes(tmp_path / case / "mask.nii.gz", 1)
    assert [one.name for one in find_labelled(tmp_path).images] == ["t1", "ct"]


def test_masks_beside_their_images_in_one_folder(tmp_path):
    for name in ("a.nii.gz", "a_seg.nii.gz", "b.nrrd", "b.seg.nrrd", "c.nii.gz"):
        planes(tmp_path / name, 1)
    found = find_labelled(tmp_path)
    assert [(case.name, case.label.path.name) for case in found] == [("a", "a_seg.nii.gz"), ("b", "b.seg.nrrd")]
    assert found.notes == ("1 images have no mask beside them and are left out, c.nii.gz first.",)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
@pytest.mark.parametrize(
    ("image", "mask"), [("images/{}", "labels/{}_seg"), ("images/{}", "labels/{}"), ("{}", "{}_seg")]
)
def test_an_image_and_its_mask_are_one_case_in_whatever_form_of_unicode_their_names_are(tmp_path, image, mask, forms):
    one, other = (unicodedata.normalize(form, "Müller") for form in forms)
    planes(tmp_path / f"{image.format(one)}.nii.gz", 1)
    planes(tmp_path / f"{mask.format(other)}.nii.gz", 1)
    (case,) = find_labelled(tmp_path)
    assert (case.name, case.label.path.name) == (one, f"{Path(mask.format(other)).name}.nii.gz")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a/ct.nii.gz", "a/mask.nii.gz", "a/x_seg.nii.gz"], r"a has 2 masks: mask.nii.gz, x_seg.nii.gz"),
        (["a/ct.nii.gz", "a/masks/liver.nii.gz", "a/labels/liver.nii.gz"], r"a has 2 masks: labels, masks"),
        (["a/ct.nii.gz", "a/masks/Liver.nii.gz", "a/masks/liver.nrrd"], r"a/masks has two masks of one structure"),
        (["a.nii.gz", "a_seg.nii.gz", "a_mask.nii.gz"], r"a.nii.gz has two masks: a_mask.nii.gz and a_seg.nii.gz"),
        (["a/t1.nii.gz", "a/t1.nrrd", "a/mask.nii.gz"], r"a has two images of one name: t1.nii.gz, t1.nrrd"),
        (
            [f"{case}/{name}.nii.gz" for case in "abc" for name in (f"scan{case}", f"t2{case}", "mask")],
            r"a/scana.nii.gz is an image that 1 of 3 cases have. Call the images of all cases alike",
        ),
        (
            ["a/ct.nii.gz", "a/mask.nii.gz", "b/ct.nii.gz", "b/masks/liver.nii.gz"],
            r"a/mask.nii.gz is a label map, and b/masks holds structures by name",
        ),
    ],
)
def test_folders_that_are_not_clear_are_refused(tmp_path, files, message):
    for name in files:
        planes(tmp_path / name, 1)
    with pytest.raises(InputError, match=message):
        find_labelled(tmp_path)


def test_a_mask_of_one_structure_with_two_values_or_another_grid_is_refused(tmp_path):
    case = find_labelled(total(tmp_path))["s0000"]
    planes(tmp_path / "s0000" / "segmentations" / "liver.nii.gz", 1, 2)
    with pytest.raises(LabelError, match=r"s0000/segmentations/liver.nii.gz holds the values 1, 2. A mask of one"):
        case.label.read()
    planes(tmp_path / "s0000" / "segmentations" / "liver.nii.gz", 1, edge_mm=2)
    with pytest.raises(GeometryError, match=r"s0000/segmentations/liver.nii.gz lies on another grid"):
        case.label.read()
