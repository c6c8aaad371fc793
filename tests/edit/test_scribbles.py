"""Scribbles "here" and "not here" refine a mask within a box, at once, from image and probability."""

from __future__ import annotations

import time

import numpy as np
import pytest

from monai_attn import Volume
from monai_attn.edit import refine_by_scribbles
from monai_attn.errors import GeometryError, InputError
from monai_attn.measure import dice

AFFINE = np.array([[-1.0, 0.1, 0, 40], [0.1, 1.0, 0.1, -30], [0, -0.1, 1.2, 7], [0, 0, 0, 1]])


def two_balls(shape: tuple[int, int, int] = (60, 60, 60)) -> tuple[np.ndarray, np.ndarray, Volume]:
    """Two bright balls in noise: the first is the structure."""
    index = np.indices(shape, dtype=float)
    scale = shape[0] / 60
    one, other = (
        sum((axis - at * scale) ** 2 for axis, at in zip(index, middle, strict=True)) < (10 * scale) ** 2
        for middle in ((22, 30, 30), (46, 30, 30))
    )
    noise = np.random.default_rng(3).normal(0, 8, shape)
    return one, other, Volume((100.0 * (one | other) + noise).astype(np.float32), AFFINE)


def stroke(shape: tuple[int, ...], i: slice | int, j: slice | int = 30, k: int = 30) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[i, j, k] = True
    return mask


def test_one_stroke_adds_a_missed_half_and_another_takes_a_wrong_ball_away() -> None:
    one, other, image = two_balls()
    nothing = np.zeros(one.shape, bool)
    half = one & (np.indices(one.shape)[1] < 30)
    labels = image.with_array((5 * (half | other)).astype(np.uint8))
    more, less = refine_by_scribbles(labels, 5, image, here=stroke(one.shape, slice(18, 27), j=35), not_here=nothing)
    better = less.applied_to(more.applied_to(labels))
    assert dice(half, one) < 0.7
    assert dice((better.array == 5)[:34], one[:34]) > 0.93
    more, less = refine_by_scribbles(better, 5, image, here=nothing, not_here=stroke(one.shape, slice(42, 51)))
    right = less.applied_to(more.applied_to(better))
    assert dice(right.array == 5, one) > 0.93
    assert less.value == 0
    assert labels.array.max() == 5  # the map that was given stays


@pytest.mark.parametrize("at", [10, 12, 20, 33, 35])
def test_a_stroke_here_takes_nothing_away_and_one_of_not_here_adds_nothing(at: int) -> None:
    one, _, image = two_balls()
    ball = image.with_array(one.astype(np.uint8))  # i from 12 to 32, and nowhere at the border of the box
    scribbled, nothing = stroke(one.shape, at, j=slice(28, 33)), np.zeros(one.shape, bool)
    more, less = refine_by_scribbles(ball, 1, image, here=scribbled, not_here=nothing)
    assert less.voxels == 0
    assert bool(more.voxels) == (not one[scribbled].all())
    more, less = refine_by_scribbles(ball, 1, image, here=nothing, not_here=scribbled)
    assert more.voxels == 0
    assert bool(less.voxels) == one[scribbled].any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_without_a_number_beside_the_stroke_do_no_harm(value) -> None:
    one, _, image = two_balls((40, 40, 40))
    labels = image.with_array(one.astype(np.uint8))
    damaged = image.array.copy()
    damaged[:, :6] = value
    given = {"here": stroke(one.shape, 14, 20, 20), "not_here": np.zeros(one.shape, bool)}
    with np.errstate(all="raise"):
        for change in refine_by_scribbles(labels, 1, image.with_array(damaged), **given):
            labels = change.applied_to(labels)
    assert dice(labels.array == 1, one) > 0.9


def test_only_the_box_changes_and_what_was_scribbled_is_as_scribbled() -> None:
    one, other, image = two_balls()
    labels = image.with_array((other * 1).astype(np.uint8))
    here, not_here = stroke(one.shape, 5, j=5, k=5), stroke(one.shape, 46)
    for change in refine_by_scribbles(labels, 1, image, here=here, not_here=not_here, reach_mm=4):
        labels = change.applied_to(labels)
    assert labels.array[5, 5, 5] == 1
    assert labels.array[46, 30, 30] == 0


def test_other_labels_stay_unless_they_may_be_replaced() -> None:
    one, _, image = two_balls()
    labels = image.with_array((one * 2).astype(np.uint8))
    nothing = np.zeros(one.shape, bool)
    here = stroke(one.shape, slice(18, 27))
    more, _ = refine_by_scribbles(labels, 1, image, here=here, not_here=nothing)
    assert more.in_the_way > 0
    assert (more.applied_to(labels).array == 2).sum() == one.sum()
    more, _ = refine_by_scribbles(labels, 1, image, here=here, not_here=nothing, protected=())
    assert (more.applied_to(labels).array == 1)[here].all()


def test_the_probability_of_the_network_draws_the_border_where_the_image_has_none() -> None:
    one, _, image = two_balls()
    flat = image.with_array(np.zeros(one.shape, np.float32))
    labels = image.with_array(np.zeros(one.shape, np.uint8))
    given = {"here": stroke(one.shape, 22), "not_here": np.zeros(one.shape, bool)}
    probable = image.with_array(one.astype(np.float32))
    with_it, without = (
        refine_by_scribbles(labels, 1, flat, probability=prior, **given)[0].applied_to(labels).array == 1
        for prior in (probable, None)
    )
    assert dice(with_it, one) > 0.9 > dice(without, one)


def test_what_cannot_be_refined_is_refused() -> None:
    one, _, image = two_balls()
    labels = image.with_array(one.astype(np.uint8))
    nothing = np.zeros(one.shape, bool)
    with pytest.raises(InputError, match="Nothing was scribbled"):
        refine_by_scribbles(labels, 1, image, here=nothing, not_here=nothing)
    with pytest.raises(InputError, match="as inside and as outside"):
        refine_by_scribbles(labels, 1, image, here=one, not_here=one)
    with pytest.raises(GeometryError, match="on the mask's grid"):
        refine_by_scribbles(labels, 1, Volume(image.array), here=one, not_here=nothing)
    for reach_mm in (0, -1, np.nan):
        with pytest.raises(InputError, match=f"a number of mm above 0; this one is {reach_mm}"):
            refine_by_scribbles(labels, 1, image, here=one, not_here=nothing, reach_mm=reach_mm)


@pytest.mark.slow
def test_a_box_of_100_voxels_takes_less_than_a_second() -> None:
    one, _, image = two_balls((100, 100, 100))
    labels = image.with_array(one.astype(np.uint8))
    here, nothing = stroke(one.shape, slice(2, 98), j=50, k=50), np.zeros(one.shape, bool)
    refine_by_scribbles(labels, 1, image, here=here, not_here=nothing)
    start = time.process_time()
    refine_by_scribbles(labels, 1, image, here=here, not_here=nothing, reach_mm=100)
    assert time.process_time() - start < 1.0
