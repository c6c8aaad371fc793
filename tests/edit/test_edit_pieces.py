"""Holes, pieces and slices in between."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import draw, grid, sphere

from monai_attn.edit import Change, close_holes, interpolate_slices, keep_largest
from monai_attn.errors import GeometryError, InputError
from monai_attn.volume import Volume


def box_with_a_hole() -> np.ndarray:
    array = np.zeros((9, 11, 13), np.uint8)
    array[1:8, 1:10, 1:12] = 1
    array[4, 5, 6] = 0
    return array


def test_a_hole_is_filled_and_nothing_else() -> None:
    change = close_holes(Volume(box_with_a_hole()), 1)
    assert [tuple(map(int, place)) for place in change.index] == [(4,), (5,), (6,)]
    assert change.value == 1


def test_a_tunnel_is_a_hole_only_slice_by_slice() -> None:
    array = box_with_a_hole()
    array[:, 5, 6] = 0
    labels = Volume(array)
    assert close_holes(labels, 1).voxels == 0
    assert close_holes(labels, 1, axis=0).voxels == 7
    assert close_holes(labels, 1, axis=1).voxels == 0


def test_a_tumour_in_an_organ_is_no_hole_until_told() -> None:
    array = box_with_a_hole()
    array[4, 5, 6] = 2
    array[4, 5, 7] = 3
    array[4, 5, 8] = 0
    labels = Volume(array)
    assert close_holes(labels, 1).voxels == 1
    filled = close_holes(labels, 1, protected={3}).applied_to(labels).array
    assert (filled[4, 5, 6], filled[4, 5, 7], filled[4, 5, 8]) == (1, 3, 1)


def test_a_hollow_open_to_the_border_of_the_image_is_no_hole() -> None:
    array = np.ones((5, 5, 5), np.uint8)
    array[0:3, 2, 2] = 0
    assert close_holes(Volume(array), 1).voxels == 0


def test_the_largest_piece_stays_and_other_labels_too() -> None:
    array = np.zeros((20, 20, 20), np.uint8)
    array[1:4, 1:4, 1:4], array[8:14, 8:14, 8:14], array[16:18, 16:18, 16:18] = 1, 1, 2
    kept = keep_largest(Volume(array), 1).applied_to(Volume(array)).array
    assert np.count_nonzero(kept == 1) == 216
    assert np.count_nonzero(kept == 2) == 8


def test_pieces_that_touch_by_a_corner_are_one_with_26_neighbours_and_two_with_6() -> None:
    array = np.zeros((8, 8, 8), np.uint8)
    array[1:3, 1:3, 1:3], array[3:6, 3:6, 3:6] = 1, 1
    assert keep_largest(Volume(array), 1).voxels == 0
    assert keep_largest(Volume(array), 1, connectivity=6).voxels == 8


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sphere_painted_in_every_fourth_slice_comes_back(axis: int) -> None:
    labels = draw(sphere(12), grid((0.7, 0.9, 0.8), turn_deg=(20, -35, 50), reach_mm=15))
    sparse = labels.array.copy()
    painted = np.flatnonzero(labels.array.any(axis=tuple(other for other in range(3) if other != axis)))
    empty = [place for number, place in enumerate(painted) if number % 4 and place != painted[-1]]
    np.moveaxis(sparse, axis, 0)[empty] = 0
    change = interpolate_slices(labels.with_array(sparse), 1, axis)
    full = change.applied_to(labels.with_array(sparse)).array
    overlap = 2 * np.count_nonzero(full & labels.array) / (full.sum(dtype=int) + labels.array.sum(dtype=int))
    assert overlap > 0.97
    given = np.setdiff1d(np.arange(labels.shape[axis]), empty)
    assert np.array_equal(np.take(full, given, axis), np.take(sparse, given, axis))


def test_halfway_between_two_squares_lies_the_square_of_mean_size() -> None:
    array = np.zeros((5, 21, 21), np.uint8)
    array[0, 8:13, 8:13] = 1  # 5 x 5
    array[4, 4:17, 4:17] = 1  # 13 x 13
    full = interpolate_slices(Volume(array), 1, 0).applied_to(Volume(array)).array
    assert [np.count_nonzero(full[place, 10]) for place in range(5)] == [5, 7, 9, 11, 13]


def test_distances_within_a_slice_are_millimetres() -> None:
    """Two rectangles: halfway, each edge has moved half its way, in rows 3 mm apart and columns of 1 mm."""
    array = np.zeros((3, 15, 45), np.uint8)
    array[0, 6:9, 15:30] = 1
    array[2, 4:11, 9:36] = 1  # 6 mm more on every side
    full = interpolate_slices(Volume(array, np.diag([1.0, 3, 1, 1])), 1, 0).applied_to(Volume(array)).array
    assert np.count_nonzero(full[1, :, 22]) == 5
    assert np.count_nonzero(full[1, 7]) == 21


def test_slices_without_a_gap_and_other_labels_stay() -> None:
    array = np.zeros((6, 9, 9), np.uint8)
    array[1:3, 2:7, 2:7] = 1
    assert interpolate_slices(Volume(array), 1, 0).voxels == 0
    array[5, 2:7, 2:7] = 1
    array[3:5, :, :] = 2
    assert interpolate_slices(Volume(array), 1, 0).voxels == 0
    assert interpolate_slices(Volume(array), 1, 0, protected=()).voxels == 50


def test_slices_whose_own_axes_are_not_at_right_angles_are_refused() -> None:
    labels = draw(sphere(8), grid((1, 1, 1), shear=0.4))
    with pytest.raises(GeometryError, match=r"meet at 68\.2 degrees"):
        interpolate_slices(labels, 1, 0)
    assert isinstance(interpolate_slices(labels, 1, 2), Change)  # a gantry tilt shears the slices against each other


def test_unknown_axes_and_connectivities_are_refused() -> None:
    labels = Volume(box_with_a_hole())
    with pytest.raises(InputError, match="Slices lie across axis 0, 1 or 2"):
        close_holes(labels, 1, axis=3)
    with pytest.raises(InputError, match="Slices lie across axis 0, 1 or 2, not -1"):
        interpolate_slices(labels, 1, -1)
    with pytest.raises(InputError, match="Connectivity is one of 6, 18, 26 neighbours, not 8"):
        keep_largest(labels, 1, connectivity=8)
