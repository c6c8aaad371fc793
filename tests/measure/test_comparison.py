from __future__ import annotations

import numpy as np
import pytest
from bodies import ONE, blobs, draw, ellipsoid, grid, sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_attn.errors import GeometryError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.measure import ERRORS, Overlap, compare, dice, error_map, jaccard, overlap_of
from monai_attn.volume import Volume

TWO = LabelTable.of_names({1: "a", 2: "b"})


def line(*values: int) -> Volume:
    return Volume(np.array(values, np.uint8).reshape(-1, 1, 1), np.diag([2.0, 10.0, 50.0, 1.0]))  # voxels of 1 ml


def test_scores_by_hand():
    (one,) = compare(line(1, 1, 1, 0, 0), line(0, 1, 1, 1, 1), ONE)
    assert (one.prediction_ml, one.reference_ml, one.volume_difference_ml) == pytest.approx((3, 4, -1))
    assert (one.dice, one.jaccard) == pytest.approx((4 / 7, 2 / 5))
    assert (one.sensitivity, one.precision) == pytest.approx((1 / 2, 2 / 3))
    assert one.hd_mm == pytest.approx(4)
    assert one.assd_mm == pytest.approx((2 + 2 + 4) / 7)


def test_equal_masks_are_perfect():
    body = draw(ellipsoid((9, 7, 5)), grid((1, 1, 2)))
    (one,) = compare(body, body, ONE)
    assert (one.dice, one.jaccard, one.sensitivity, one.precision, one.nsd) == (1, 1, 1, 1, pytest.approx(1))
    assert (one.hd_mm, one.hd95_mm, one.assd_mm, one.volume_difference_ml) == (0, 0, 0, 0)


def test_balls_of_8_and_10_mm_radius_have_the_dice_of_their_volumes():
    on = grid((0.8, 0.8, 1.0), turn_deg=(10, 20, 30))
    (one,) = compare(draw(sphere(8), on), draw(sphere(10), on), ONE)
    assert one.dice == pytest.approx(2 * 512 / (512 + 1000), abs=0.005)
    assert one.precision == 1


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        # dice, jaccard, sensitivity, precision, hd, hd95, assd, nsd
        ((0, 0), (0, 0), [np.nan] * 8),
        ((1, 0), (0, 0), [0, 0, np.nan, 0, np.inf, np.inf, np.inf, 0]),
        ((0, 0), (1, 0), [0, 0, 0, np.nan, np.inf, np.inf, np.inf, 0]),
    ],
)
def test_empty_masks_have_defined_scores_and_keep_their_row(prediction, reference, expected):
    (one,) = compare(line(*prediction), line(*reference), ONE)
    scores = [one.dice, one.jaccard, one.sensitivity, one.precision, one.hd_mm, one.hd95_mm, one.assd_mm, one.nsd]
    assert scores == pytest.approx(expected, nan_ok=True)
    assert one.volume_difference_ml == pytest.approx(sum(prediction) - sum(reference))


def test_each_structure_is_compared_by_itself():
    a, b = compare(line(1, 1, 2, 2), line(1, 1, 1, 2), TWO)
    assert (a.dice, b.dice) == pytest.approx((4 / 5, 2 / 3))


def test_grids_that_differ_are_refused_or_resampled_when_told():
    fine, coarse = (
        draw(ellipsoid((10, 8, 6)), grid(spacing, turn_deg=turn))
        for spacing, turn in [((0.8, 0.8, 0.8), (0, 0, 0)), ((1, 1, 1.5), (10, 20, 30))]
    )
    with pytest.raises(GeometryError, match="The prediction and the reference lie on different grids"):
        compare(fine, coarse, ONE)
    (one,) = compare(fine, coarse, ONE, resample=True)
    assert one.dice > 0.95
    assert one.volume_difference_ml == pytest.approx(0, abs=0.05)


def test_resampling_onto_the_same_grid_changes_nothing_to_the_edge():
    full = Volume(np.arange(1, 28, dtype=np.uint8).reshape(3, 3, 3), grid((0.7, 0.7, 3.0), turn_deg=(1, 2, 3)).affine)
    table = LabelTable.of_names({value: str(value) for value in range(1, 28)})
    assert all(one.dice == 1 for one in compare(full, full, table, resample=True))


def test_a_label_out_of_the_table_is_refused_on_either_side():
    with pytest.raises(LabelError, match=r"holds \[2\]"):
        compare(line(2), line(1), ONE)
    with pytest.raises(LabelError, match=r"holds \[2\]"):
        compare(line(1), line(2), ONE)


def test_the_error_map_names_each_kind_of_error():
    errors = error_map(line(0, 1, 1, 0, 1), line(0, 1, 0, 2, 2))
    assert errors.array.ravel().tolist() == [0, 1, 2, 3, 4]
    assert [label.name for label in ERRORS] == [
        "true positive",
        "false positive",
        "false negative",
        "wrong structure",
    ]


def test_the_error_map_of_one_structure_takes_all_others_as_background():
    errors = error_map(line(0, 1, 1, 0, 1, 2), line(0, 1, 0, 2, 2, 1), value=1)
    assert errors.array.ravel().tolist() == [0, 1, 2, 0, 2, 3]


def test_the_error_map_counts_what_the_comparison_counts():
    prediction, reference = blobs(5, (1, 1, 2))
    counts = np.bincount(error_map(prediction, reference).array.ravel(), minlength=5)
    overlap = overlap_of(prediction.array > 0, reference.array > 0)
    assert counts[1:].tolist() == [overlap.both, overlap.only_prediction, overlap.only_reference, 0]


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(GeometryError, match=r"shapes \(1, 1, 1\) and \(2, 1, 1\)"):
        dice(np.ones((1, 1, 1), bool), np.ones((2, 1, 1), bool))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_dice_and_jaccard_say_the_same_and_do_not_depend_on_the_side(seed):
    one, other = np.random.default_rng(seed).random((2, 4, 5, 3)) < 0.4
    assert dice(one, other) == dice(other, one)
    assert dice(one, other) == pytest.approx(2 * jaccard(one, other) / (1 + jaccard(one, other)), nan_ok=True)


def test_a_share_of_nothing_is_nan():
    assert np.isnan([Overlap(0, 0, 0).dice, Overlap(0, 0, 3).precision, Overlap(0, 3, 0).sensitivity]).all()
