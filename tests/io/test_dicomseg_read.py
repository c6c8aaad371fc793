"""DICOM SEG of others: fractional, label map, overlapping, sparse; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import assert_same_in_patient, phantom
from pydicom import dcmread
from segmented import BY, TABLE, VIEWS, six_sided, with_labels

from monai_attn.errors import FileError, GeometryError, InputError, LabelError
from monai_attn.io.dicomseg import read_dicom_seg, write_dicom_seg
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume


def others_seg(folder, image, pixels, kind, names=("a", "b"), syntax="1.2.840.10008.1.2.1", **more):
    """A SEG as another program writes it, through highdicom; `pixels` are (slices, rows, columns[, segments])."""
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    sources = [dcmread(path) for path in (folder / "series").iterdir()]
    normal = np.cross(*np.array(sources[0].ImageOrientationPatient).reshape(2, 3))
    sources.sort(key=lambda ds: np.dot(normal, ds.ImagePositionPatient))
    for ds in sources:
        for keyword in ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyTime"):
            setattr(ds, keyword, "")
        ds.PositionReferenceIndicator = ""
    descriptions = [
        SegmentDescription(n, name, codes.SCT.Tissue, codes.SCT.Tissue, "MANUAL") for n, name in enumerate(names, 1)
    ]
    ds = Segmentation(
        sources, pixels, kind, descriptions, generate_uid(), 1, generate_uid(), 1, "m", "m", "1", "1",
        transfer_syntax_uid=syntax, **more,
    )  # fmt: skip
    ds.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


@pytest.fixture
def image(tmp_path):
    """Oblique, 5 x 4 x 7, with a value of its own in every voxel."""
    return with_labels(tmp_path / "series", phantom(shape=(5, 4, 7)))


def stored(array) -> np.ndarray:
    """(I, J, K) to frames of rows and columns."""
    return np.ascontiguousarray(np.asarray(array).T)


def test_fractions_are_numbers_from_0_to_1_and_a_threshold_must_be_named(tmp_path, image):
    fractions = (image.array % 5 / 4).astype(np.float64)
    path = others_seg(tmp_path, image, stored(fractions), "FRACTIONAL", ["a"], "1.2.840.10008.1.2.5")  # RLE
    masks = read_dicom_seg(path, like=image)
    assert masks.fractional == "PROBABILITY"
    np.testing.assert_allclose(masks.mask(1).array, fractions, atol=0.5 / 255)
    np.testing.assert_array_equal(masks.label_map(threshold=0.5).array, fractions > 0.49)
    with pytest.raises(InputError, match=r"fractional \(PROBABILITY\): say from which fraction on .*threshold=0\.5"):
        masks.label_map()
    with pytest.raises(InputError, match=r"threshold=0 is not above 0"):
        masks.label_map(threshold=0)


def test_a_label_map_of_supplement_243_keeps_its_numbers(tmp_path, image):
    labels = (image.array % 3).astype(np.uint8)
    masks = read_dicom_seg(others_seg(tmp_path, image, stored(labels), "LABELMAP"), like=image)
    assert [label.name for label in masks.table] == ["a", "b"]  # background is no structure
    np.testing.assert_array_equal(masks.label_map().array, labels)


def test_overlapping_segments_are_masks_of_their_own_and_no_label_map(tmp_path, image):
    one, two = image.array % 2 == 0, image.array % 3 == 0
    pixels = np.stack([stored(one), stored(two)], axis=-1).astype(np.uint8)
    masks = read_dicom_seg(others_seg(tmp_path, image, pixels, "BINARY"), like=image)
    np.testing.assert_array_equal(masks.mask(1).array, one)
    np.testing.assert_array_equal(masks.mask(2).array, two)
    shared = np.count_nonzero(one & two)
    with pytest.raises(LabelError) as caught:
        masks.label_map()
    assert str(caught.value) == (
        f"'a' (value 1) and 'b' (value 2) share {shared} voxels, which a label map cannot hold. Take them one by one "
        "with mask(1) and mask(2), or choose structures that do not overlap with label_map(values=[...])."
    )
    np.testing.assert_array_equal(masks.label_map(values=[2]).array, two * 2)
    with pytest.raises(InputError, match=r"threshold=0\.5 is for fractional structures; these are yes or no"):
        masks.label_map(threshold=0.5)


def test_slices_without_a_frame_are_empty_and_the_rest_keeps_its_place(tmp_path, image):
    array = np.zeros(image.shape, np.uint8)
    array[1, 2, 1] = array[3, 0, 5] = 1
    path = others_seg(tmp_path, image, stored(array), "BINARY", ["a"])
    alone = read_dicom_seg(path)
    assert alone.grid.shape == (5, 4, 5)  # from the first to the last stored frame
    assert alone.notes == ("Slices between the frames that hold nothing are not stored; 3 filled in, empty.",)
    assert_same_in_patient(
        image.crop((slice(None), slice(None), slice(1, 6))).with_array(array[:, :, 1:6]), alone.mask(1)
    )
    np.testing.assert_array_equal(read_dicom_seg(path, like=image).mask(1).array, array)


def test_frames_of_which_no_two_lie_side_by_side_keep_their_thickness(tmp_path, image):
    array = np.zeros(image.shape, np.uint8)
    array[1, 2, 1] = array[2, 2, 3] = array[3, 0, 5] = 1
    path = others_seg(tmp_path, image, stored(array), "BINARY", ["a"])
    ds = dcmread(path)
    measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SliceThickness, measures.SpacingBetweenSlices = round(float(image.spacing_mm[2]), 6), None
    ds.save_as(path)
    masks = read_dicom_seg(path)
    assert masks.grid.shape == (5, 4, 5)
    assert_same_in_patient(
        image.crop((slice(None), slice(None), slice(1, 6))).with_array(array[:, :, 1:6]), masks.mask(1)
    )
    assert masks.notes[0].startswith("SpacingBetweenSlices is missing and no frames lie side by side; the slices are")
    measures.SliceThickness = round(float(image.spacing_mm[2]) * 2, 6)  # of slices that were truly that far apart
    ds.save_as(path)
    assert read_dicom_seg(path).grid.shape == (5, 4, 3)


def test_two_segments_of_one_number_are_refused_unless_they_are_one(tmp_path, image):
    array = np.zeros(image.shape, np.uint8)
    array[1, 2, 1] = 1
    path = others_seg(tmp_path, image, stored(array), "BINARY", ["a"])
    ds = dcmread(path)
    ds.SegmentSequence.append(ds.SegmentSequence[0])
    ds.save_as(path)
    assert read_dicom_seg(path).mask(1).array.sum() == 1

    def rename(ds):
        ds.SegmentSequence[1].SegmentLabel = "b"

    assert "the segments 'a' and 'b' have one number, 1: nothing says whose" in refused(FileError, path, rename)


def test_a_frame_that_names_no_segment_is_refused_with_that_cause(seg):
    def forget(ds):
        for group in (*ds.SharedFunctionalGroupsSequence, *ds.PerFrameFunctionalGroupsSequence):
            group.SegmentIdentificationSequence = None

    assert "a frame does not say to which segment it belongs" in refused(LabelError, seg, forget)


def test_two_segments_of_one_name_are_told_apart(tmp_path, image):
    pixels = stored(image.array % 3).astype(np.uint8)
    masks = read_dicom_seg(others_seg(tmp_path, image, pixels, "BINARY", ["Nodule", "Nodule"]))
    assert [label.name for label in masks.table] == ["Nodule", "Nodule (2)"]
    assert "Several segments have one name; read as 'Nodule (2)'." in masks.notes


@pytest.fixture
def seg(tmp_path, image):
    labels = image.with_array(np.ones(image.shape, np.uint8))
    write_dicom_seg(labels, LabelTable((Label(1, "all", "#ffffff"),)), tmp_path / "series", tmp_path / "seg.dcm", **BY)
    return tmp_path / "seg.dcm"


def refused(error, path, change=None, **given) -> str:
    if change is not None:
        ds = dcmread(path)
        change(ds)
        ds.save_as(path)
    with pytest.raises(error) as caught:
        read_dicom_seg(path, **given)
    assert "Doe" not in str(caught.value)
    return str(caught.value)


def test_frames_between_the_voxels_of_an_image_are_refused(seg, image):
    affine = image.affine.copy()
    affine[:3, 3] += 0.3 * affine[:3, 0]
    text = refused(GeometryError, seg, like=Volume(image.array, affine))
    assert text.startswith(
        "seg.dcm: frame 1 lies 0.30 voxels off the grid of the image. Give the image it was drawn on"
    )


def test_another_voxel_size_is_refused(seg, image):
    other = Volume(image.array, image.affine @ np.diag([1.1, 1, 1, 1]))
    assert "off the grid of the image" in refused(GeometryError, seg, like=other)


def test_marked_voxels_outside_the_image_are_refused(seg, image):
    part = image.crop((slice(0, 3), slice(None), slice(None)))
    assert "frame 1 marks voxels outside the image" in refused(GeometryError, seg, like=part)
    part = image.crop((slice(None), slice(None), slice(3, 5)))
    assert "marks voxels outside the image" in refused(GeometryError, seg, like=part)


def test_another_frame_of_reference_is_refused(seg, image):
    other = Volume(image.array, image.affine, frame_of_reference="1.2.3")
    text = refused(GeometryError, seg, like=other)
    assert text.startswith("seg.dcm belongs to another frame of reference than the image: equal numbers mean other")


def test_frames_on_no_regular_grid_are_refused_without_the_image(seg, image):
    def shift(ds):
        ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = None
        positions = [group.PlanePositionSequence[0] for group in ds.PerFrameFunctionalGroupsSequence]
        step = np.subtract(positions[1].ImagePositionPatient, positions[0].ImagePositionPatient)
        positions[-1].ImagePositionPatient = [round(x, 9) for x in positions[-1].ImagePositionPatient + 0.4 * step]

    text = refused(GeometryError, seg, shift)
    assert text.startswith("seg.dcm: its frames are 2.90 to 4.06 mm apart, which is no regular grid.")


def test_a_frame_of_an_undescribed_segment_is_refused(seg):
    def rename(ds):
        ds.SegmentSequence[0].SegmentNumber = 7

    assert refused(LabelError, seg, rename).startswith(
        "seg.dcm: a frame belongs to segment 1, which is not among those described: [7]."
    )


def test_unknown_kinds_and_slides_are_refused(seg):
    assert "SegmentationType VECTOR is not BINARY" in refused(
        InputError, seg, lambda ds: setattr(ds, "SegmentationType", "VECTOR")
    )

    def tiled(ds):
        ds.SegmentationType, ds.TotalPixelMatrixRows = "BINARY", 9

    assert refused(InputError, seg, tiled).startswith("seg.dcm segments a slide of tiles, not a volume.")


def test_images_folders_and_missing_or_cut_files_are_refused(tmp_path, seg):
    (path, *_) = (tmp_path / "series").iterdir()
    assert refused(FileError, path).endswith(
        "is a MR Image Storage, not a DICOM SEG. Images are read with monai_attn.io.read."
    )
    assert "series is a folder; give the file of a DICOM SEG." in refused(FileError, tmp_path / "series")
    assert "absent.dcm is not there" in refused(FileError, tmp_path / "absent.dcm")
    data = seg.read_bytes()
    for length in range(100, len(data) - 1, len(data) // 23):
        seg.write_bytes(data[:length])
        refused((FileError, GeometryError, InputError), seg)


def test_masks_on_a_grid_with_other_axes_lie_in_the_same_places(tmp_path):
    made = six_sided(VIEWS["coronal"], (5, 6, 7))
    labels = with_labels(tmp_path / "series", made)
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    own = read_dicom_seg(tmp_path / "seg.dcm", like=Volume(made.array, made.affine))
    np.testing.assert_array_equal(own.label_map().array, made.array)
