"""DICOM SEG whose header asks for too much, or says nonsense: checked before anything is allocated."""

from __future__ import annotations

import time

import numpy as np
import pytest
from phantoms import phantom
from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.tag import Tag
from segmented import BY, with_labels

from monai_attn.errors import AttnError, FileError
from monai_attn.io.dicomseg import holds_structures, read_dicom_seg, read_masks, write_dicom_seg
from monai_attn.labels import Label, LabelTable, default_colour

ONE = LabelTable((Label(1, "lesion", "#d02020"),))


@pytest.fixture
def seg(tmp_path):
    labels = with_labels(tmp_path / "series", phantom(shape=(5, 4, 7)))
    labels = labels.with_array(np.ones(labels.shape, np.uint8))
    write_dicom_seg(labels, ONE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    return tmp_path / "seg.dcm"


def changed(path, change):
    ds = dcmread(path)
    change(ds)
    ds.save_as(path)
    return path


def measures(ds):
    return ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


@pytest.mark.parametrize("between", [1e-10, 1e-300, 1e-5, -1e-10, 0, 1e10])
def test_an_impossible_distance_of_slices_is_not_counted_with(seg, between):
    before = time.monotonic()
    masks = read_dicom_seg(changed(seg, lambda ds: setattr(measures(ds), "SpacingBetweenSlices", f"{between:g}")))
    assert masks.grid.shape == (5, 4, 7)
    assert masks.mask(1).array.all()
    assert time.monotonic() - before < 5


def test_a_frame_a_kilometre_away_is_refused_before_the_slices_between_are_made(seg):
    def far(ds):
        position = ds.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0]
        shared = ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
        normal = np.cross(*np.reshape(shared.ImageOrientationPatient, (2, 3)).astype(float))
        measures(ds).SpacingBetweenSlices = 0.01
        away = np.array(position.ImagePositionPatient, float) + 1e6 * normal
        position.ImagePositionPatient = [f"{x:.6g}" for x in away]

    with pytest.raises(AttnError, match=r"seg\.dcm: its frames "):
        read_dicom_seg(changed(seg, far))


@pytest.mark.parametrize(
    ("keyword", "value"), [("Rows", 65535), ("Columns", 65535), ("Rows", 0), ("NumberOfFrames", 2**31 - 1)]
)
def test_sizes_that_the_file_cannot_hold_are_refused(seg, keyword, value):
    before = time.monotonic()
    with pytest.raises(AttnError, match=r"seg\.dcm"):
        read_dicom_seg(changed(seg, lambda ds: setattr(ds, keyword, value)))
    assert time.monotonic() - before < 5


@pytest.mark.parametrize(
    ("stored", "colour"),
    [
        ([65535, 65535, 65535], "#ff4600"),  # L* 100, a* 127, b* 127: too much red, too little blue
        ([0, 0, 0], "#0040c2"),  # L* 0, a* -128, b* -128
        ([1, 2], None),
        (7, None),
    ],
)
def test_a_colour_outside_srgb_is_clipped_and_a_broken_one_replaced(seg, stored, colour):
    changed(seg, lambda ds: setattr(ds.SegmentSequence[0], "RecommendedDisplayCIELabValue", stored))
    masks = read_dicom_seg(seg)
    assert masks.mask(1).array.all()
    assert masks.table[1].colour == (colour or default_colour(1))


@pytest.mark.parametrize("stored", ["1.2.3", ["1.2.840.10008.5.1.4.1.1.4", "1.2"]])
def test_another_class_of_object_is_named(seg, stored):
    changed(seg, lambda ds: ds.__setitem__(Tag("SOPClassUID"), DataElement(0x00080016, "UI", stored)))
    with pytest.raises(FileError, match=r"seg\.dcm is .*not a DICOM SEG"):
        read_dicom_seg(seg)


def test_a_class_that_an_anonymiser_emptied_is_known_from_what_the_object_holds(seg):
    def empty(ds):
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ""

    ds = dcmread(seg)
    empty(ds)
    ds.save_as(seg, enforce_file_format=False)
    assert holds_structures(seg)
    assert read_masks(seg).mask(1).array.all()


@pytest.mark.parametrize(
    ("keyword", "kind", "value"),
    [
        ("SegmentNumber", "US", [1, 2]),
        ("SegmentLabel", "LO", "x" * 1000),
        ("SegmentLabel", "LO", ["a", "b"]),
        ("SegmentLabel", "LO", ""),
        ("SegmentDescription", "ST", "Label value 99999999999999999999"),
    ],
)
def test_broken_descriptions_of_a_segment_are_read_or_refused(seg, keyword, kind, value):
    def break_it(ds):
        tag = Tag(keyword)
        ds.SegmentSequence[0][tag] = DataElement(tag, kind, value, validation_mode=IGNORE)

    changed(seg, break_it)
    try:
        assert read_dicom_seg(seg).grid.shape == (5, 4, 7)
    except AttnError as error:
        assert "seg.dcm" in str(error)  # noqa: PT017 - either is right
