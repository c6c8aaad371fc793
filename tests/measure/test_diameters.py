from __future__ import annotations

import numpy as np
import pytest
from bodies import SPACINGS_MM, Inside, draw, ellipsoid, grid, sphere
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from monai_attn.errors import InputError
from monai_attn.measure.diameters import axial_axis, axial_diameters, diameter_3d_mm
from monai_attn.volume import Volume

VOXELS = 1.0
"""Diameters are right to one diagonal of a pixel, in 3-D of a voxel. Round bodies come out 0.7 pixels long."""


def diameters(body: Volume) -> tuple[float, float]:
    found = axial_diameters(body.array > 0, body.affine)
    return found.longest_mm, found.perpendicular_mm


def disc(axes_mm: tuple[float, float], turn_deg: float) -> Inside:
    turn = np.radians(turn_deg)
    along, across = np.array([np.cos(turn), np.sin(turn), 0]), np.array([-np.sin(turn), np.cos(turn), 0])
    return lambda points: np.hypot(points @ along / axes_mm[0], points @ across / axes_mm[1]) <= 1


@pytest.mark.parametrize("pixel_mm", [(0.6, 0.6), (0.8, 1.3)])
@pytest.mark.parametrize("turn_deg", [0, 17, 45, 72])
def test_an_elliptic_disc_of_30_by_16_mm_measures_30_and_16_mm(pixel_mm, turn_deg):
    body = draw(disc((15, 8), turn_deg), grid((*pixel_mm, 4.0), reach_mm=18))
    within = VOXELS * np.hypot(*pixel_mm)
    assert diameters(body)[0] == pytest.approx(30, abs=within)
    assert diameters(body)[1] == pytest.approx(16, abs=within)


def test_round_discs_come_out_0_7_pixels_long_as_the_docs_say():
    generator = np.random.default_rng(0)
    errors = []
    for _ in range(60):
        radius, shift = generator.uniform(4, 12), generator.uniform(-0.5, 0.5, size=2)
        x, y = np.indices((29, 29)) - 14.0
        mask = ((x - shift[0]) ** 2 + (y - shift[1]) ** 2 <= radius**2)[..., None]
        errors.append(axial_diameters(mask, np.eye(4)).longest_mm - 2 * radius)
    assert np.mean(errors) == pytest.approx(0.7, abs=0.1)
    assert np.std(errors) < 0.2


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_a_ball_of_10_mm_radius_measures_20_mm_in_each_direction(spacing_mm):
    body = draw(sphere(10), grid(spacing_mm, turn_deg=(8, -5, 30)))
    longest, across = diameters(body)
    pixel, voxel = VOXELS * np.linalg.norm(spacing_mm[:2]), VOXELS * np.linalg.norm(spacing_mm)
    assert longest == pytest.approx(20, abs=pixel)
    assert across == pytest.approx(20, abs=pixel)
    assert diameter_3d_mm(body.array > 0, body.affine) == pytest.approx(20, abs=voxel)


@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (30, 40, 50), (0, 90, 0)])
def test_the_longest_3d_diameter_of_an_ellipsoid_is_its_longest_axis(turn_deg):
    body = draw(ellipsoid((12, 6, 4), turn_deg), grid((0.8, 0.8, 1.5)))
    assert diameter_3d_mm(body.array > 0, body.affine) == pytest.approx(24, abs=0.9)


def test_a_rod_along_the_patient_is_long_in_3d_and_narrow_in_axial_slices():
    body = draw(ellipsoid((3, 3, 13)), grid((0.5, 0.5, 1.0), turn_deg=(0, 0, 25)))
    assert diameters(body) == pytest.approx((6, 6), abs=0.6)
    assert diameter_3d_mm(body.array > 0, body.affine) == pytest.approx(26, abs=1)


def test_one_voxel_measures_its_own_edges():
    affine = np.diag([0.7, 0.9, 3.0, 1.0])
    found = axial_diameters(np.ones((1, 1, 1), bool), affine)
    assert (found.longest_mm, found.perpendicular_mm) == pytest.approx((0.9, 0.7))
    assert diameter_3d_mm(np.ones((1, 1, 1), bool), affine) == pytest.approx(3.0)


def test_an_empty_mask_has_no_diameter():
    with pytest.raises(InputError, match="An empty mask has no diameter"):
        axial_diameters(np.zeros((2, 2, 2), bool), np.eye(4))


def test_a_bar_of_20_voxels_measures_20_voxels():
    found = axial_diameters(np.ones((20, 1, 1), bool), np.diag([0.5, 0.5, 2.0, 1.0]))
    assert (found.longest_mm, found.perpendicular_mm) == pytest.approx((10.0, 0.5))


def test_two_pieces_of_one_slice_are_measured_each_by_itself():
    horseshoe = np.zeros((20, 5, 3), bool)
    horseshoe[:2] = horseshoe[-2:] = True  # two legs of 2x5 pixels ...
    horseshoe[:, :, 2] = True  # ... that meet in the last slice
    legs, meeting = horseshoe.copy(), axial_diameters(horseshoe, np.eye(4))
    legs[:, :, 2] = False
    assert axial_diameters(legs, np.eye(4)).longest_mm == pytest.approx(np.hypot(5, 1))
    assert meeting.longest_mm == pytest.approx(np.hypot(20, 4))
    assert meeting.longest_ends[0, 2] == 2


def test_the_ends_lie_on_the_outline_and_at_right_angles():
    body = draw(disc((11, 7), 33), grid((0.8, 0.6, 3.0), turn_deg=(10, 20, 30)))
    found = axial_diameters(body.array > 0, body.affine)
    one, across = (np.diff(body.to_world(ends), axis=0)[0] for ends in (found.longest_ends, found.perpendicular_ends))
    assert one @ across == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(one) == pytest.approx(found.longest_mm)
    assert np.linalg.norm(across) == pytest.approx(found.perpendicular_mm)


@pytest.mark.parametrize(("axes", "axis"), [("RAS", 2), ("ASR", 1), ("SRA", 0)])
def test_the_axial_slices_are_found_whatever_the_order_of_the_axes(axes, axis):
    columns = [np.eye(3)["RAS".index(letter)] for letter in axes]
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("x", 12, degrees=True).as_matrix() @ np.stack(columns, axis=1)
    found, tilt_deg = axial_axis(affine)
    assert found == axis
    assert tilt_deg == pytest.approx(12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.floats(0.3, 5)] * 3))
def test_the_perpendicular_never_exceeds_the_longest_nor_that_the_3d_diameter(seed, spacing_mm):
    mask = np.random.default_rng(seed).random((5, 6, 4)) < 0.3
    mask[2, 2, 2] = True
    affine = np.diag([*spacing_mm, 1.0])
    found = axial_diameters(mask, affine)
    assert found.perpendicular_mm <= found.longest_mm * (1 + 1e-9)
    assert found.longest_mm <= diameter_3d_mm(mask, affine) * (1 + 1e-9)
