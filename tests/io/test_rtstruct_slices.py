"""RTSTRUCT contours on every second slice: interpolated, or noted."""

from __future__ import annotations

import pytest
from contour_maker import IMAGE, changed, read_voxels, square, structure_set

from monai_attn.io.dicomseg import read_rtstruct


@pytest.mark.parametrize(
    ("slices", "filled", "step"), [((1, 3, 5, 7), 7, 2), ((0, 3, 6), 7, 3), ((1, 3, 5, 6, 8), 8, 2)]
)
def test_slices_between_are_interpolated_where_a_structure_is_drawn_on_every_second_or_third(
    tmp_path, slices, filled, step
):
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"GTV": [square(k) for k in slices]}))
    assert voxels == 9 * filled
    assert notes == (
        f"'GTV' is drawn on 1 of {step} slices of the image; {filled - len(slices)} slices between were interpolated.",
    )


def test_interpolation_goes_from_one_shape_to_the_other(tmp_path):
    drawn = [square(k, (3.5 - r, 3.5 - r), (3.5 + r, 3.5 + r)) for k, r in ((0, 1), (2, 3), (4, 1))]
    masks = read_rtstruct(structure_set(tmp_path / "rs.dcm", {"GTV": drawn}), IMAGE)
    per_slice = masks.mask(1).array.sum(axis=(0, 1)).tolist()
    assert per_slice[:5:2] == [4, 36, 4]
    assert per_slice[1] == per_slice[3]
    assert 4 < per_slice[1] < 36
    assert per_slice[5:] == [0] * 4


def test_slices_between_places_that_have_nothing_in_common_are_not_called_interpolated(tmp_path):
    drawn = [square(0), square(2, (5.5, 4.5), (8.5, 7.5)), square(4)]
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"GTV": drawn}))
    assert voxels == 3 * 9
    assert len(notes) == 1
    assert "2 of the 5 slices from its first to its last contour have none and stay empty: 1, 3" in notes[0]


def test_slices_without_a_contour_amid_others_stay_empty_and_are_noted(tmp_path):
    voxels, notes = read_voxels(structure_set(tmp_path / "rs.dcm", {"GTV": [square(k) for k in (0, 1, 2, 4, 5, 8)]}))
    assert voxels == 6 * 9
    assert notes == (
        "'GTV': 3 of the 9 slices from its first to its last contour have none and stay empty: 3, 6, 7, counted "
        "from 0. Draw them if they were left out.",
    )


def test_two_contours_follow_the_steps_of_the_other_structures(tmp_path):
    drawn = {"body": [square(k) for k in (0, 2, 4, 6)], "GTV": [square(k) for k in (2, 4)]}
    masks = read_rtstruct(structure_set(tmp_path / "rs.dcm", drawn), IMAGE)
    assert masks.mask(2).array.sum() == 27
    alone, notes = read_voxels(structure_set(tmp_path / "one.dcm", {"GTV": [square(2), square(4)]}))
    assert alone == 18
    assert "1 of the 3 slices from its first to its last contour has none" in notes[0]


def test_overlapping_slices_do_not_fill_a_gap_that_was_left_empty(tmp_path):
    """Slices three times as thick as their step state such a slab, though each of them was drawn."""

    def thick(ds):
        for line in ds.ROIContourSequence[0].ContourSequence:
            line.ContourSlabThickness = 12

    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(k) for k in (0, 1, 2, 3, 6, 7, 8)]})
    voxels, notes = read_voxels(changed(path, thick))
    assert voxels == 7 * 9
    assert "have none and stay empty" in notes[0]


def test_a_slab_thickness_of_two_slices_says_that_every_second_was_drawn(tmp_path):
    def thick(ds):
        for line in ds.ROIContourSequence[0].ContourSequence:
            line.ContourSlabThickness = 8

    path = structure_set(tmp_path / "rs.dcm", {"GTV": [square(2), square(4)]})
    assert read_voxels(changed(path, thick))[0] == 27
