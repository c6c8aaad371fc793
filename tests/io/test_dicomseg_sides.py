"""Left and right in a DICOM SEG: a modifier of the segment's type, which is read back, also from beside the type."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import dcmread
from segmented import BY, TABLE, TILTS, VIEWS, six_sided, with_labels

from monai_attn.io.dicomseg import read_dicom_seg, write_dicom_seg
from monai_attn.labels import Code, LabelTable

CODE = Code("5366008", "SCT", "Hippocampus")
SIDED = LabelTable(
    tuple(
        replace(label, code=CODE, laterality=side)
        for label, side in zip(TABLE, ("left", "right", "", "left", "right", ""), strict=True)
    )
)


@pytest.fixture
def written(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"], TILTS["straight"]))
    write_dicom_seg(labels, SIDED, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    return tmp_path / "seg.dcm"


def test_each_segment_says_its_side_as_snomed_ct_codes_it(written):
    said = {}
    for item in dcmread(written).SegmentSequence:
        kind = item.SegmentedPropertyTypeCodeSequence[0]
        assert kind.CodeValue == "5366008"
        modifiers = kind.get("SegmentedPropertyTypeModifierCodeSequence") or []
        said[item.SegmentLabel] = [(one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning) for one in modifiers]
    codes = {"left": [("7771000", "SCT", "Left")], "right": [("24028007", "SCT", "Right")], "": []}
    assert said == {label.name: codes[label.laterality] for label in SIDED}


def test_the_side_is_read_back(written):
    assert [one.laterality for one in read_dicom_seg(written).table] == [one.laterality for one in SIDED]


def test_a_side_beside_the_type_counts_and_another_modifier_does_not(written):
    dataset = dcmread(written)
    first, second = dataset.SegmentSequence[:2]
    kind = first.SegmentedPropertyTypeCodeSequence[0]
    first.SegmentedPropertyTypeModifierCodeSequence = kind.SegmentedPropertyTypeModifierCodeSequence
    del kind.SegmentedPropertyTypeModifierCodeSequence
    other = second.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
    other.CodeValue, other.CodeMeaning = "255561001", "Medial"
    dataset.save_as(written)
    assert [one.laterality for one in read_dicom_seg(written).table][:2] == ["left", ""]
