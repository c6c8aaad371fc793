from __future__ import annotations

import numpy as np
import pytest
from bodies import CENTRE_MM, ONE, SPACINGS_MM, TURNS_DEG, cuboid, draw, ellipsoid, grid, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_attn.errors import GeometryError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.measure import Structure, measure_structures
from monai_attn.volume import Volume

every_spacing = pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
every_turn = pytest.mark.parametrize("turn_deg", TURNS_DEG)

VOLUME_TOLERANCE_PER_MM = 0.012
"""Cutting a body of 10 mm radius into voxels errs by about 1 % for each mm of slice thickness."""


def only(labels: Volume, image: Volume | None = None) -> Structure:
    (structure,) = measure_structures(labels, ONE, image)
    return structure


@every_spacing
@every_turn
def test_a_sphere_of_10_mm_radius_has_4_19_ml_whatever_the_spacing(spacing_mm, turn_deg):
    tolerance = VOLUME_TOLERANCE_PER_MM * max(spacing_mm)
    body = draw(sphere(10), grid(spacing_mm, turn_deg=turn_deg))
    assert only(body).volume_ml == pytest.approx(4.189, rel=tolerance)


@every_spacing
@every_turn
def test_the_centroid_is_the_centre_in_patient_space(spacing_mm, turn_deg):
    body = draw(ellipsoid((11, 8, 6), (10, 40, 70)), grid(spacing_mm, turn_deg=turn_deg))
    assert only(body).centroid_mm == pytest.approx(tuple(CENTRE_MM), abs=0.1 * max(spacing_mm))


@every_spacing
def test_a_cuboid_of_20_x_16_x_10_mm_has_3_2_ml_when_turned_in_space(spacing_mm):
    body = draw(cuboid((20, 16, 10), (15, 25, 35)), grid(spacing_mm, turn_deg=(5, -20, 60)))
    assert only(body).volume_ml == pytest.approx(3.2, rel=VOLUME_TOLERANCE_PER_MM * max(spacing_mm))


def test_a_sheared_voxel_counts_with_its_true_volume():
    body = draw(sphere(10), grid((0.8, 0.9, 2.0), shear=0.3))
    assert body.is_sheared
    assert only(body).volume_ml == pytest.approx(4.189, rel=2 * VOLUME_TOLERANCE_PER_MM)


@every_spacing
@every_turn
def test_the_box_holds_every_voxel_with_its_edges_and_no_more(spacing_mm, turn_deg):
    body = draw(ellipsoid((11, 8, 6), (10, 40, 70)), grid(spacing_mm, turn_deg=turn_deg))
    corners = np.array(np.meshgrid(*[[-0.5, 0.5]] * 3)).reshape(3, 8).T
    points = body.to_world(np.argwhere(body.array)[:, None] + corners).reshape(-1, 3)
    box = only(body).box
    assert box is not None
    assert box.lower_mm == pytest.approx(points.min(axis=0))
    assert box.upper_mm == pytest.approx(points.max(axis=0))


def test_the_block_crops_the_label_map_to_the_structure():
    body = draw(sphere(6), grid((1, 1, 2)))
    block = only(body).block
    assert block is not None
    part = body.crop(block)
    assert part.array.sum() == body.array.sum()
    assert all(part.array.any(axis=(1, 2))[[0, -1]])


@pytest.mark.parametrize(("index", "touches"), [((0, 3, 3), True), ((3, 3, 6), True), ((3, 3, 3), False)])
def test_a_structure_at_the_image_border_says_so(index, touches):
    array = np.zeros((7, 7, 7), np.uint8)
    array[index] = 1
    assert only(Volume(array)).touches_border is touches


def test_intensities_are_those_inside_the_mask_in_the_unit_of_the_image():
    array = np.zeros((9, 9, 9), np.uint8)
    array[2:7, 4, 4] = 1
    values = np.full(array.shape, 1000, np.int16)
    values[2:7, 4, 4] = [-10, 20, 30, 40, 70]
    intensity = only(Volume(array), Volume(values, unit="HU")).intensity
    assert intensity is not None
    assert (intensity.unit, intensity.mean, intensity.median) == ("HU", 30, 30)
    assert intensity.sd == pytest.approx(np.sqrt(680))
    assert (intensity.minimum, intensity.p25, intensity.p75, intensity.maximum) == (-10, 20, 40, 70)
    assert intensity.p05 == pytest.approx(-4)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
def test_percentiles_between_far_values_do_not_overflow(kind):
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    values = Volume(np.array([[[low, high]]], kind))
    intensity = only(Volume(np.ones((1, 1, 2), np.uint8)), values).intensity
    assert intensity is not None
    assert (intensity.minimum, intensity.maximum) == (low, high)
    assert intensity.median == pytest.approx((low + high) / 2)
    assert intensity.minimum < intensity.p25 < intensity.median < intensity.p75 < intensity.maximum


def test_voxels_that_are_not_finite_are_left_out_and_counted():
    array = np.ones((3, 1, 1), np.uint8)
    image = Volume(np.array([np.nan, 4.0, np.inf], np.float32).reshape(3, 1, 1))
    intensity = only(Volume(array), image).intensity
    assert intensity is not None
    assert (intensity.mean, intensity.not_finite) == (4.0, 2)


def test_a_structure_without_a_voxel_is_a_row_with_defined_values():
    labels = Volume(np.zeros((4, 4, 4), np.uint8))
    empty = only(labels, labels)
    assert (empty.voxels, empty.volume_ml, empty.surface_mm2) == (0, 0.0, 0.0)
    assert (empty.block, empty.box, empty.touches_border) == (None, None, False)
    assert np.isnan(empty.centroid_mm).all()
    assert empty.intensity is not None
    assert np.isnan(empty.intensity.mean)


def test_structures_come_in_the_order_of_the_table_and_do_not_mix():
    array = np.zeros((6, 6, 6), np.uint8)
    array[0, :, 0], array[0, 2, 0] = 5, 2
    spleen, liver = measure_structures(Volume(array), LabelTable.of_names({5: "liver", 2: "spleen"}))
    assert (spleen.name, spleen.voxels, liver.name, liver.voxels) == ("spleen", 1, "liver", 5)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int64, np.uint16, np.float32, np.float64])
def test_every_kind_of_array_gives_the_same(order, dtype):
    body = draw(sphere(5), grid((1, 1.2, 2)))
    same = Volume(np.asarray(body.array.astype(dtype), order=order), body.affine)
    one, other = only(same), only(body)
    assert one.surface_mm2 == pytest.approx(other.surface_mm2)  # summed in the order of memory
    assert one.centroid_mm == pytest.approx(other.centroid_mm)
    assert (one.block, one.box, one.voxels) == (other.block, other.box, other.voxels)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 2, 2), 3), r"The label map holds \[3\], which the label table \[0, 1\] does not name\."),
        (np.full((2, 2, 2), -1), r"A label map holds 0 and up; this one holds -1\."),
        (np.full((2, 2, 2), 0.5), r"A label map holds 0 and whole numbers above; this one holds 0\.5\."),
        (np.full((2, 2, 2), np.nan), r"A label map holds 0 and whole numbers above; this one holds nan\."),
    ],
)
def test_a_label_map_that_is_none_is_refused(array, message):
    with pytest.raises(LabelError, match=message):
        measure_structures(Volume(array), ONE)


def test_a_label_between_those_of_the_table_is_refused():
    with pytest.raises(LabelError, match=r"holds \[2\], which the label table \[0, 1, 3\] does not name"):
        measure_structures(Volume(np.full((2, 2, 2), 2)), LabelTable.of_names({1: "a", 3: "b"}))


def test_an_image_on_another_grid_is_refused_and_both_grids_are_named():
    labels, image = Volume(np.ones((4, 4, 4), np.uint8)), Volume(np.ones((4, 4, 4)), np.diag([1, 1, 2, 1]))
    with pytest.raises(GeometryError, match=r"different grids: 4x4x4 voxels of 1x1x1 mm, RAS, .* of 1x1x2 mm"):
        measure_structures(labels, ONE, image)


@settings(max_examples=25, deadline=None)
@given(axes=st.permutations([0, 1, 2]), flips=st.tuples(*[st.booleans()] * 3), shift=st.integers(-40, 40))
def test_the_order_and_direction_of_the_voxel_axes_and_the_place_in_space_do_not_matter(axes, flips, shift):
    body = draw(ellipsoid((5, 7, 9), (30, 20, 10)), grid((0.9, 1.3, 2.1), turn_deg=(7, 11, -13), reach_mm=10))
    index = np.zeros((4, 4))  # voxel of the turned array -> voxel of the first
    index[3, 3] = 1
    for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
        index[old, new] = -1 if flip else 1
        index[old, 3] = body.shape[old] - 1 if flip else 0
    turned = body.array.transpose(axes)
    turned = np.flip(turned, [new for new, flip in enumerate(flips) if flip])
    affine = body.affine @ index
    affine[:3, 3] += shift
    one, other = only(body), only(Volume(turned, affine))
    assert other.volume_ml == pytest.approx(one.volume_ml)
    assert other.surface_mm2 == pytest.approx(one.surface_mm2)
    assert np.array(other.centroid_mm) - shift == pytest.approx(np.array(one.centroid_mm))
    assert one.box is not None
    assert other.box is not None
    assert np.array(other.box.lower_mm) - shift == pytest.approx(np.array(one.box.lower_mm))
