"""RTSTRUCT contours of others: twice in a file, on every second slice, over several items, moved; used, or said."""

from __future__ import annotations

import numpy as np
import pytest
from contour_maker import IMAGE, box, changed, read_voxels, square, structure_set

from monai_attn.errors import FileError, GeometryError
from monai_attn.io.dicomseg import read_rtstruct

TWICE = {
    "as it is": lambda points: points,
    "begun elsewhere": lambda points: np.roll(points, 2, axis=0),
    "the other way round": lambda points: points[::-1],
    "closed by its first point": lambda points: np.concatenate([points, points[:1]]),
    "with a point on an edge": lambda points: np.insert(points, 1, (points[0] + points[1]) / 2, axis=0),
    "rounded": lambda points: np.round(points + 0.004, 2),
}


@pytest.mark.parametrize("how", TWICE)
def test_a_contour_that_is_in_the_file_twice_is_one_contour(tmp_path, how):
    drawn = [square(1), square(2), TWICE[how](square(2)), square(3)]
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"GTV": drawn}))
    assert voxels == 27
    assert notes == ("'GTV': 1 contour is in the file twice; each was used once.",)


def test_a_structure_that_is_in_the_file_twice_keeps_its_holes_and_islands(tmp_path):
    nested = [
        box(IMAGE, (0.5, 0.5), (9, 7), 1),
        box(IMAGE, (2.5, 2.5), (7, 6), 1),
        box(IMAGE, (3.5, 3.5), (5, 5), 1),
    ]
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"wall": nested * 2}))
    assert voxels == 8 * 6 - 4 * 3 + 1
    assert notes == ("'wall': 3 contours are in the file twice; each was used once.",)


def test_exclusive_contours_cancel_as_the_standard_has_it_and_a_note_says_so(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1), square(2), square(2)]}, kind="CLOSEDPLANAR_XOR")
    voxels, notes = read_voxels(path)
    assert voxels == 9
    assert notes[0] == (
        "'GTV': 1 contour is in the file twice and cancel one another, since the file asks for exclusive or "
        "(CLOSEDPLANAR_XOR)."
    )


def test_contours_that_overlap_in_part_are_joined_and_exclusive_ones_are_not(tmp_path):
    two = [box(IMAGE, (0.5, 0.5), (4.5, 4.5), 1), box(IMAGE, (2.5, 2.5), (6.5, 6.5), 1)]
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"a": two}))
    assert voxels == 16 + 16 - 4
    assert notes == ("'a': 1 contour overlaps another one of their slice in part; what either holds is inside.",)
    voxels, notes = read_voxels(structure_set(tmp_path / "xor.dcm", {"a": two}, kind="CLOSEDPLANAR_XOR"))
    assert (voxels, notes) == (16 + 16 - 8, ())


def test_two_outlines_that_cross_and_hold_the_same_voxels_are_joined_and_no_hole(tmp_path):
    drawn = [square(2), square(2, (1.6, 1.6), (4.6, 4.6))]
    for number, order in enumerate((drawn, drawn[::-1])):
        voxels, notes = read_voxels(structure_set(tmp_path / f"{number}.dcm", {"GTV": order}))
        assert voxels == 9
        assert notes == ("'GTV': 1 contour overlaps another one of their slice in part; what either holds is inside.",)


def test_the_hole_within_two_outlines_that_cross_stays_a_hole(tmp_path):
    drawn = [square(2), square(2, (2.5, 2.5), (3.5, 3.5)), square(2, (1.6, 1.6), (4.6, 4.6))]
    assert read_voxels(structure_set(tmp_path / "rs.dcm", {"GTV": drawn}))[0] == 8


def test_a_wall_thinner_than_a_voxel_leaves_nothing_and_is_noted(tmp_path):
    wall = [square(1), square(1, (1.8, 1.8), (4.2, 4.2))]
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"bladder wall": wall}))
    assert voxels == 0
    assert notes == (
        "'bladder wall': 1 contour holds the same voxels as the contour around it; the wall between is thinner than "
        "a voxel and lost.",
    )


def test_a_region_in_two_contour_items_has_the_contours_of_both(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1), square(2)], "rest": [square(3), square(4)]})

    def join(ds):
        ds.ROIContourSequence[1].ReferencedROINumber = 1
        del ds.StructureSetROISequence[1]

    voxels, notes = read_voxels(changed(path, join))
    assert (voxels, notes) == (36, ())


def test_two_regions_of_one_number_are_told_apart_by_their_order(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1), square(2)], "PTV": [square(3)], "liver": []})

    def collide(ds):
        ds.StructureSetROISequence[1].ROINumber = ds.ROIContourSequence[1].ReferencedROINumber = 1

    masks = read_rtstruct(changed(path, collide), IMAGE)
    assert {one.name: int(masks.mask(one.value).array.sum()) for one in masks.table} == {
        "GTV": 18,
        "liver": 0,
        "PTV": 9,
    }
    assert masks.notes == (
        "Several regions have the number 1. Their contours were given to them in the order of the file; 'PTV' is "
        "read as 4.",
    )


def test_a_region_that_is_described_twice_is_one(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1)]})
    changed(path, lambda ds: ds.StructureSetROISequence.append(ds.StructureSetROISequence[0]))
    assert read_voxels(path) == (9, ())


def test_regions_of_one_number_without_contours_for_each_are_refused(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1)], "PTV": [square(3)]})

    def collide(ds):
        ds.StructureSetROISequence[1].ROINumber = 1
        del ds.ROIContourSequence[1]

    with pytest.raises(FileError, match=r"regions 'GTV' and 'PTV' have one number, 1, and 1 item of contours: nothing"):
        read_rtstruct(changed(path, collide), IMAGE)


def test_contours_of_a_region_that_is_not_described_are_read_and_noted(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1)], "PTV": [square(3)]})
    masks = read_rtstruct(changed(path, lambda ds: ds.StructureSetROISequence.pop()), IMAGE)
    assert [(one.value, one.name) for one in masks.table] == [(1, "GTV"), (2, "region 2")]
    assert masks.mask(2).array.sum() == 9
    assert masks.notes == ("Contours of the number 2, which the file does not describe, are called 'region 2'.",)


def test_an_offset_vector_moves_the_contour(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1)]})

    def move(ds):
        ds.ROIContourSequence[0].ContourSequence[0].ContourOffsetVector = [2, 3, 8]  # LPS: 1, 1 and 2 voxels

    masks = read_rtstruct(changed(path, move), IMAGE)
    assert np.argwhere(masks.mask(1).array).min(axis=0).tolist() == [3, 3, 3]
    assert masks.notes == ("'GTV': 1 contour was moved by its Contour Offset Vector, up to 8.77 mm.",)

    def break_it(ds):
        ds.ROIContourSequence[0].ContourSequence[0].ContourOffsetVector = [2, 3]

    with pytest.raises(FileError, match=r"rs\.dcm: a Contour Offset Vector of '2.*3.*' is not three numbers"):
        read_rtstruct(changed(path, break_it), IMAGE)


def test_regions_of_another_frame_of_reference_are_left_out_and_noted(tmp_path):
    from dataclasses import replace

    image = replace(IMAGE, frame_of_reference="1.2.3")
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1)], "PTV": [square(3)]}, frame_of_reference="1.2.3")
    changed(path, lambda ds: setattr(ds.StructureSetROISequence[1], "ReferencedFrameOfReferenceUID", "1.2.4"))
    masks = read_rtstruct(path, image)
    assert [one.name for one in masks.table] == ["GTV"]
    assert masks.notes == ("'PTV' belongs to another frame of reference than the image; left out.",)


def test_contours_of_two_points_enclose_nothing_and_are_noted(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1), square(2)[:2]]})
    assert read_voxels(path) == (9, ("'GTV': 1 contour of fewer than three points encloses no area; left out.",))


def test_a_file_whose_regions_are_all_empty_says_so(tmp_path):
    masks = read_rtstruct(structure_set(tmp_path / "rs.dcm", {"GTV": [], "PTV": []}), IMAGE)
    assert [label.name for label in masks.table] == ["GTV", "PTV"]
    assert masks.notes == ("No region has a contour: all are empty.",)


def test_a_wrong_count_of_points_is_named(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1)]})

    def miscount(ds):
        ds.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 3

    with pytest.raises(
        FileError, match=r"rs\.dcm: 'GTV' has a contour of 4 points whose NumberOfContourPoints says 3\."
    ):
        read_rtstruct(changed(path, miscount), IMAGE)


def test_contours_that_are_all_shifted_off_their_slices_say_so(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(k + 0.15) for k in range(4)]})
    with pytest.raises(GeometryError) as caught:
        read_rtstruct(path, IMAGE)
    assert str(caught.value) == (
        "rs.dcm: the contours were drawn on another image: they lie up to 0.60 mm off its slices, which are 4.00 mm "
        "apart. All are off by the same 0.60 mm: image and contours were moved against each other. Up to 0.48 mm is "
        "taken for rounding. Give the image of the contours."
    )


def test_contours_of_another_slice_distance_say_so(tmp_path):
    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(1.3 * k) for k in range(4)]})
    with pytest.raises(GeometryError, match=r"The contours are 5\.20 mm apart: they were drawn on other slices\."):
        read_rtstruct(path, IMAGE)


def test_a_contour_within_a_thousandth_of_a_pixel_of_centres_is_taken_as_it_is(tmp_path):
    """0.0004 pixel beyond the centres of the outermost pixels: they are inside; 0.0004 before them, outside."""
    path = structure_set(tmp_path / "in.dcm", {"a": [square(1, (0.9996, 0.9996), (4.0004, 4.0004))]})
    assert read_voxels(path)[0] == 16
    path = structure_set(tmp_path / "out.dcm", {"a": [square(1, (1.0004, 1.0004), (3.9996, 3.9996))]})
    assert read_voxels(path)[0] == 4
