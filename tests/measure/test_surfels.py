from __future__ import annotations

import numpy as np
import pytest
from bodies import SPACINGS_MM, TURNS_DEG, cuboid, draw, ellipsoid, grid, sphere
from scipy.optimize import nnls

from monai_attn.measure import surface_area_mm2
from monai_attn.measure.surfels import _never_negative, surfel_areas_mm2
from monai_attn.volume import Volume


def area_mm2(body: Volume) -> float:
    return surface_area_mm2(body.array > 0, body.affine)


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
@pytest.mark.parametrize("turn_deg", TURNS_DEG)
def test_a_sphere_has_4_pi_r_squared_within_3_percent(spacing_mm, turn_deg):
    body = draw(sphere(15), grid(spacing_mm, turn_deg=turn_deg, reach_mm=18))
    assert area_mm2(body) == pytest.approx(4 * np.pi * 225, rel=0.03)


@pytest.mark.parametrize(("radius_mm", "tolerance"), [(3, 0.05), (6, 0.015), (12, 0.005), (24, 0.003)])
def test_the_area_of_a_sphere_converges_with_its_radius_in_voxels(radius_mm, tolerance):
    body = draw(sphere(radius_mm), grid((1, 1, 1), turn_deg=(12, 34, 56), reach_mm=radius_mm + 2))
    assert area_mm2(body) == pytest.approx(4 * np.pi * radius_mm**2, rel=tolerance)


@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (20, 30, 40), (45, 0, 45)])
def test_an_ellipsoid_of_revolution_has_its_area_within_2_percent(turn_deg):
    a, c = 8.0, 16.0  # prolate: 2 pi a² (1 + c / (a e) asin e), e² = 1 - a²/c²
    e = np.sqrt(1 - a**2 / c**2)
    true_mm2 = 2 * np.pi * a**2 * (1 + c / (a * e) * np.arcsin(e))
    body = draw(ellipsoid((a, a, c), turn_deg), grid((0.9, 0.9, 1.5), reach_mm=18))
    assert area_mm2(body) == pytest.approx(true_mm2, rel=0.02)


def test_a_turned_cuboid_has_its_area_within_5_percent():
    body = draw(cuboid((30, 24, 18), (20, 30, 40)), grid((0.8, 0.8, 0.8), reach_mm=26))
    assert area_mm2(body) == pytest.approx(2 * (30 * 24 + 24 * 18 + 30 * 18), rel=0.05)


def test_a_cuboid_along_the_voxels_comes_out_up_to_10_percent_small_as_the_docs_say():
    body = draw(cuboid((30, 24, 18)), grid((0.8, 0.8, 0.8), reach_mm=20))
    true_mm2 = 2 * (30 * 24 + 24 * 18 + 30 * 18)
    assert 0.90 * true_mm2 < area_mm2(body) < 0.95 * true_mm2


def test_a_sheet_one_voxel_thick_has_two_sides():
    sheet = np.zeros((60, 60, 7), bool)
    sheet[2:-2, 2:-2, 3] = True
    flat_face = 0.93  # what a face along cubic voxels comes to
    assert surface_area_mm2(sheet, np.eye(4)) == pytest.approx(2 * 56 * 56 * flat_face, rel=0.02)


def test_a_sheared_grid_gives_the_same_area_as_a_straight_one():
    true_mm2 = 4 * np.pi * 144
    assert area_mm2(draw(sphere(12), grid((1, 1, 1), shear=0.3))) == pytest.approx(true_mm2, rel=0.01)


def test_inside_and_outside_have_the_same_surface_and_no_surface_lies_within_either():
    areas = surfel_areas_mm2(np.diag([0.8, 0.9, 3.0]))
    assert areas == pytest.approx(areas[::-1])
    assert areas[0] == areas[255] == 0
    assert (areas[1:255] > 0).all()


def test_an_empty_mask_has_no_surface():
    assert surface_area_mm2(np.zeros((3, 3, 3), bool), np.eye(4)) == 0


ALONG_THE_VOXELS = {
    # Edges in voxels, and how many percent of the true area come out for the three spacings of the documentation.
    (40, 30, 20): (90, 89, 85),
    (10, 10, 10): (87, 88, 84),
    (5, 5, 5): (82, 83, 81),
    (3, 3, 3): (76, 77, 76),
    (1, 1, 1): (50, 54, 57),
    (40, 40, 1): (90, 73, 70),
}


@pytest.mark.parametrize("edges", ALONG_THE_VOXELS)
def test_boxes_along_the_voxels_come_out_as_small_as_the_docs_say(edges):
    for spacing_mm, percent in zip(((1, 1, 1), (0.8, 0.8, 2.5), (0.7, 0.7, 5)), ALONG_THE_VOXELS[edges], strict=True):
        a, b, c = np.multiply(edges, spacing_mm)
        found = surface_area_mm2(np.ones(edges, bool), np.diag([*spacing_mm, 1.0]))
        assert 100 * found / (2 * (a * b + b * c + c * a)) == pytest.approx(percent, abs=1)


@pytest.mark.parametrize("seed", range(6))
def test_weights_are_those_of_scipy(seed):
    generator = np.random.default_rng(seed)
    matrix = generator.uniform(0, 1, (200, 13)) + generator.uniform(0, 2, 13)
    target = matrix @ generator.normal(0.4, 0.6, 13) + generator.normal(0, 0.1, 200)
    expected = nnls(matrix, target)[0]
    given = _never_negative(matrix, target)
    assert ((given > 0) == (expected > 0)).all()
    assert 0 < (given > 0).sum() < 13
    assert given == pytest.approx(expected, rel=1e-10)
