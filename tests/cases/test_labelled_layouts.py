"""Labelled cases as people have them: nnU-Net, two folders, a table, DICOM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io import write
from monai_attn.volume import Volume


def mask(path: Path, *values: int) -> Path:
    """A label map of 4 x 3 x 2 voxels with one plane of each value."""
    array = np.zeros((4, 3, 2), np.uint8)
    for plane, value in enumerate(values):
        array[plane] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Volume(array), path)
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def nnunet(folder: Path, labels: dict[str, Any], **more: Any) -> Path:
    touch(folder, "imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "imagesTr/b_0000.nii.gz")
    touch(folder, "labelsTr/a.nii.gz", "labelsTr/b.nii.gz", "imagesTs/z_0000.nii.gz")
    content = {"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": labels, "file_ending": ".nii.gz", **more}
    (folder / "dataset.json").write_text(json.dumps({"numTraining": 2, **content}))
    return folder


def test_nnunet_gives_channels_as_images_of_which_one_may_be_missing(tmp_path):
    found = find_labelled(nnunet(tmp_path, {"background": 0, "core": 1, "oedema": 2}))
    assert [(one.name, one.modality) for one in found.images] == [("t1", "MR"), ("flair", "MR")]
    assert {case.name: list(case.images) for case in found} == {"a": ["t1", "flair"], "b": ["t1"]}
    assert found["a"].images["flair"].path.name == "a_0001.nii.gz"
    assert [label.name for label in found.labels] == ["core", "oedema"]
    assert [case.part for case in found] == [None, None]


def test_numbers_of_channels_may_have_gaps_and_are_counted_from_0(tmp_path):
    """A gap was a KeyError."""
    touch(tmp_path, "imagesTr/a_0000.nii.gz", "imagesTr/a_0002.nii.gz", "labelsTr/a.nii.gz")

    def images(**names):
        content = {"channel_names": names, "labels": {"background": 0, "tumour": 1}}
        (tmp_path / "dataset.json").write_text(json.dumps(content))
        return {name: file.path.name for name, file in find_labelled(tmp_path)["a"].images.items()}

    assert images(**{"0": "T1", "2": "T2"}) == {"t1": "a_0000.nii.gz", "t2": "a_0002.nii.gz"}
    assert images(**{"0": "T1"}) == {"t1": "a_0000.nii.gz", "channel_2": "a_0002.nii.gz"}
    with pytest.raises(InputError, match=r"names the channels 1, 2, and the files have the numbers 0, 2\. Count"):
        images(**{"1": "T1", "2": "T2"})


def test_one_channel_of_nnunet_is_called_image_and_labelled_test_cases_are_of_that_part(tmp_path):
    folder = nnunet(tmp_path, {"background": 0, "core": 1}, channel_names={"0": "CT"})
    (folder / "imagesTr/a_0001.nii.gz").unlink()
    touch(folder, "labelsTs/z.nii.gz")
    found = find_labelled(folder)
    assert [(one.name, one.modality, one.unit) for one in found.images] == [("image", "CT", "HU")]
    assert {case.name: case.part for case in found} == {"a": None, "b": None, "z": "test"}


def test_the_training_list_of_nnunet_may_say_what_was_drawn(tmp_path):
    more = {"training": [{"label": "./labelsTr/a.nii.gz", "drawn": ["core"], "part": "train", "patient": "p"}]}
    found = find_labelled(nnunet(tmp_path, {"background": 0, "core": 1, "oedema": 2}, **more))
    assert (found["a"].drawn, found["a"].part, found["a"].patient) == ({1}, "train", "p")
    assert found["b"].drawn is None


def test_the_training_list_of_older_nnunet_names_files_that_do_not_exist(tmp_path):
    rows = [{"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"} for case in "ab"]
    found = find_labelled(nnunet(tmp_path, {"0": "background", "1": "core"}, training=rows))
    assert {case.name: list(case.images) for case in found} == {"a": ["t1", "flair"], "b": ["t1"]}


def test_regions_become_a_label_map_in_which_the_last_region_lies_on_top(tmp_path):
    brats = {"background": 0, "whole tumour": [1, 2, 3], "core": [2, 3], "enhancing": [3]}
    more = {"training": [{"label": "labelsTr/a.nii.gz", "drawn": ["Whole tumour", "core without enhancing"]}]}
    found = find_labelled(nnunet(tmp_path, brats, regions_class_order=[1, 2, 3], **more))
    names = [(1, "whole tumour without core"), (2, "core without enhancing"), (3, "enhancing")]
    assert [(label.value, label.name) for label in found.labels] == names
    assert found["a"].label.values == {}
    assert found["a"].drawn == {1, 2}


def test_regions_have_the_values_that_nnunet_writes(tmp_path):
    """Those of `regions_class_order`, which are those of the masks of KiTS: 1 kidney, 2 tumour, 3 cyst."""
    kits = {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumour": [2]}
    found = find_labelled(nnunet(tmp_path, kits, regions_class_order=[1, 3, 2]))
    names = [(1, "kidney without masses"), (2, "tumour"), (3, "masses without tumour")]
    assert [(label.value, label.name) for label in found.labels] == names
    assert found["a"].label.values == {}


def test_regions_of_several_values_are_joined_when_the_mask_is_read(tmp_path):
    regions = {"background": 0, "kidney": [1, 2, 3], "mass": [2, 3]}
    folder = nnunet(tmp_path, regions, regions_class_order=[1, 2])
    (folder / "labelsTr/a.nii.gz").unlink()
    mask(folder / "labelsTr/a.nii.gz", 1, 2, 3)
    case = find_labelled(folder)["a"]
    assert case.label.read().array[:, 0, 0].tolist() == [1, 2, 2, 0]


@pytest.mark.parametrize(
    ("labels", "more", "message"),
    [
        ({"background": 0, "kidney": [1, 2], "mass": [2]}, {}, "regions_class_order must list 2 values"),
        ({"background": 0, "mass": [2], "kidney": [1, 2]}, {"regions_class_order": [1, 2]},
         "the region 'mass' lies wholly under the regions after it"),
        ({"background": 0, "core": 1, "ignore": 2}, {}, "voxels to be ignored"),
        ({"background": 0, "core": "one"}, {}, "a label needs a name and a whole number"),
        ({"background": 0, "kidney": 1, "tumour": 1}, {}, "the value 1 has two names, 'kidney' and 'tumour'"),
        ({"background": 0, "kidney": 1.7}, {}, "has the value 1.7, and values of labels are whole numbers"),
        ({"0": "liver", "1": "tumour"}, {}, "the value 0 is called 'liver', and 0 is the background"),
    ],
)  # fmt: skip
def test_labels_of_nnunet_that_make_no_label_map_are_refused(tmp_path, labels, more, message):
    with pytest.raises(LabelError, match=message):
        find_labelled(nnunet(tmp_path, labels, **more))


def test_an_image_of_nnunet_without_a_mask_and_the_reverse_are_refused(tmp_path):
    folder = nnunet(tmp_path, {"background": 0, "core": 1})
    touch(folder, "imagesTr/c_0000.nii.gz")
    with pytest.raises(InputError, match="imagesTr has 1 cases without a mask in labelsTr, c first"):
        find_labelled(folder)
    touch(folder, "labelsTr/c.nii.gz", "labelsTr/d.nii.gz")
    with pytest.raises(InputError, match=r"labelsTr/d.nii.gz: there is no image d_0000 for this mask"):
        find_labelled(folder)


@pytest.mark.parametrize(
    ("images", "labels", "ending"),
    [("images", "labels", ""), ("Images", "masks", "_mask"), ("imagesTr", "labelsTr", ""), ("scans", "seg", "-label")],
)
def test_two_folders_of_files_of_the_same_names(tmp_path, images, labels, ending):
    touch(tmp_path, f"{images}/a.nii.gz", f"{images}/b.nrrd", f"{images}/spare.nii.gz", f"{labels}/notes.txt")
    mask(tmp_path / labels / f"a{ending}.nii.gz", 1)
    mask(tmp_path / labels / f"b{ending}.nii.gz", 3)
    found = find_labelled(tmp_path)
    assert {case.name: case.images["image"].path.name for case in found} == {"a": "a.nii.gz", "b": "b.nrrd"}
    assert [(label.value, label.name) for label in found.labels] == [(1, "structure 1"), (2, "structure 3")]
    assert found["b"].label.read().array[0, 0, 0] == 2
    assert found.notes == (f"1 images of {images} have no mask and are left out, spare first.",)


def test_a_file_of_labels_beside_the_folders_names_the_structures(tmp_path):
    touch(tmp_path, "images/a.nii.gz")
    mask(tmp_path / "labels/a.nii.gz", 1)
    (tmp_path / "labels.json").write_text('{"labels": {"0": "background", "1": "liver", "255": "spleen"}}')
    found = find_labelled(tmp_path)
    assert [(label.value, label.name) for label in found.labels] == [(1, "liver"), (2, "spleen")]


def test_folders_for_validation_and_test_beside_them_keep_their_parts(tmp_path):
    """Cases of a validation folder were left out, unsaid."""
    for case, end in (("a", "Tr"), ("b", "Val"), ("c", "Ts")):
        touch(tmp_path, f"images{end}/{case}.nii.gz")
        mask(tmp_path / f"labels{end}/{case}.nii.gz", 1)
    found = find_labelled(tmp_path)
    assert {case.name: case.part for case in found} == {"a": None, "b": "validation", "c": "test"}


def test_a_mask_of_two_folders_without_an_image_is_refused(tmp_path):
    touch(tmp_path, "images/a.nii.gz")
    mask(tmp_path / "labels/b.nii.gz", 1)
    with pytest.raises(InputError, match=r"labels/b.nii.gz has no image of its name in images"):
        find_labelled(tmp_path)


def test_empty_masks_have_no_structure(tmp_path):
    touch(tmp_path, "images/a.nii.gz")
    mask(tmp_path / "labels/a.nii.gz")
    with pytest.raises(LabelError, match="no structure besides the background"):
        find_labelled(tmp_path)


def table(folder: Path, text: str) -> Path:
    touch(folder, "a/t1.nii.gz", "a/ct.nii.gz", "b/ct.nii.gz")
    for case in "ab":
        if not (folder / case / "gtv.nii.gz").exists():
            mask(folder / case / "gtv.nii.gz", 1, 2)
    path = folder / "cases.csv"
    path.write_text(text)
    (folder / "labels.json").write_text('{"labels": {"1": "tumour", "2": "node"}}')
    return path


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_has_a_column_for_each_image_and_one_for_the_mask(tmp_path, sign):
    text = (
        "Case,T1,CT,mask,drawn,part,patient,age\n"
        'p1,a/t1.nii.gz,a/ct.nii.gz,a/gtv.nii.gz,"1|2",train,x,61\n'
        "p2,,b/ct.nii.gz,b/gtv.nii.gz,node,test,y,\n\n"
    ).replace(",", sign)
    found = find_labelled(table(tmp_path, text))
    assert [(one.name, one.modality) for one in found.images] == [("T1", "MR"), ("CT", "CT")]
    assert {case.name: (list(case.images), case.drawn, case.part) for case in found} == {
        "p1": (["T1", "CT"], {1, 2}, "train"),
        "p2": (["CT"], {2}, "test"),
    }
    assert found.notes == ("The columns age of cases.csv hold no paths and are not used.",)


def test_a_table_without_names_calls_cases_by_their_first_image_and_none_is_nothing_drawn(tmp_path):
    found = find_labelled(table(tmp_path, "ct,label,drawn\na/ct.nii.gz,a/gtv.nii.gz,\nb/ct.nii.gz,b/gtv.nii.gz,none\n"))
    assert [(case.name, case.drawn) for case in found] == [("a_ct", None), ("b_ct", frozenset())]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("ct,age\na/ct.nii.gz,61\n", InputError, "cases.csv needs a column 'label'"),
        ("ct,label\na/ct.nii.gz,\n", InputError, "Line 2 of cases.csv has no mask"),
        ("case,ct,label\nx,a/ct.nii.gz,a/gtv.nii.gz\nx,b/ct.nii.gz,b/gtv.nii.gz\n", InputError, "Line 3 .* twice"),
        ("ct,label\na/ct.nii.gz,a/gtv.nii.gz\nb/no.nii.gz,b/gtv.nii.gz\n", FileError, "Line 3 .*b/no.nii.gz does not"),
        ("ct,label\na/ct.nii.gz,a/no.nii.gz\n", FileError, "a/no.nii.gz does not exist"),
        ("ct,t2,label\na/ct.nii.gz,A/t2.nii.gz,a/gtv.nii.gz\n", FileError, "The column 't2' of cases.csv names images"),
        ("ct,mask,label\na/ct.nii.gz,a/gtv.nii.gz,a/gtv.nii.gz\n", InputError, "which is the label"),
        ("ct,label,drawn\na/ct.nii.gz,a/gtv.nii.gz,liver\n", InputError, "Line 2 .*There is no structure 'liver'"),
    ],
)
def test_a_table_that_is_not_clear_is_refused_with_its_line(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        find_labelled(table(tmp_path, text))


def test_a_long_text_in_a_table_is_no_path_and_a_patient_is_found_in_other_words(tmp_path):
    """A comment of 300 letters ended in an OSError."""
    text = f"ct,label,PatientID,comment\na/ct.nii.gz,a/gtv.nii.gz,7,{'good ' * 60}\n"
    found = find_labelled(table(tmp_path, text))
    assert [case.patient for case in found] == ["7"]
    assert found.notes == ("The columns comment of cases.csv hold no paths and are not used.",)
    with pytest.raises(FileError, match=r"Line 2 of cases.csv: .*good.* does not exist"):
        find_labelled(table(tmp_path, f"ct,label\na/ct.nii.gz,{'good ' * 60}\n"))


def test_masks_that_name_one_value_differently_are_refused(tmp_path):
    touch(tmp_path, "images/a.nii.gz", "images/b.nii.gz")
    for case, name in (("a", "liver"), ("b", "spleen")):
        mask(tmp_path / f"labels/{case}.nii.gz", 1)
        (tmp_path / f"labels/{case}.json").write_text(json.dumps({"labels": [{"value": 1, "name": name}]}))
    with pytest.raises(LabelError, match=r"b.nii.gz calls the value 1 'spleen', and a.nii.gz calls it 'liver'"):
        find_labelled(tmp_path)


def test_a_folder_of_another_kind_is_refused_with_the_known_layouts(tmp_path):
    touch(tmp_path, "a.nii.gz")
    with pytest.raises(InputError, match=r"holds no labelled cases in a known layout. Known are a dataset.json"):
        find_labelled(tmp_path)
    with pytest.raises(InputError, match=r"a.nii.gz is no table of cases"):
        find_labelled(tmp_path / "a.nii.gz")
