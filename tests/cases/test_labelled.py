"""Labelled cases: what is found in a `dataset.json`, what was drawn, which part a case serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_attn.cases.labelled import find_labelled
from monai_attn.cases.labelled.inputs import image_inputs, modality_of
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io.label_file import read_label_file
from monai_attn.labels import LabelTable

ORGANS = {"0": "background", "1": "brainstem", "2": "spinal cord", "3": "larynx"}


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def dataset(folder: Path, entries: list[dict[str, Any]], **about: Any) -> Path:
    for entry in entries:
        given = [value for key, value in entry.items() if key in ("image", "label", "t1", "ct")]
        touch(folder, *(name for one in given for name in ([one] if isinstance(one, str) else one)))
    content = {"modality": {"0": "CT"}, "labels": ORGANS, "training": entries, **about}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"image": f"imagesTr/{name}.nii.gz", "label": f"labelsTr/{name}.nii.gz", **more}


def test_a_decathlon_folder_gives_its_cases_image_structures_and_licence(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("a"), entry("b")], name="Neck", licence="MIT"))
    assert [case.name for case in found] == ["a", "b"]
    assert [(one.name, one.modality, one.unit) for one in found.images] == [("image", "CT", "HU")]
    assert [(label.value, label.name) for label in found.labels] == [
        (1, "brainstem"), (2, "spinal cord"), (3, "larynx")]  # fmt: skip
    assert (found.name, found.licence) == ("Neck", "MIT")
    row = found.rows(["a"])[0]
    assert row["image"] == str(tmp_path / "imagesTr/a.nii.gz")
    assert row["label"] == str(tmp_path / "labelsTr/a.nii.gz")
    assert row["drawn"].tolist() == row["scored"].tolist() == [1, 1, 1, 1]


def test_cases_with_four_digits_are_no_channels_of_nnunet(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("case_0001"), entry("case_0002")]))
    assert [case.name for case in found] == ["case_0001", "case_0002"]


def test_what_was_not_drawn_is_unknown_and_what_is_cut_is_not_scored(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("a", drawn=[1, "Spinal cord"], cut=[2]), entry("b", drawn=[])]))
    assert found["a"].drawn == {1, 2}
    assert found["a"].left_out == {2}
    row, nothing = found.rows()
    assert (row["drawn"].tolist(), row["scored"].tolist()) == ([1, 1, 1, 0], [1, 1, 0, 0])
    assert nothing["drawn"].tolist() == [1, 0, 0, 0]


def test_rows_collate_to_a_mark_for_each_case_and_class(tmp_path):
    from monai.data import list_data_collate

    batch = list_data_collate(find_labelled(dataset(tmp_path, [entry("a", drawn=[3]), entry("b")])).rows())
    assert batch["drawn"].tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]


def test_the_parts_of_a_data_set_are_kept(tmp_path):
    folder = dataset(tmp_path, [entry("a", part="train"), entry("b", part="val"), entry("c", part="test"), entry("d")])
    assert [case.part for case in find_labelled(folder)] == ["train", "validation", "test", None]
    assert [case.name for case in find_labelled(folder).of_part("test")] == ["c"]


def test_several_named_images_of_which_one_may_be_missing(tmp_path):
    folder = dataset(
        tmp_path,
        [{"id": "p1", "t1": "p1/t1.nii.gz", "ct": "p1/ct.nii.gz", "label": "p1/gtv.nii.gz", "patient": "x"},
         {"id": "p2", "ct": "p2/ct.nii.gz", "label": "p2/gtv.nii.gz"}],
        modality={"t1": "MRI", "ct": "CT, HU"},
    )  # fmt: skip
    found = find_labelled(folder)
    assert [(one.name, one.modality) for one in found.images] == [("t1", "MR"), ("ct", "CT")]
    assert [list(case.images) for case in found] == [["t1", "ct"], ["ct"]]
    assert "t1" not in found.rows()[1]
    assert found["p1"].patient == "x"
    assert "'x'" not in repr(found["p1"])


def test_channels_of_one_file_are_images_of_their_own(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("a")], modality={"0": "T2", "1": "ADC"}))
    assert [(one.name, one.modality) for one in found.images] == [("t2", "MR"), ("adc", "MR")]
    assert [image.volume for image in found["a"].images.values()] == [0, 1]


def test_channels_have_the_order_of_their_numbers(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("a")], modality={"1": "T1", "10": "ADC", "0": "FLAIR", "2": "T2"}))
    volumes = {name: image.volume for name, image in found["a"].images.items()}
    assert volumes == {"flair": 0, "t1": 1, "t2": 2, "adc": 3}


def test_a_patient_may_have_the_number_0(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("a", patient=0), entry("b", patient=1), entry("c")]))
    assert [case.patient for case in found] == ["0", "1", ""]


def test_a_list_of_files_is_one_image_each(tmp_path):
    row = {"image": ["a/flair.nii", "a/t1.nii"], "label": "a/seg.nii", "id": "a"}
    found = find_labelled(dataset(tmp_path, [row], modality=["FLAIR", "T1"]))
    assert {name: image.path.name for name, image in found["a"].images.items()} == {
        "flair": "flair.nii",
        "t1": "t1.nii",
    }


def test_values_with_gaps_become_classes_without_gaps(tmp_path):
    from monai_attn.io import write
    from monai_attn.volume import Volume

    folder = dataset(tmp_path, [entry("a", drawn=[53])], labels={"0": "background", "17": "left", "53": "right"})
    array = np.zeros((4, 4, 4), np.uint8)
    array[0], array[1] = 17, 53
    write(Volume(array), folder / "labelsTr/a.nii.gz", overwrite=True)
    found = find_labelled(folder)
    assert [(label.value, label.name) for label in found.labels] == [(1, "left"), (2, "right")]
    assert found["a"].drawn == {2}
    assert found["a"].label.read().array[:3, 0, 0].tolist() == [1, 2, 0]
    array[2] = 4
    write(Volume(array), folder / "labelsTr/a.nii.gz", overwrite=True)
    with pytest.raises(LabelError, match=r"a.nii.gz holds the values \[4\], which the data set does not name"):
        found["a"].label.read()


def test_other_names_and_codes_take_the_place_of_those_of_the_data_set(tmp_path):
    found = find_labelled(dataset(tmp_path, [entry("a")], labels={"0": "background", "1": "left", "2": "right"}))
    rows = [
        {"value": 1, "name": "left kidney", "code": {"value": "18639004", "scheme": "SCT", "meaning": "Left kidney"}},
        {"value": 2, "name": "right kidney"},
    ]
    file = tmp_path / "names.json"
    file.write_text(json.dumps({"labels": rows}))
    named = found.named(read_label_file(file))
    assert [label.name for label in named.labels] == ["left kidney", "right kidney"]
    assert named.labels[1].code.value == "18639004"
    assert named.cases == found.cases
    with pytest.raises(LabelError, match=r"names are for the values \[1\], but .* has: 1 left, 2 right"):
        found.named(LabelTable.of_names({1: "left kidney"}))


def test_names_may_be_for_the_values_in_the_masks_where_these_have_gaps(tmp_path):
    """`--labels` with the values that a user sees in the masks was refused: the table has 1, 2, 3."""
    found = find_labelled(dataset(tmp_path, [entry("a")], labels={"0": "background", "1": "a", "4": "b", "7": "c"}))
    named = found.named(LabelTable.of_names({1: "liver", 4: "spleen", 7: "kidney"}))
    assert [(label.value, label.name) for label in named.labels] == [(1, "liver"), (2, "spleen"), (3, "kidney")]
    assert named.cases == found.cases


def test_entries_of_one_file_name_in_folders_of_their_own_are_called_after_the_folders(tmp_path):
    entries = [{"image": f"{case}/ct.nii.gz", "label": f"{case}/seg.nii.gz"} for case in ("p1", "p2")]
    assert [case.name for case in find_labelled(dataset(tmp_path, entries))] == ["p1_ct", "p2_ct"]


def test_parts_and_patients_in_other_words_are_kept(tmp_path):
    """A case of "testing", and one with "split": "test", was for the training; a "subject_id" was not read."""
    more = {"testing": [entry("c")], "val": [entry("d")]}
    entries = [entry("a", split="test", subject_id=7), entry("b", PatientID=1)]
    touch(tmp_path, *(row[key] for rows in more.values() for row in rows for key in ("image", "label")))
    found = find_labelled(dataset(tmp_path, entries, **more))
    assert [(case.name, case.part) for case in found] == [
        ("a", "test"), ("b", None), ("d", "validation"), ("c", "test")]  # fmt: skip
    assert [case.patient for case in found] == ["7", "1", "", ""]


def test_such_a_mask_is_loaded_by_the_first_transform_of_a_bundle(tmp_path):
    from monai_attn.io import write
    from monai_attn.transforms import LoadVolumed
    from monai_attn.volume import Volume

    folder = dataset(tmp_path, [entry("a")], labels={"0": "background", "17": "left"}, modality={"0": "T1"})
    for name in ("imagesTr", "labelsTr"):
        write(Volume(np.full((3, 4, 5), 17, np.uint8)), folder / name / "a.nii.gz", overwrite=True)
    case = LoadVolumed(["image", "label"], ensure_channel_first=True)(find_labelled(folder).rows()[0])
    assert (float(case["image"].max()), float(case["label"].max())) == (17, 1)
    assert case["label"].meta["filename_or_obj"].endswith("a.nii.gz")


@pytest.mark.parametrize(
    ("entries", "about", "error", "message"),
    [
        ([entry("a", drawn=[9])], {}, InputError, "entry 1 of 'training': There is no structure '9'. The data set has"),
        ([entry("a", part="tuning")], {}, InputError, "the part 'tuning' is none of train, validation, test"),
        ([entry("a"), entry("A")], {}, InputError, "entry 2 of 'training': the case 'A' is there twice"),
        ([{"image": "imagesTr/a.nii.gz"}], {}, InputError, "entry 1 of 'training' has no label"),
        ([entry("a")], {"labels": {}}, LabelError, "names no labels"),
        ([entry("a")], {"labels": {"0": "background"}}, LabelError, "no structure besides the background"),
        ([entry("a")], {"labels": {"0": "background", "1": "x", "2": "x"}}, LabelError, "the name 'x' twice"),
        ([], {}, InputError, "holds no labelled case"),
        ([{"id": "a", "t1": "t1.nii", "label": "s.nii"}], {}, InputError, "must say what the images are"),
        ([entry("a")], {"modality": {"my image": "CT"}}, InputError, "An image cannot be called 'my image'"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_refused_with_its_place(tmp_path, entries, about, error, message):
    with pytest.raises(error, match=message):
        find_labelled(dataset(tmp_path, entries, **about))


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path):
    folder = dataset(tmp_path, [entry("a")])
    (folder / "labelsTr/a.nii.gz").unlink()
    with pytest.raises(FileError, match=r"entry 1 of 'training': labelsTr/a.nii.gz does not exist"):
        find_labelled(folder)
    with pytest.raises(FileError, match="nowhere does not exist"):
        find_labelled(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("words", "modality"),
    [
        ("CT", "CT"),
        ("computed tomography, HU", "CT"),
        ("CT of T11 to L3", "CT"),
        ("noNorm", ""),
        ("T1w (contrast)", "MR"),
        ("t2f", "MR"),
        ("PET, SUV", "PT"),
        ("PET of a PET/CT", ""),
        ("MRI registered to CT", ""),
    ],
)
def test_a_modality_is_known_where_the_words_say_only_one(words, modality):
    assert modality_of(words) == modality


def test_the_name_of_an_image_decides_where_the_words_on_it_say_two_modalities():
    found = image_inputs({"mr": "MRI registered to CT", "x": "PET of a PET/CT"})
    assert [(one.name, one.modality, one.unit) for one in found] == [("mr", "MR", ""), ("x", "", "")]
