"""Margins: bodies whose grown and shrunken volume is known, on grids of any kind."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import SPACINGS_MM, TURNS_DEG, cuboid, draw, grid, sphere

from monai_attn.edit import grow, shrink
from monai_attn.errors import InputError, LabelError
from monai_attn.volume import Volume


def ball_ml(radius_mm: float) -> float:
    return 4 / 3 * np.pi * radius_mm**3 / 1000


def volume_ml(labels: Volume, value: int = 1) -> float:
    return int(np.count_nonzero(labels.array == value)) * labels.voxel_ml


TOLERANCE = {(1.0, 1.0, 1.0): 0.02, (0.8, 0.8, 2.5): 0.04, (0.7, 0.7, 5.0): 0.15, (0.5, 1.0, 1.5): 0.02}
"""Of the volume. A grid of 5 mm slices has four or five of them in a sphere of 20 mm: it cannot know better."""


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
@pytest.mark.parametrize("turn_deg", TURNS_DEG)
def test_a_sphere_of_10_mm_grown_by_3_mm_has_the_volume_of_13_mm_whatever_the_spacing(
    spacing_mm: tuple[float, float, float], turn_deg: tuple[float, float, float]
) -> None:
    labels = draw(sphere(10), grid(spacing_mm, turn_deg=turn_deg, reach_mm=18))
    grown = grow(labels, 1, 3.0).applied_to(labels)
    assert volume_ml(grown) == pytest.approx(ball_ml(13), rel=TOLERANCE[spacing_mm])


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_a_sphere_of_13_mm_shrunk_by_3_mm_has_the_volume_of_10_mm(spacing_mm: tuple[float, float, float]) -> None:
    labels = draw(sphere(13), grid(spacing_mm, turn_deg=(20, -35, 50), reach_mm=18))
    shrunk = shrink(labels, 1, 3.0).applied_to(labels)
    assert volume_ml(shrunk) == pytest.approx(ball_ml(10), rel=2 * TOLERANCE[spacing_mm])


def test_a_margin_is_one_in_space_on_a_sheared_grid_too() -> None:
    labels = draw(sphere(10), grid((0.8, 0.8, 1.5), turn_deg=(10, 5, -20), reach_mm=18, shear=0.5))
    assert labels.is_sheared
    grown = grow(labels, 1, 3.0).applied_to(labels)
    assert volume_ml(grown) == pytest.approx(ball_ml(13), rel=0.03)
    added = labels.to_world(np.argwhere(grown.array != labels.array))
    centre_mm = labels.to_world(np.argwhere(labels.array)).mean(axis=0)
    radius_mm = np.linalg.norm(added - centre_mm, axis=1)
    assert radius_mm.max() < 13 + 0.8
    assert radius_mm.min() > 10 - 0.8


def test_a_flat_wall_moves_by_exactly_the_margin() -> None:
    labels = draw(cuboid((8, 8, 8)), grid((1.0, 1.0, 2.0), reach_mm=12))
    grown = grow(labels, 1, 2.0).applied_to(labels)
    middle = tuple(np.rint(np.argwhere(labels.array).mean(axis=0)).astype(int))
    for axis, more in enumerate((4, 4, 2)):  # 2 mm on either side
        line = tuple(slice(None) if other == axis else middle[other] for other in range(3))
        assert np.count_nonzero(grown.array[line]) == np.count_nonzero(labels.array[line]) + more


def test_a_single_voxel_grows_into_a_ball() -> None:
    array = np.zeros((21, 21, 21), np.uint8)
    array[10, 10, 10] = 1
    labels = Volume(array)
    grown = grow(labels, 1, 5.0).applied_to(labels)
    assert np.count_nonzero(grown.array) == 515  # lattice points within 5 voxels of one of them


def test_growing_touches_other_labels_only_when_told_and_never_protected_ones() -> None:
    array = np.zeros((30, 9, 9), np.uint8)
    array[:10], array[10:20], array[20:] = 2, 1, 3
    labels = Volume(array)
    assert grow(labels, 1, 3.0).voxels == 0
    over = grow(labels, 1, 3.0, protected={3}).applied_to(labels).array
    assert (over[7:20] == 1).all()
    assert (over[:7] == 2).all()
    assert (over[20:] == 3).all()


def test_shrinking_takes_nothing_away_at_the_border_of_the_image() -> None:
    array = np.zeros((20, 20, 20), np.uint8)
    array[:10] = 1  # open to five faces of the image
    shrunk = shrink(Volume(array), 1, 2.0).applied_to(Volume(array)).array
    assert (shrunk[:8] == 1).all()
    assert (shrunk[8:] == 0).all()


def test_a_thin_structure_vanishes_when_shrunk_and_others_stay() -> None:
    array = np.zeros((20, 20, 20), np.uint8)
    array[5:8, 2:18, 2:18], array[12:15, 2:18, 2:18] = 1, 2
    shrunk = shrink(Volume(array), 1, 2.0).applied_to(Volume(array)).array
    assert set(np.unique(shrunk)) == {0, 2}
    assert np.count_nonzero(shrunk == 2) == np.count_nonzero(array == 2)


def test_a_label_that_fills_the_image_has_no_surface() -> None:
    labels = Volume(np.ones((4, 5, 6), np.uint8))
    assert grow(labels, 1, 3.0).voxels == shrink(labels, 1, 3.0).voxels == 0


@pytest.mark.parametrize("margin_mm", [0.0, -1.0, float("nan"), float("inf")])
def test_a_margin_that_is_none_is_refused(margin_mm: float) -> None:
    labels = Volume(np.ones((3, 3, 3), np.uint8))
    with pytest.raises(InputError, match="A margin is a number of mm above 0"):
        grow(labels, 1, margin_mm)
    with pytest.raises(InputError, match="A margin is a number of mm above 0"):
        shrink(labels, 1, margin_mm)


def test_a_label_without_a_voxel_is_refused() -> None:
    with pytest.raises(LabelError, match=r"Label 4 has no voxel\. Choose a label that has, or paint it first\."):
        grow(Volume(np.ones((3, 3, 3), np.uint8)), 4, 1.0)


def test_the_argument_is_left_alone_and_both_memory_orders_agree() -> None:
    labels = draw(sphere(10), grid((0.8, 0.8, 2.5), reach_mm=18))
    before = labels.array.copy()
    other = labels.with_array(np.asfortranarray(labels.array))
    one, two = (grow(volume, 1, 3.0).applied_to(volume).array for volume in (labels, other))
    assert np.array_equal(labels.array, before)
    assert np.array_equal(one, two)
