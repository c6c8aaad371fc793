from __future__ import annotations

import numpy as np
import pytest
from bodies import SPACINGS_MM, draw, grid, sphere
from scipy.ndimage import binary_erosion

from monai_attn.errors import InputError
from monai_attn.measure import normalised_surface_dice, surface_distances
from monai_attn.measure.distances import boundary

EMPTY, FULL = np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_balls_of_8_and_11_mm_radius_around_one_centre_lie_3_mm_apart(spacing_mm):
    on = grid(spacing_mm, turn_deg=(10, 20, 30))
    small, large = draw(sphere(8), on).array > 0, draw(sphere(11), on).array > 0
    distances = surface_distances(small, large, on.affine)
    assert distances.assd_mm == pytest.approx(3, abs=0.25 * max(spacing_mm))
    assert distances.hd95_mm == pytest.approx(3, abs=0.5 * max(spacing_mm))


def test_a_ball_moved_by_5_mm_has_a_hausdorff_distance_of_5_mm():
    on = grid((1, 1, 1), turn_deg=(10, 20, 30))
    moved = np.roll(draw(sphere(8), on).array > 0, 5, axis=0)
    assert surface_distances(moved, draw(sphere(8), on).array > 0, on.affine).hd_mm == pytest.approx(5)


def test_on_a_sheared_grid_distances_are_those_in_the_patient():
    one, other = EMPTY.copy(), EMPTY.copy()
    one[0, 0, 0], other[0, 0, 2] = True, True
    affine = np.array([[1, 0, 0.5, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    assert surface_distances(one, other, affine).hd_mm == pytest.approx(np.hypot(1, 4))


def test_hd95_is_the_larger_directed_percentile_not_that_of_both_together():
    one, other = np.zeros((80, 1, 1), bool), np.zeros((80, 1, 1), bool)
    one[:20], other[:20] = True, True
    other[60:62] = True  # 2 of 22 voxels lie 41 mm and more away: in one direction more than 5 %
    distances = surface_distances(one, other, np.eye(4))
    assert distances.to_reference_mm.max() == 0
    assert distances.hd95_mm == pytest.approx(np.percentile([0] * 20 + [41, 42], 95))
    assert distances.assd_mm == pytest.approx(83 / 42)
    assert distances.hd_mm == 42


@pytest.mark.parametrize(
    ("one", "other", "distance", "nsd"), [(EMPTY, EMPTY, np.nan, np.nan), (EMPTY, FULL, np.inf, 0)]
)
def test_empty_masks_give_nan_when_both_and_inf_when_one(one, other, distance, nsd):
    for pair in ((one, other), (other, one)):
        found = surface_distances(*pair, np.eye(4))
        assert [found.hd_mm, found.hd95_mm, found.assd_mm] == pytest.approx([distance] * 3, nan_ok=True)
        assert normalised_surface_dice(*pair, np.eye(4), 1.0) == pytest.approx(nsd, nan_ok=True)


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (12, 25, -40), (5, -8, 12)])
def test_a_shift_by_one_voxel_is_within_a_tolerance_of_its_edge_whatever_the_rounding(spacing_mm, turn_deg):
    affine = grid(spacing_mm, turn_deg=turn_deg).affine.astype(np.float32).astype(np.float64)  # as in a file
    mask = np.zeros((12, 12, 12), bool)
    mask[3:8, 3:8, 3:8] = True
    for axis, edge_mm in enumerate(spacing_mm):
        shifted = np.roll(mask, 1, axis)
        assert normalised_surface_dice(mask, shifted, affine, edge_mm) == 1
        assert normalised_surface_dice(mask, shifted, affine, 0.99 * edge_mm) < 1


def test_the_surface_dice_jumps_where_the_tolerance_reaches_the_distance():
    on = grid((0.5, 0.5, 0.5))
    small, large = draw(sphere(8), on).array > 0, draw(sphere(10), on).array > 0
    nsd = [normalised_surface_dice(small, large, on.affine, tolerance) for tolerance in (0, 1, 3)]
    assert nsd == pytest.approx([0, 0, 1])
    assert normalised_surface_dice(small, small, on.affine, 0) == pytest.approx(1)


@pytest.mark.parametrize("tolerance_mm", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance_mm):
    with pytest.raises(InputError, match=f"tolerance of the surface Dice is 0 mm or more; this one is {tolerance_mm}"):
        normalised_surface_dice(FULL, FULL, np.eye(4), tolerance_mm)


def test_a_percentile_beyond_100_is_refused():
    with pytest.raises(InputError, match="between 0 and 100; this one is 101"):
        surface_distances(FULL, FULL, np.eye(4)).percentile_mm(101)


@pytest.mark.parametrize("seed", range(4))
def test_the_boundary_is_what_erosion_takes_away(seed):
    mask = np.random.default_rng(seed).random((7, 6, 5)) < 0.8
    assert (boundary(mask) == (mask & ~binary_erosion(mask))).all()
