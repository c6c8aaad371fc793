"""The brush: a ball is a ball whatever the voxels."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import SPACINGS_MM, grid

from monai_attn.edit import Brush, paint
from monai_attn.edit.brush import stroke
from monai_attn.errors import InputError
from monai_attn.volume import Volume

MIDDLE = (10.0, 10.0, 10.0)


@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
@pytest.mark.parametrize("shear", [0.0, 0.5])
def test_a_ball_holds_exactly_the_voxels_within_its_radius(
    spacing_mm: tuple[float, float, float], shear: float
) -> None:
    on = grid(spacing_mm, turn_deg=(20, -35, 50), reach_mm=14, shear=shear)
    centre = np.array(on.shape) // 2
    change = paint(on, 1, (centre, centre), Brush(7.0))
    away_mm = np.linalg.norm(on.to_world(np.stack(np.indices(on.shape), axis=-1)) - on.to_world(centre), axis=-1)
    assert np.array_equal(change.applied_to(on).array == 1, away_mm <= 7.0 * (1 + 1e-5))


def test_a_disc_lies_in_its_slice() -> None:
    labels = Volume(np.zeros((21, 21, 21), np.uint8), np.diag([1.0, 1, 3, 1]))
    for axis, voxels in ((0, 29), (1, 29), (2, 81)):
        i, j, k = paint(labels, 1, (MIDDLE, MIDDLE), Brush(5.0, axis)).index
        assert set((i, j, k)[axis]) == {10}
        assert i.size == voxels


def test_a_stroke_leaves_no_gap_however_fast_the_mouse() -> None:
    labels = Volume(np.zeros((41, 21, 21), np.uint8))
    _, mask = stroke(labels, ((5, 10, 10), (35, 10, 10)), Brush(4.0))
    assert mask.shape == (39, 9, 9)
    assert (np.count_nonzero(mask[4:35], axis=(1, 2)) == 49).all()


def test_the_voxel_under_a_brush_smaller_than_a_voxel_is_painted() -> None:
    labels = Volume(np.zeros((5, 5, 5), np.uint8), np.diag([3.0, 3, 3, 1]))
    assert paint(labels, 1, ((2.4, 2.4, 2.4), (2.4, 2.4, 2.4)), Brush(0.5)).voxels == 1


def test_beyond_the_image_nothing_is_painted() -> None:
    labels = Volume(np.zeros((5, 6, 7), np.uint8))
    assert paint(labels, 1, ((-30, 2, 2), (-30, 2, 2)), Brush(2.0)).voxels == 0
    assert paint(labels, 1, ((9, 2, 2), (9, 2, 2)), Brush(2.0)).voxels == 0
    assert paint(labels, 1, ((-1, 2, 2), (-1, 2, 2)), Brush(1.0)).voxels == 1
    assert paint(labels, 1, ((2, 2, 9), (2, 2, 9)), Brush(20.0, axis=2)).voxels == 0


def test_only_voxels_within_the_range_are_painted_and_never_nan() -> None:
    image = np.zeros((21, 21, 21), np.float32)
    image[10:], image[12], image[13] = 60.0, 300.0, np.nan
    brush = Brush(4.0, intensity_range=(30, 200))
    labels = Volume(np.zeros(image.shape, np.uint8))
    i, _, _ = paint(labels, 1, (MIDDLE, MIDDLE), brush, image=image).index
    assert set(i) == {10, 11, 14}


def test_what_is_painted_already_and_what_is_protected_does_not_change() -> None:
    array = np.zeros((21, 21, 21), np.uint8)
    array[:8], array[12:] = 1, 2
    labels = Volume(array)
    painted = paint(labels, 1, (MIDDLE, MIDDLE), Brush(5.0), protected={2})
    assert set(painted.index[0]) == {8, 9, 10, 11}
    erased = paint(labels, 0, (MIDDLE, MIDDLE), Brush(5.0), protected={2}).applied_to(labels).array
    assert np.count_nonzero(erased == 2) == np.count_nonzero(array == 2)
    assert np.count_nonzero(erased == 1) < np.count_nonzero(array == 1)


def test_a_brush_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="number of mm above 0; this one is 0"):
        Brush(0)
    with pytest.raises(InputError, match="across axis 0, 1 or 2"):
        Brush(3, 5)
    with pytest.raises(InputError, match="100 to -100 is no range"):
        Brush(3, intensity_range=(100, -100))
    labels = Volume(np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(InputError, match=r"needs an image of the mask's shape \(3, 3, 3\), not None"):
        paint(labels, 1, ((1, 1, 1), (1, 1, 1)), Brush(1, intensity_range=(0, 1)))


def test_the_voxels_at_the_radius_are_painted_on_every_side_whatever_was_rounded() -> None:
    labels = Volume(np.zeros((15, 15, 15), np.uint8), np.diag([1 + 5e-6, 1 + 5e-6, 1 + 5e-6, 1]))
    i, _, _ = paint(labels, 1, ((7, 7, 7), (7, 7, 7)), Brush(4.0)).index
    assert set(i) == set(range(3, 12))


def test_a_value_above_255_is_painted_into_a_mask_of_bytes() -> None:
    labels = Volume(np.zeros((5, 5, 5), np.uint8))
    painted = paint(labels, 300, ((2, 2, 2), (2, 2, 2)), Brush(0.5)).applied_to(labels)
    assert (painted.array.max(), painted.array.dtype) == (300, np.uint16)
    small = paint(labels, 3, ((2, 2, 2), (2, 2, 2)), Brush(0.5)).applied_to(labels)
    assert small.array.dtype == labels.array.dtype == np.uint8
