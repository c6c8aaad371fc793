from __future__ import annotations

import json
import re

import nibabel
import numpy as np
import pytest
import SimpleITK

from monai_attn.errors import FileError, InputError, LabelError
from monai_attn.io import holds_structures, read, read_masks, write
from monai_attn.io.label_file import read_label_file
from monai_attn.io.label_names import label_names
from monai_attn.io.label_text import safe_xml
from monai_attn.labels import Code, Label, LabelTable
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

TABLE = LabelTable(
    (
        Label(1, "Leber (größer) \\ 2", "#ff8000", Code("10200004", "SCT", "Liver")),
        Label(7, 'Milz, "links" <&>', "#0080ff"),
    )
)


def mask():
    array = np.zeros((4, 5, 6), np.uint8)
    array[1, 1:3, 1:3] = 1
    array[3, 2:4, 2:5] = 7
    return Volume(array, np.diag([1.5, 2, 3, 1]))


def names(table):
    return {label.value: label.name for label in table}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".seg.nrrd"])
def test_names_and_colours_are_written_into_the_mask_and_read_without_anything_beside(tmp_path, suffix):
    written = Segmentation(mask(), TABLE).write(tmp_path / f"x{suffix}")
    written[1].unlink()  # the JSON
    back = Segmentation.load(written[0])
    assert names(back.table) == names(TABLE)
    assert [label.colour for label in back.table] == [label.colour for label in TABLE]
    if "nrrd" in suffix:
        assert [label.code for label in back.table] == [label.code for label in TABLE]
    np.testing.assert_array_equal(back.labels.array, mask().array)


def test_other_programs_read_the_voxels_beside_the_names(tmp_path):
    for suffix in (".nii.gz", ".seg.nrrd"):
        write(mask(), tmp_path / f"x{suffix}", table=TABLE)
        image = SimpleITK.ReadImage(str(tmp_path / f"x{suffix}"))
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image).T, mask().array)
    assert image.GetMetaData("Segment0_Name") == TABLE[1].name
    assert image.GetMetaData("Segment1_LabelValue") == "7"
    loaded = nibabel.load(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(np.asarray(loaded.dataobj), mask().array)
    assert [extension.get_code() for extension in loaded.header.extensions] == [30]


def test_the_json_beside_comes_first_since_a_hand_can_correct_it(tmp_path):
    path, record = Segmentation(mask(), TABLE).write(tmp_path / "x.nii.gz")
    content = json.loads(record.read_text())
    content["labels"][0]["name"] = "corrected"
    record.write_text("\ufeff" + json.dumps(content), encoding="utf-8")  # with a byte order mark
    assert Segmentation.load(path).table[1].name == "corrected"


SNAP = """# ITK-SnAP Label Description File
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "liver"
    7     0  255    0        1  1  1    "spleen"
    9     0  255    0        1  1  1    "not there"
"""
FSL = """<?xml version="1.0" encoding="ISO-8859-1"?>
<atlas version="1.0"><header><name>n</name><type>{kind}</type></header><data>
<label index="{one}" x="1" y="2" z="3">liver</label><label index="{seven}" x="1" y="2" z="3">spleen</label>
</data></atlas>
"""
BESIDE = {
    "x.label": SNAP,
    "x.txt": SNAP,
    "x.tsv": "index\tname\tcolor\n0\tbackground\t\n1\tliver\t#ff0000\n7\tspleen\tn/a\n",
    "x.xml": FSL.format(kind="Label", one=1, seven=7),
    "x.json": '{"labels": {"0": "background", "1": "liver", "7": "spleen"}}',
}
MORE = {
    "x.xml": FSL.format(kind="Probabilistic", one=0, seven=6),
    "x.json": '{"labels": {"background": 0, "liver": 1, "spleen": 7}}',
}


@pytest.mark.parametrize(("name", "text"), [*BESIDE.items(), *MORE.items()])
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_names_in_a_file_beside_the_mask_are_read(tmp_path, name, text, suffix):
    write(mask(), tmp_path / f"x{suffix}")
    (tmp_path / name).write_text(text, encoding="utf-8")
    back = Segmentation.load(tmp_path / f"x{suffix}")
    assert names(back.table) == {1: "liver", 7: "spleen"}


@pytest.mark.parametrize("name", ["x.tsv", "x.label", "x.xml"])
def test_files_beside_the_mask_that_contradict_one_another_are_noted(tmp_path, name):
    write(mask(), tmp_path / "x.nii.gz")
    (tmp_path / "x.json").write_text('{"labels": {"background": 0, "spleen": 1, "liver": 7}}')
    (tmp_path / name).write_text(BESIDE[name])
    back = Segmentation.load(tmp_path / "x.nii.gz")
    assert names(back.table) == {1: "spleen", 7: "liver"}
    assert back.labels.notes == (
        f"Label 1 is 'spleen' in x.json, which is used, and 'liver' in {name}. Correct or remove one of them.",
    )
    (tmp_path / "x.json").write_text('{"labels": {"background": 0, "Liver": 1}}')
    assert Segmentation.load(tmp_path / "x.nii.gz").labels.notes == ()


def test_a_region_of_nnunet_names_none_of_its_labels_and_a_note_says_so(tmp_path):
    write(mask(), tmp_path / "x.nii.gz")
    (tmp_path / "x.json").write_text('{"labels": {"background": 0, "whole tumour": [1, 7], "core": [7]}}')
    back = Segmentation.load(tmp_path / "x.nii.gz")
    assert names(back.table) == {1: "label 1", 7: "core"}
    assert len(back.labels.notes) == 1
    assert "x.json names regions of several labels ('whole tumour' [1, 7])." in back.labels.notes[0]
    (tmp_path / "x.json").write_text('{"labels": {"background": 0, "whole tumour": [1, 7]}}')
    (tmp_path / "x.tsv").write_text(BESIDE["x.tsv"])
    back = Segmentation.load(tmp_path / "x.nii.gz")
    assert names(back.table) == {1: "liver", 7: "spleen"}
    assert len(back.labels.notes) == 1


def test_names_beside_the_mask_that_contradict_those_within_are_noted(tmp_path):
    write(mask(), tmp_path / "x.nii.gz", table=TABLE)
    (tmp_path / "x.xml").write_text("<atlas><label index='1'>")  # not used, so its damage does no harm
    (tmp_path / "x.tsv").write_text(BESIDE["x.tsv"])
    back = Segmentation.load(tmp_path / "x.nii.gz")
    assert names(back.table) == names(TABLE)
    assert len(back.labels.notes) == 1
    assert "and 'liver' in x.tsv. Correct or remove one of them." in back.labels.notes[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.txt", "a diary\n1 2 3"),
        ("x.xml", "<page/>"),
        ("x.tsv", "a\tb\n1\t2\n"),
        ("x.json", '{"labels": 3}'),
        ("x.json", '{"a": 3}'),
        ("x.txt", ""),
    ],
)
def test_other_files_of_the_same_name_are_passed_over(tmp_path, name, text):
    write(mask(), tmp_path / "x.nii.gz")
    (tmp_path / name).write_text(text)
    assert names(Segmentation.load(tmp_path / "x.nii.gz").table) == {1: "label 1", 7: "label 7"}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("x.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><atlas><label index='1'>&b;</label></atlas>", "DOCTYPE"),
        ("x.xml", "<atlas><label index='1'>", "no well-formed XML"),
        ("x.xml", "<atlas><label index='one'>liver</label></atlas>", "whole number as its index"),
        ("x.tsv", "index\tname\none\tliver\n", "must hold whole numbers"),
        ("x.tsv", "index\tname\n1\tliver\n1\tspleen\n", "gives label 1 two names"),
    ],
)
def test_damaged_names_are_refused_with_their_file(tmp_path, name, text, why):
    write(mask(), tmp_path / "y.nii.gz")
    (tmp_path / "y.nii.gz").rename(tmp_path / "x.nii.gz")
    (tmp_path / name).write_text(text)
    with pytest.raises(FileError, match=rf"{name}.*{why}"):
        Segmentation.load(tmp_path / "x.nii.gz")


def test_values_without_a_name_keep_their_number(tmp_path):
    write(mask(), tmp_path / "x.nii.gz", table=LabelTable.of_names({1: "liver"}))
    assert names(Segmentation.load(tmp_path / "x.nii.gz").table) == {1: "liver", 7: "label 7"}


def layered(path, values=(1, 1)):
    """Two overlapping segments in two layers, as Slicer writes them."""
    layers = np.zeros((10, 24, 20, 2), np.uint8)  # (K, J, I, layer)
    layers[2:5, 3:9, 4:8, 0] = values[0]
    layers[3:6, 3:9, 4:8, 1] = values[1]
    image = SimpleITK.GetImageFromArray(layers, isVector=True)
    for number, (name, value) in enumerate(zip(("GTV", "PTV"), values, strict=True)):
        for key, text in (("Name", name), ("LabelValue", value), ("Layer", number)):
            image.SetMetaData(f"Segment{number}_{key}", str(text))
    SimpleITK.WriteImage(image, str(path))
    return path


def test_layers_are_read_as_masks_that_may_overlap(tmp_path):
    path = layered(tmp_path / "two.seg.nrrd")
    assert holds_structures(path)
    masks = read_masks(path)
    assert names(masks.table) == {1: "GTV", 2: "PTV"}
    assert np.count_nonzero(masks.mask(1).array) == np.count_nonzero(masks.mask(2).array) == 3 * 6 * 4
    assert np.count_nonzero(masks.mask(1).array & masks.mask(2).array) == 2 * 6 * 4
    assert "numbered from 1" in masks.notes[0]
    with pytest.raises(LabelError, match="share 48 voxels"):
        masks.label_map()
    distinct = read_masks(layered(tmp_path / "three.seg.nrrd", (3, 5)))
    assert names(distinct.table) == {3: "GTV", 5: "PTV"}
    assert distinct.notes == ()


def test_voxels_of_a_layer_that_no_segment_names_are_noted(tmp_path):
    path = layered(tmp_path / "x.seg.nrrd", values=(1, 4))
    named = path.read_bytes().replace(b"Segment1_LabelValue:=4", b"Segment1_LabelValue:=6")
    assert named != path.read_bytes()
    path.write_bytes(named)
    masks = read_masks(path)
    assert not masks.mask(6).array.any()
    assert len(masks.notes) == 1
    assert re.fullmatch(r"Layer 1: \d+ voxels have values that no segment has \(4\); left out\.", masks.notes[0])


def test_layers_are_refused_as_a_label_map_with_the_way_out(tmp_path):
    path = layered(tmp_path / "two.seg.nrrd")
    with pytest.raises(FileError, match=r"two\.seg\.nrrd holds segments in several layers.* monai-attn convert"):
        Segmentation.load(path)


def test_a_layer_that_is_not_there_and_another_grid_are_refused(tmp_path):
    path = layered(tmp_path / "two.seg.nrrd")
    path.write_bytes(path.read_bytes().replace(b"Segment1_Layer:=1", b"Segment1_Layer:=9"))
    with pytest.raises(FileError, match=r"layer 9, counted from 0, but holds 2 layers"):
        read_masks(path)
    path = layered(tmp_path / "two.seg.nrrd")
    with pytest.raises(InputError, match="another grid than the image"):
        read_masks(path, like=mask())


def test_segments_of_one_name_are_told_apart_with_a_note(tmp_path):
    write(mask(), tmp_path / "x.seg.nrrd", table=TABLE)
    raw = (tmp_path / "x.seg.nrrd").read_bytes()
    (tmp_path / "x.seg.nrrd").write_bytes(raw.replace(TABLE[7].name.encode(), TABLE[1].name.encode()))
    back = Segmentation.load(tmp_path / "x.seg.nrrd")
    assert back.table[7].name == f"{TABLE[1].name} (2)"
    assert any("have one name" in note for note in back.labels.notes)


@pytest.mark.parametrize("text", ["<CaretExtension", "<a/>", "", "<!DOCTYPE a><CaretExtension/>"])
def test_an_extension_of_another_content_gives_no_names_or_a_plain_refusal(tmp_path, text):
    image = nibabel.Nifti1Image(mask().array, np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"a comment"))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(30, text.encode()))
    nibabel.save(image, tmp_path / "x.nii")
    if text == "<a/>" or not text:
        assert label_names(tmp_path / "x.nii") is None
    else:
        with pytest.raises(FileError, match=r"x\.nii"):
            label_names(tmp_path / "x.nii")


def test_an_image_without_names_is_read_as_before(tmp_path):
    write(mask(), tmp_path / "x.mha")
    assert label_names(tmp_path / "x.mha") is None
    assert read(tmp_path / "x.mha").notes == ()


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "9" * 30, "4294967296", "\u0661"])
def test_a_segment_whose_value_cannot_be_is_refused_with_its_file(tmp_path, value):
    path = layered(tmp_path / "two.seg.nrrd")
    path.write_bytes(path.read_bytes().replace(b"Segment0_LabelValue:=1", f"Segment0_LabelValue:={value}".encode()))
    with pytest.raises(FileError, match=r"two\.seg\.nrrd: segment 0 has the value"):
        read_masks(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "names.json").write_text('{"labels": {"liver": 1, "tumour": 2, "liver": 3}}')
    with pytest.raises(FileError, match="the key 'liver' stands twice"):
        read_label_file(tmp_path / "names.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_entities_of_its_own_is_refused_in_any_encoding(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b "hello">]><a>&b;</a>'
    with pytest.raises(FileError, match="definitions of its own"):
        safe_xml(text.encode(encoding), "a.xml")
