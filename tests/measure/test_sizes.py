"""Scores by size class: which case falls into which class, signs, limits, and what has no size."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn.errors import InputError
from monai_attn.labels import LabelTable
from monai_attn.measure import by_size, compare, from_csv, rows, to_csv
from monai_attn.volume import Volume


def row(reference: float, prediction: float, name: str = "tumour", **more: float) -> dict[str, object]:
    scores = {"dice": 0.8, "sensitivity": 0.9, "precision": 0.7, "assd_mm": 2.0}
    return {"name": name, "reference_ml": reference, "prediction_ml": prediction, **scores, **more}


def test_cases_fall_into_the_class_of_the_reference_and_errors_keep_their_sign():
    found = by_size([row(20, 40), row(40, 44), row(50, 40), row(600, 540)], edges_ml=[50, 150, 500])
    assert [(one.title, one.cases) for one in found] == [
        ("below 50 ml", 2),
        ("50 to 150 ml", 1),
        ("150 to 500 ml", 0),
        ("from 500 ml", 1),
    ]
    small, middle, empty, large = found
    assert (small.volume_error, small.volume_error_size) == pytest.approx((0.55, 0.55))
    assert (middle.volume_error, middle.volume_error_size) == pytest.approx((-0.2, 0.2))
    assert large.volume_error == pytest.approx(-0.1)
    assert np.isnan(empty.dice_mean)
    assert small.difference_ml == pytest.approx(12)  # mean of 20 and 4, SD 11.314
    assert (small.lower_limit_ml, small.upper_limit_ml) == pytest.approx((12 - 22.175, 12 + 22.175), abs=0.01)
    assert np.isnan(large.upper_limit_ml)


def test_without_edges_each_structure_has_thirds_of_its_own():
    many = [row(size, size, name) for name, scale in (("a", 1), ("b", 100)) for size in np.arange(1, 10) * scale]
    found = by_size(many)
    assert [(one.name, one.cases) for one in found] == [(name, 3) for name in "aaabbb"]
    assert found[3].upper_ml == 100 * found[0].upper_ml
    assert [one.title for one in by_size(many[:5])] == ["all sizes"]
    assert [one.cases for one in by_size([row(7, 7)] * 8)] == [8]


def test_a_missed_structure_counts_and_one_that_is_not_there_has_no_size():
    missed = row(30, 0, dice=0.0, sensitivity=0.0, precision=float("nan"), assd_mm=float("inf"))
    (one,) = by_size([missed, row(0, 5, dice=0.0)])
    assert (one.cases, one.dice_mean, one.volume_error, one.assd_median_mm) == (1, 0.0, -1.0, np.inf)
    assert np.isnan(one.precision_mean)
    assert by_size([row(0, 5)]) == []
    assert by_size([]) == []


def test_rows_of_a_comparison_and_of_a_csv_give_the_same():
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    other = np.roll(labels, 1, axis=0)
    table = rows(compare(Volume(other), Volume(labels), LabelTable.of_names({1: "cyst"})), case="a")
    (one,) = by_size(table)
    assert by_size(from_csv(to_csv(table))) == [one] or np.isnan(one.dice_sd)
    assert one.dice_mean == pytest.approx(table[0]["dice"])
    assert one.volume_error == 0


@pytest.mark.parametrize("edges", [[0], [50, 50], [150, 50], [-1]])
def test_edges_that_do_not_rise_are_refused(edges):
    with pytest.raises(InputError, match=r"must rise from above 0 ml, not \["):
        by_size([row(1, 1)], edges_ml=edges)
