"""RTSTRUCT drawn around label maps, and read back."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_maker import enhanced, save
from phantoms import phantom, signed_permutations
from pydicom import dcmread
from pydicom.uid import generate_uid
from segmented import BY, SIDES, TABLE, TILTS, VIEWS, six_sided, with_labels

from monai_attn.errors import GeometryError, LabelError
from monai_attn.io import read
from monai_attn.io.dicomseg import read_rtstruct, write_rtstruct
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume

ONE = LabelTable((Label(1, "lesion", "#d02020"),))


@pytest.mark.parametrize("tilt", TILTS)
@pytest.mark.parametrize("view", VIEWS)
def test_left_is_left_front_is_front_and_head_is_head_in_every_view(tmp_path, view, tilt):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS[view], TILTS[tilt]))
    write_rtstruct(labels, TABLE, tmp_path / "series", tmp_path / "rs.dcm", **BY)
    ds = dcmread(tmp_path / "rs.dcm")  # by hand from here: no code of ours, DICOM's LPS+
    names = {region.ROINumber: region.ROIName for region in ds.StructureSetROISequence}
    for drawn in ds.ROIContourSequence:
        axis, sign = SIDES[names[drawn.ReferencedROINumber]]
        points = np.concatenate([np.reshape(line.ContourData, (-1, 3)).astype(float) for line in drawn.ContourSequence])
        middle = (points.min(axis=0) + points.max(axis=0)) / 2 * [-1, -1, 1]
        assert middle[axis] * sign > 8.5
        assert np.abs(np.delete(middle, axis)).max() < 1.6
    back = read_rtstruct(tmp_path / "rs.dcm", labels)
    np.testing.assert_array_equal(back.label_map().array, labels.array)
    assert back.table == TABLE


def test_every_third_of_the_48_orientations_reads_back_to_the_same_voxels(tmp_path):
    random = np.random.default_rng(2)
    for number, axes in enumerate(signed_permutations()[::3]):
        folder = tmp_path / str(number)
        made = phantom(axes, shape=(6, 5, 3))
        made = made.with_array((random.random(made.shape) < 0.6).astype(np.int16))
        labels = with_labels(folder, made)
        write_rtstruct(labels, ONE, folder, tmp_path / f"{number}.dcm", **BY)
        np.testing.assert_array_equal(read_rtstruct(tmp_path / f"{number}.dcm", labels).label_map().array, labels.array)
        own = read_rtstruct(tmp_path / f"{number}.dcm", Volume(made.array, made.affine))
        np.testing.assert_array_equal(own.label_map().array, made.array)


def test_the_file_names_images_regions_colours_and_kinds(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]))
    table = LabelTable((*TABLE, Label(9, "absent", "#010203")))
    write_rtstruct(labels, table, tmp_path / "series", tmp_path / "rs.dcm", **BY)
    ds = dcmread(tmp_path / "rs.dcm")
    places = {}
    for path in (tmp_path / "series").iterdir():
        image = dcmread(path)
        places[image.SOPInstanceUID] = np.array(image.ImagePositionPatient, float)
    for drawn in ds.ROIContourSequence:
        for line in drawn.get("ContourSequence", []):
            (image,) = line.ContourImageSequence
            # An axial slice lies at one height, that of its image.
            np.testing.assert_allclose(line.ContourData[2::3], places[image.ReferencedSOPInstanceUID][2], atol=1e-4)
            assert line.NumberOfContourPoints * 3 == len(line.ContourData)
    (frame,) = ds.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == labels.frame_of_reference
    listed = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].ContourImageSequence
    assert {image.ReferencedSOPInstanceUID for image in listed} == set(places)
    kinds = {o.ReferencedROINumber: o.RTROIInterpretedType for o in ds.RTROIObservationsSequence}
    assert kinds == {2: "ORGAN", 3: "ORGAN", 5: "", 7: "GTV", 9: "", 11: "", 300: ""}
    assert ds.ROIContourSequence[0].ROIDisplayColor == [255, 0, 0]
    assert {region.ROIGenerationAlgorithm for region in ds.StructureSetROISequence} == {"AUTOMATIC"}
    assert read_rtstruct(tmp_path / "rs.dcm", labels).table == table
    assert str(ds.PatientName) == "Doe^Secret"


def test_contours_on_an_enhanced_file_name_its_frames(tmp_path):
    ds = enhanced([phantom(dtype=np.uint16, shape=(5, 4, 3))], order=[2, 0, 1])
    ds.StudyInstanceUID = generate_uid()
    save(tmp_path / "series", [ds])
    image = read(tmp_path / "series")
    labels = image.with_array(np.ones(image.shape, np.uint8))
    write_rtstruct(labels, ONE, tmp_path / "series", tmp_path / "rs.dcm", **BY)
    lines = dcmread(tmp_path / "rs.dcm").ROIContourSequence[0].ContourSequence
    assert [line.ContourImageSequence[0].ReferencedFrameNumber for line in lines] == [2, 3, 1]


def test_labels_on_another_grid_and_empty_ones_are_refused(tmp_path):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS["axial"]))
    for error, wrong in (
        (GeometryError, Volume(labels.array[:-1], labels.affine)),
        (LabelError, labels.with_array(np.zeros(labels.shape, np.uint8))),
    ):
        with pytest.raises(error):
            write_rtstruct(wrong, TABLE, tmp_path / "series", tmp_path / "out" / "rs.dcm", **BY)
    assert not (tmp_path / "out").exists()
