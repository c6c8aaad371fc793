"""RTSTRUCT: contours filled on the image they were drawn on, and drawn around label maps."""

from __future__ import annotations

import numpy as np
import pytest
from contour_maker import box, flat, structure_set
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import affine_of, phantom
from pydicom import dcmread
from segmented import BY, with_labels

from monai_attn.errors import FileError, GeometryError, LabelError
from monai_attn.io import read
from monai_attn.io.dicomseg import read_rtstruct, write_rtstruct
from monai_attn.io.dicomseg.contours import fill, outlines
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume

ONE = LabelTable((Label(1, "lesion", "#d02020"),))


def polygon(*points) -> np.ndarray:
    return np.array(points, float)


def test_a_pixel_is_inside_when_its_centre_is():
    triangle = polygon((0.4, 0.4), (3.6, 0.4), (0.4, 3.6))
    assert fill(triangle, (5, 5)).astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 0, 0],  # (1, 3) lies on the slope's far side: 1 + 3 = 4 = 0.4 + 3.6, on the edge, the high side
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_two_polygons_with_a_common_edge_through_centres_share_no_pixel_and_leave_none_out():
    left, right = polygon((0, 0), (2, 0), (2, 4), (0, 4)), polygon((2, 0), (4, 0), (4, 4), (2, 4))
    both = fill(left, (6, 6)).astype(int) + fill(right, (6, 6))
    np.testing.assert_array_equal(both, fill(polygon((0, 0), (4, 0), (4, 4), (0, 4)), (6, 6)).astype(int))
    assert both.sum() == 16  # as many as the area, 4 x 4


def test_what_lies_outside_the_image_is_cut_off():
    assert fill(polygon((-5, -5), (1.5, -5), (1.5, 99), (-5, 99)), (3, 2)).tolist() == [
        [True] * 2,
        [True] * 2,
        [False] * 2,
    ]
    assert not fill(polygon((10, 10), (20, 10), (20, 20)), (3, 2)).any()


@given(
    mask=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**9), st.floats(0.1, 0.95)).map(
        lambda given: np.random.default_rng(given[2]).random(given[:2]) < given[3]
    )
)
@settings(max_examples=200, deadline=None)
def test_outlines_fill_back_to_the_mask_and_have_its_area(mask):
    """Random pixels: holes, pieces within holes, pixels that touch at a corner."""
    found = outlines(mask)
    back, area = np.zeros_like(mask), 0.0
    for points in found:
        back ^= fill(points, mask.shape)
        assert (points % 1 == 0.5).all()
        i, j = points.T
        area += (i @ np.roll(j, -1) - j @ np.roll(i, -1)) / 2
    np.testing.assert_array_equal(back, mask)
    assert area == pytest.approx(mask.sum())


def test_a_ring_is_one_outline_with_a_keyhole():
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    (points,) = outlines(ring)
    # Four corners, to the hole and around it and back.
    assert len(points) == 4 + 1 + 4 + 1
    np.testing.assert_array_equal(fill(points, (5, 5)), ring)


def test_a_contour_on_the_left_fills_voxels_on_the_left(tmp_path):
    """By hand: 8 to 12 mm to the left (x < 0 in RAS+), 6 to 12 mm to the back, at a height of 8 mm."""
    drawn = [(-7, -5, 8), (-13, -5, 8), (-13, -13, 8), (-7, -13, 8)]
    masks = read_rtstruct(structure_set(tmp_path / "rs.dcm", {"GTV": [drawn]}), flat())
    places = masks.grid.to_world(np.argwhere(masks.mask(1).array))
    assert places.min(axis=0).tolist() == [-12, -12, 8]
    assert places.max(axis=0).tolist() == [-8, -6, 8]
    assert len(places) == 3 * 3
    assert masks.table == LabelTable((Label(1, "GTV", "#ff8000"),))


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_contour_within_another_is_a_hole_and_one_within_it_an_island(tmp_path, kind):
    image = flat()
    nested = [box(image, (0.5, 0.5), (9, 7), 1), box(image, (2.5, 2.5), (7, 6), 1), box(image, (3.5, 3.5), (5, 5), 1)]
    masks = read_rtstruct(structure_set(tmp_path / "rs.dcm", {"wall": nested}, kind=kind), image)
    assert masks.mask(1).array.sum() == 8 * 6 - 4 * 3 + 1 * 1
    assert masks.mask(1).array[:, :, 1].sum() == masks.mask(1).array.sum()
    assert masks.notes == ()


def test_regions_may_overlap_each_other(tmp_path):
    image = flat()
    drawn = {"body": [box(image, (0.5, 0.5), (8.5, 6.5), 2)], "liver": [box(image, (2.5, 2.5), (4.5, 4.5), 2)]}
    masks = read_rtstruct(structure_set(tmp_path / "rs.dcm", drawn), image)
    assert [masks.mask(n).array.sum() for n in (1, 2)] == [48, 4]
    with pytest.raises(LabelError, match=r"'body' \(value 1\) and 'liver' \(value 2\) share 4 voxels"):
        masks.label_map()


def test_points_are_left_out_and_regions_without_contours_are_empty(tmp_path):
    image = flat()
    path = structure_set(tmp_path / "rs.dcm", {"isocentre": [[(-4, -6, 4)]]}, kind="POINT")
    masks = read_rtstruct(path, image)
    assert len(masks.table) == 0
    assert masks.notes == ("'isocentre': 1 contour of POINT encloses no area; left out.",)
    masks = read_rtstruct(structure_set(tmp_path / "two.dcm", {"planned": []}), image)
    assert not masks.mask(1).array.any()


def test_contours_between_slices_are_refused_and_those_nearly_in_a_slice_noted(tmp_path):
    image = flat()
    path = structure_set(tmp_path / "rs.dcm", {"a": [box(image, (1.5, 1.5), (4.5, 4.5), 1.05)]})
    masks = read_rtstruct(path, image)
    assert masks.mask(1).array[:, :, 1].sum() == 9
    assert masks.notes == ("'a': contours lie up to 0.050 of a slice off the slices; each was put in the nearest.",)
    path = structure_set(tmp_path / "rs.dcm", {"a": [box(image, (1.5, 1.5), (4.5, 4.5), 1.4)]})
    with pytest.raises(
        GeometryError, match=r"drawn on another image: they lie up to 1\.60 mm off its slices, which are 4"
    ):
        read_rtstruct(path, image)


def test_contours_of_another_view_are_refused(tmp_path):
    image = flat()
    turned = Volume(image.array, affine_of(np.eye(3), tilt=(20, 0, 0)))
    path = structure_set(tmp_path / "rs.dcm", {"a": [box(image, (1.5, 1.5), (4.5, 4.5), 1)]})
    with pytest.raises(GeometryError, match=r"are not flat in its slices, but up to \d\.\d\d mm deep\. Give the image"):
        read_rtstruct(path, turned)


def test_contours_outside_are_cut_off_and_noted_or_refused_when_nothing_is_inside(tmp_path):
    image = flat()
    path = structure_set(
        tmp_path / "rs.dcm", {"a": [box(image, (-3, 1.5), (4.5, 4.5), 1), box(image, (1, 1), (3, 3), 9)]}
    )
    masks = read_rtstruct(path, image)
    assert masks.mask(1).array.sum() == 5 * 3
    assert masks.notes == ("'a': 2 contours reach beyond the image; what lies outside was cut off.",)
    path = structure_set(tmp_path / "rs.dcm", {"a": [box(image, (30, 30), (34, 34), 1)]})
    with pytest.raises(GeometryError, match="1 contour, and it lies outside the image, which spans R "):
        read_rtstruct(path, image)


def test_another_frame_of_reference_and_broken_contours_are_refused(tmp_path):
    image = Volume(flat().array, flat().affine, frame_of_reference="1.2.3")
    path = structure_set(tmp_path / "rs.dcm", {"a": [box(image, (1, 1), (3, 3), 1)]}, frame_of_reference="1.2.4")
    with pytest.raises(
        GeometryError, match=r"rs\.dcm, region 'a' belongs to another frame of reference than the image"
    ):
        read_rtstruct(path, image)
    ds = dcmread(path)
    ds.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2"]
    ds.save_as(path)
    with pytest.raises(FileError, match=r"rs\.dcm: a contour of 2 numbers, which are not points in space"):
        read_rtstruct(path, flat())
    ds.StructureSetROISequence = []
    ds.save_as(path)
    with pytest.raises(FileError, match="describes no region of interest"):
        read_rtstruct(path, flat())


@pytest.mark.parametrize("modality", ["MR_T1", "CT", "PET"])
def test_the_sarcoma_contours_fill_to_its_mask(shared_data, modality):
    """One tumour, drawn once and moved onto the frames of the other scans; voxel for voxel on the T1 grid."""
    mask = read(shared_data / "soft_tissue_sarcoma" / "STS_003" / "tumour.nii.gz")
    folder = shared_data / "dicom" / "sarcoma_STS_003" / modality
    filled = read_rtstruct(folder / "mask" / "RS.dcm", mask)
    np.testing.assert_array_equal(filled.label_map().array, mask.array)
    own = read_rtstruct(folder / "mask" / "RS.dcm", read(folder / "image"))
    assert own.label_map().array.sum() == {"MR_T1": 25693, "CT": 25693, "PET": 817}[modality]
    assert own.notes == filled.notes == ()


def test_a_label_map_with_empty_slices_reads_back_without_interpolation(tmp_path):
    made = phantom(shape=(6, 5, 9))
    array = np.zeros(made.shape, np.int16)
    array[1:4, 1:4, ::2] = 1
    labels = with_labels(tmp_path / "series", made.with_array(array))
    write_rtstruct(labels, ONE, tmp_path / "series", tmp_path / "rs.dcm", **BY)
    masks = read_rtstruct(tmp_path / "rs.dcm", labels)
    np.testing.assert_array_equal(masks.label_map().array, array)
    assert masks.notes == ()
