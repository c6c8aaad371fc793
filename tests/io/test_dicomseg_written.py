"""DICOM SEG: what the file says beside its voxels, and what is refused."""

from __future__ import annotations

import logging
from io import BytesIO

import numpy as np
import pytest
from dicom_maker import enhanced, save
from phantoms import assert_same_in_patient, phantom
from pydicom import dcmread
from pydicom.uid import generate_uid
from segmented import BY, TABLE, VIEWS, six_sided, with_labels

from monai_attn.errors import FileError, GeometryError, InputError, LabelError
from monai_attn.io import read
from monai_attn.io.dicomseg import Masks, read_dicom_seg, write_dicom_seg
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume

ONE = LabelTable((Label(1, "lesion", "#d02020"),))


def test_names_colours_codes_and_values_come_back(tmp_path):
    table = LabelTable((*TABLE, Label(4, "Kleinhirnwurm, häufig 虫部", "#7f0001"), Label(9, "absent", "#010203")))
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]))
    write_dicom_seg(labels, table, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    back = read_dicom_seg(tmp_path / "seg.dcm")
    assert back.table == table
    assert not back.mask(9).array.any()  # described, though it has no frames


def test_the_file_says_what_a_segment_is_and_who_made_it(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]))
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    ds = dcmread(tmp_path / "seg.dcm")
    liver, _, front, mass, *_ = ds.SegmentSequence
    assert liver.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert liver.SegmentedPropertyTypeCodeSequence[0].CodingSchemeDesignator == "SCT"
    assert liver.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Anatomical Structure"
    assert mass.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Morphologically Altered Structure"
    assert front.SegmentedPropertyTypeCodeSequence[0].CodingSchemeDesignator == "99MONAIATTN"
    assert front.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "front"
    made_by = liver.SegmentationAlgorithmIdentificationSequence[0]
    assert (made_by.AlgorithmName, made_by.AlgorithmVersion) == ("AttnUNet hippocampus", "0.1.0")
    assert liver.SegmentAlgorithmType == "AUTOMATIC"
    # Pure red in CIELab: L* 53.2, a* 80.1, b* 67.2 (sRGB, D65), on DICOM's scale of 16 bit (C.10.7.1.1).
    assert liver.RecommendedDisplayCIELabValue == pytest.approx([34869, 53480, 50167], abs=60)
    assert ds.ContentDescription == "Research use only; not a medical device."
    assert ds.SegmentationType == "BINARY"
    assert ds.file_meta.TransferSyntaxUID.name == "Explicit VR Little Endian"


def test_the_file_says_whether_a_hand_had_a_part_in_it(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]))
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY, algorithm_type="SEMIAUTOMATIC")
    segments = dcmread(tmp_path / "seg.dcm").SegmentSequence
    assert {one.SegmentAlgorithmType for one in segments} == {"SEMIAUTOMATIC"}
    assert segments[0].SegmentAlgorithmName == "AttnUNet hippocampus"
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "hand.dcm", **BY, algorithm_type="MANUAL")
    ds = dcmread(tmp_path / "hand.dcm")
    assert {one.SegmentAlgorithmType for one in ds.SegmentSequence} == {"MANUAL"}
    assert "SegmentAlgorithmName" not in ds.SegmentSequence[0]
    assert ds.SeriesDescription == "Segmentation by hand"
    with pytest.raises(InputError, match="is one of AUTOMATIC, SEMIAUTOMATIC, MANUAL, not 'BY HAND'"):
        write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "no.dcm", **BY, algorithm_type="BY HAND")


def test_every_frame_names_the_image_it_lies_on(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial from head to feet"]))
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    places = {}
    for path in (tmp_path / "series").iterdir():
        image = dcmread(path)
        places[image.SOPInstanceUID] = list(image.ImagePositionPatient)
    ds = dcmread(tmp_path / "seg.dcm")
    for group in ds.PerFrameFunctionalGroupsSequence:
        image = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert list(group.PlanePositionSequence[0].ImagePositionPatient) == places[image]
    assert ds.FrameOfReferenceUID == labels.frame_of_reference


def test_an_enhanced_file_with_two_time_points_in_any_order_is_a_source(tmp_path):
    early, late = (phantom(dtype=np.uint16, shape=(5, 4, 3)) for _ in range(2))
    ds = enhanced([early, late], order=[5, 0, 3, 1, 4, 2])
    ds.StudyInstanceUID = generate_uid()
    save(tmp_path / "series", [ds])
    image = read(tmp_path / "series", volume=1)
    labels = image.with_array((image.array % 5 == 0).astype(np.uint8))
    write_dicom_seg(labels, ONE, tmp_path / "series", tmp_path / "seg.dcm", volume=1, **BY)
    back = read_dicom_seg(tmp_path / "seg.dcm", like=image)
    np.testing.assert_array_equal(back.label_map().array, labels.array)
    assert_same_in_patient(labels, read_dicom_seg(tmp_path / "seg.dcm").label_map())


def test_a_patient_name_in_any_script_is_copied_whole_and_never_spoken_of(tmp_path, caplog):
    labels = with_labels(
        tmp_path / "series", six_sided(VIEWS["axial"]), SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Zoë"
    )
    with caplog.at_level(logging.DEBUG):
        write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    ds = dcmread(tmp_path / "seg.dcm")
    assert (str(ds.PatientName), ds.PatientID) == ("Müller^Zoë", "ID-4711")
    for secret in ("Müller", "ID-4711", "19991231"):
        assert secret not in caplog.text


def test_what_the_standard_forbids_in_the_series_is_not_repeated(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]), AccessionNumber="12345")
    for path in (tmp_path / "series").iterdir():  # 20 characters where 16 are allowed
        path.write_bytes(_longer(path))
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    ds = dcmread(tmp_path / "seg.dcm")
    assert ds.StudyID == ""
    assert ds.AccessionNumber == "12345"


def _longer(path) -> bytes:
    """The file with a StudyID that pydicom would rather not write."""
    ds = dcmread(path)
    ds.StudyID = "fill in"
    stream = BytesIO()
    ds.save_as(stream)
    short, long = b"\x20\x00\x10\x00SH\x08\x00fill in ", b"\x20\x00\x10\x00SH\x14\x00" + b"x" * 20
    assert stream.getvalue().count(short) == 1
    return stream.getvalue().replace(short, long)


@pytest.fixture
def axial(tmp_path):
    return with_labels(tmp_path / "series", six_sided(VIEWS["axial"]))


def refused(tmp_path, error, labels, table=TABLE, **given) -> str:
    with pytest.raises(error) as caught:
        write_dicom_seg(labels, table, tmp_path / "series", tmp_path / "out" / "seg.dcm", **{**BY, **given})
    assert not (tmp_path / "out").exists()
    return str(caught.value)


def test_labels_on_another_grid_are_refused(tmp_path, axial):
    shifted = axial.affine.copy()
    shifted[0, 3] += 0.1
    text = refused(tmp_path, GeometryError, Volume(axial.array, shifted))
    assert text.startswith(
        "The labels lie on another grid (27 x 21 x 17 voxels of 1.300 x 1.700 x 2.100 mm, LPS, with the first voxel at"
    )
    assert "than the series in series (27 x 21 x 17" in text
    assert text.endswith("Segment that series itself, or resample the labels to its grid.")


def test_mirrored_labels_are_refused(tmp_path, axial):
    mirror = np.diag([-1.0, 1, 1, 1])
    mirror[0, 3] = axial.shape[0] - 1
    flipped = Volume(axial.array[::-1], axial.affine @ mirror)  # the same voxels in the same places, other axes
    assert "another grid" in refused(tmp_path, GeometryError, flipped)


def test_labels_of_another_frame_of_reference_are_refused(tmp_path, axial):
    labels = Volume(axial.array, axial.affine, frame_of_reference="1.2.3")
    assert "belong to another frame of reference than the series in series" in refused(tmp_path, GeometryError, labels)


def test_an_empty_label_map_is_refused(tmp_path, axial):
    text = refused(tmp_path, LabelError, axial.with_array(np.zeros(axial.shape, np.uint8)))
    assert text.startswith("No voxel is labelled, and a DICOM object without a single structure says nothing.")


def test_values_without_a_name_and_fractions_are_refused(tmp_path, axial):
    assert "[2, 3, 5, 7, 11], which the label table [0, 1] does not name" in refused(tmp_path, LabelError, axial, ONE)
    fractions = axial.with_array(axial.array.astype(np.float32))
    assert "this one is of type float32" in refused(tmp_path, LabelError, fractions)


@pytest.mark.parametrize("name", ["a" * 65, "left\\right", "line\nbreak", " padded"])
def test_a_name_that_dicom_cannot_hold_is_refused(tmp_path, axial, name):
    labels = axial.with_array((axial.array == 2).astype(np.uint8))
    text = refused(tmp_path, InputError, labels, LabelTable((Label(1, name, "#ffffff"),)))
    assert text.startswith(f"The name of label 1 is {name!r}")


def test_a_nameless_algorithm_is_refused(tmp_path, axial):
    assert refused(tmp_path, InputError, axial, algorithm="").startswith("The algorithm's name is ''; DICOM takes 1 to")


def test_a_series_without_a_frame_of_reference_is_refused_and_its_patient_not_named(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]), FrameOfReferenceUID="")
    text = refused(tmp_path, InputError, labels)
    assert "has no FrameOfReferenceUID, so no other object can refer to it." in text
    assert "Doe" not in text


def test_an_existing_file_stays_unless_overwrite_is_set(tmp_path, axial):
    path = tmp_path / "seg.dcm"
    path.write_text("mine")
    with pytest.raises(FileError, match=r"seg\.dcm exists and is not overwritten"):
        write_dicom_seg(axial, TABLE, tmp_path / "series", path, **BY)
    assert path.read_text() == "mine"
    write_dicom_seg(axial, TABLE, tmp_path / "series", path, overwrite=True, **BY)
    assert isinstance(read_dicom_seg(path), Masks)


def test_a_file_that_reads_back_mirrored_is_not_kept(tmp_path, axial, monkeypatch):
    from monai_attn.io.dicomseg import seg_write

    numbered = seg_write._numbered
    monkeypatch.setattr(seg_write, "_numbered", lambda array, table: numbered(array[::-1], table))
    text = refused(tmp_path, FileError, axial)
    assert text == "seg.dcm: the voxels read back differ from what was written. Nothing was kept."
