"""The values: what a volume and a box promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monai_attn.errors import GeometryError, InputError
from monai_attn.volume import Box, Volume, same_grid

ROTATION = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def oblique(shape: tuple[int, int, int] = (5, 6, 7), spacing: tuple[float, ...] = (0.9, 1.1, 3.0)) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = ROTATION @ np.diag(spacing)
    affine[:3, 3] = (-20.0, 31.5, 7.25)
    return Volume(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), affine)


def test_spacing_and_voxel_volume_are_those_of_the_affine_also_when_oblique():
    volume = oblique()
    assert volume.spacing_mm == pytest.approx((0.9, 1.1, 3.0))
    assert volume.voxel_ml == pytest.approx(0.9 * 1.1 * 3.0 / 1000)
    assert volume.oblique_deg == pytest.approx(np.degrees(np.arccos(0.8)))


@pytest.mark.parametrize("signs", list(itertools.product((-1, 1), repeat=3)))
@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_orientation_names_where_each_axis_points(axes, signs):
    affine = np.eye(4)
    affine[:3, :3] = 0
    for voxel_axis, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[axis, voxel_axis] = sign
    expected = "".join(("LR", "PA", "IS")[axis][sign > 0] for axis, sign in zip(axes, signs, strict=True))
    assert Volume(np.zeros((2, 3, 4)), affine).orientation == expected


def test_a_45_degree_oblique_still_has_three_different_letters():
    affine = np.eye(4)
    half = np.sqrt(0.5)
    affine[:3, :3] = [[half, half, 0], [-half, half, 0], [0, 0, 1]]
    letters = Volume(np.zeros((2, 2, 2)), affine).orientation
    assert {("R" if c in "LR" else "A" if c in "AP" else "S") for c in letters} == {"R", "A", "S"}


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_world_and_index_are_inverse(index):
    volume = oblique()
    assert volume.to_index(volume.to_world(index)) == pytest.approx(np.array(index), abs=1e-9)


def test_a_crop_stays_where_it_was_in_space():
    volume = oblique()
    crop = volume.crop((slice(1, 4), slice(2, 5), slice(3, 7)))
    assert crop.array[0, 0, 0] == volume.array[1, 2, 3]
    np.testing.assert_allclose(crop.to_world((0, 0, 0)), volume.to_world((1, 2, 3)))
    assert crop.shape == (3, 3, 4)


def test_a_region_takes_the_voxels_whose_centres_it_holds():
    volume = Volume(np.zeros((10, 10, 10)), np.diag([2.0, 2.0, 2.0, 1.0]))
    assert volume.slices_of(Box((4, 5, 0), (8, 9, 18))) == (slice(2, 5), slice(3, 5), slice(0, 10))


def test_a_region_of_an_oblique_grid_is_the_block_around_it():
    volume = oblique((40, 40, 20))
    box = Box.around(volume.to_world((20, 20, 10)), (8, 8, 6))
    block = volume.slices_of(box)
    inside = [
        index
        for index in itertools.product(range(40), range(40), range(20))
        if np.all(np.abs(volume.to_world(index) - volume.to_world((20, 20, 10))) <= (4, 4, 3))
    ]
    for axis in range(3):
        assert block[axis].start <= min(index[axis] for index in inside)
        assert block[axis].stop > max(index[axis] for index in inside)


def test_a_region_outside_the_image_is_refused_with_where_the_image_is():
    with pytest.raises(GeometryError, match=r"region R 500.0..510.0 .* lies outside the image, which spans R -"):
        oblique().slices_of(Box((500, 0, 0), (510, 10, 10)))


def test_a_region_needs_six_finite_numbers_in_order():
    with pytest.raises(InputError, match=r"lower corner"):
        Box((1, 0, 0), (0, 1, 1))
    with pytest.raises(InputError, match=r"finite"):
        Box((0, 0, float("nan")), (1, 1, 1))


@pytest.mark.parametrize(
    ("array", "affine", "message"),
    [
        (np.zeros((3, 3)), np.eye(4), r"three axes .* shape \(3, 3\)"),
        (np.zeros((3, 3, 3, 2)), np.eye(4), "one Volume per channel"),
        (np.zeros((3, 0, 3)), np.eye(4), "at least one voxel"),
        (np.zeros((3, 3, 3), dtype=complex), np.eye(4), "complex128"),
        (np.zeros((3, 3, 3)), np.eye(3), "finite 4x4"),
        (np.zeros((3, 3, 3)), np.full((4, 4), np.nan), "finite 4x4"),
        (np.zeros((3, 3, 3)), np.diag([1.0, 1.0, 0.0, 1.0]), "flat"),
        (np.zeros((3, 3, 3)), np.diag([1.0, 1.0, 1.0, 2.0]), "last row"),
    ],
)
def test_what_is_no_volume_is_refused_with_its_value(array, affine, message):
    with pytest.raises((GeometryError, InputError), match=message):
        Volume(array, affine)


def test_a_volume_cannot_be_changed():
    volume = oblique()
    with pytest.raises(ValueError, match=r"read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        volume.affine = np.eye(4)


def test_the_callers_array_stays_writable():
    array = np.zeros((2, 2, 2))
    Volume(array)
    array[0, 0, 0] = 1


def test_grids_are_the_same_up_to_a_thousandth_of_a_voxel():
    volume = oblique()
    near, far = volume.affine.copy(), volume.affine.copy()
    near[0, 3] += 0.0005
    far[0, 3] += 0.005
    assert same_grid(volume, Volume(volume.array, near))
    assert not same_grid(volume, Volume(volume.array, far))
    assert not same_grid(volume, Volume(volume.array[:-1], volume.affine))


def test_shear_is_seen():
    affine = np.eye(4)
    affine[1, 2] = 0.25
    assert Volume(np.zeros((2, 2, 2)), affine).is_sheared
    assert not oblique().is_sheared


@pytest.mark.parametrize("part", [slice(0, 4, 2), slice(None, None, -1)])
def test_a_block_with_a_step_is_refused_since_its_grid_is_another(part):
    with pytest.raises(GeometryError, match="have no step"):
        Volume(np.zeros((4, 5, 6)), np.eye(4)).crop((part, slice(None), slice(None)))
