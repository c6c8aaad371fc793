from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from bodies import ONE, blobs, draw, grid, sphere

from monai_attn.errors import InputError
from monai_attn.measure import (
    SCHEMA,
    Comparison,
    Summary,
    compare,
    detect_lesions,
    from_csv,
    measure_lesions,
    measure_structures,
    rows,
    summarise,
    to_csv,
)
from monai_attn.volume import Volume


def comparisons(*dices: float, hd_mm: float = 3.0) -> list[Comparison]:
    (one,) = compare(*blobs(1, (1, 1, 1)), ONE)
    return [replace(one, dice=value, hd_mm=hd_mm) for value in dices]


def summary(cases: list[Comparison], score: str) -> Summary:
    (found,) = (one for one in summarise(cases) if one.score == score)
    return found


def test_a_summary_gives_mean_and_median_with_an_interval_around_each():
    values = np.random.default_rng(3).normal(0.8, 0.05, 50)
    found = summary(comparisons(*values), "dice")
    assert (found.cases, found.undefined, found.infinite) == (50, 0, 0)
    assert (found.mean, found.median) == pytest.approx((values.mean(), np.median(values)))
    standard_error = values.std() / np.sqrt(50)
    assert found.mean_high - found.mean_low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)
    assert found.median_low < found.median < found.median_high


def test_the_interval_is_the_same_every_time_and_another_with_another_generator():
    cases = comparisons(0.1, 0.4, 0.45, 0.8, 0.95)
    assert repr(summarise(cases)) == repr(summarise(cases))
    assert repr(summarise(cases, generator=np.random.default_rng(5))) != repr(summarise(cases))


def test_an_undefined_score_is_left_out_of_the_mean_but_counted():
    found = summary(comparisons(0.5, float("nan"), 0.7), "dice")
    assert (found.cases, found.undefined) == (3, 1)
    assert found.mean == pytest.approx(0.6)


def test_an_infinite_distance_is_never_dropped():
    cases = comparisons(0.5, 0.5, 0.5) + comparisons(0.0, hd_mm=float("inf"))
    found = summary(cases, "hd_mm")
    assert (found.infinite, found.mean, found.median) == (1, float("inf"), 3.0)
    assert found.mean_high == float("inf")


@pytest.mark.parametrize(("values", "mean"), [((float("nan"),), float("nan")), ((0.7,), 0.7)])
def test_fewer_than_two_cases_have_no_interval(values, mean):
    found = summary(comparisons(*values), "dice")
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.mean_low, found.mean_high, found.median_low, found.median_high]).all()


def test_a_confidence_of_95_for_0_95_is_refused():
    with pytest.raises(InputError, match="confidence between 0 and 1"):
        summarise(comparisons(0.5), confidence=95)


def test_rows_are_flat_named_with_their_units_and_versioned():
    body = draw(sphere(6), grid((1, 1, 2)))
    (row,) = rows(measure_structures(body, ONE, body), case="case_017")
    assert (row["schema"], row["case"], row["name"]) == (SCHEMA, "case_017", "body")
    assert {"volume_ml", "centroid_r_mm", "block_i_start", "box_lower_s_mm", "intensity_median"} <= set(row)
    assert all(isinstance(value, (str, int, float)) for value in row.values())
    json.dumps(row)


def test_every_kind_of_measurement_becomes_rows():
    body = draw(sphere(6), grid((1, 1, 2)))
    (lesion,) = rows(measure_lesions(body, 1))
    assert {"axial_diameter_mm", "axial_end1_r_mm", "perpendicular_end2_s_mm", "who_product_mm2"} <= set(lesion)
    (detection,) = rows([detect_lesions(body, body, 1)])
    assert (detection["matched"], detection["missed"], detection["extra"], detection["f1"]) == (1, 0, 0, 1.0)
    (comparison,) = rows(compare(body, body, ONE))
    assert comparison["nsd"] == pytest.approx(1)
    assert rows(summarise(compare(body, body, ONE)))[0]["score"] == "dice"


def test_csv_keeps_rows_that_lack_columns_and_values_that_are_nan_or_inf():
    body = draw(sphere(6), grid((1, 1, 2)))
    empty = Volume(np.zeros_like(body.array), body.affine)
    table = rows(measure_structures(body, ONE)) + rows(measure_structures(empty, ONE))
    full_row, empty_row = csv.DictReader(io.StringIO(to_csv(table)))
    assert float(full_row["volume_ml"]) == pytest.approx(table[0]["volume_ml"])
    assert (empty_row["volume_ml"], empty_row["centroid_r_mm"], empty_row["box_lower_r_mm"]) == ("0.0", "nan", "")
    assert to_csv(rows(compare(empty, body, ONE))).splitlines()[1].count("inf") == 3


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "''", "=cmd|' /C calc'!A0"]
)
def test_a_name_that_a_spreadsheet_would_run_is_written_safely_and_read_back(name):
    text = to_csv([{"name": name, "volume_ml": -2.5, "infinite": float("-inf")}])
    (row,) = csv.reader(io.StringIO(text.partition("\n")[2], newline=""))
    assert row == [f"'{name}", "-2.5", "-inf"]
    assert from_csv(text) == [{"name": name, "volume_ml": "-2.5", "infinite": "-inf"}]


@pytest.mark.parametrize("name", ["liver", "a=b", "x 'y'", "", "1-2", "Leber, rechts", "two\nlines"])
def test_any_other_name_stays_as_it_is(name):
    text = to_csv([{"name": name, "value": 1}])
    assert next(iter(csv.DictReader(io.StringIO(text, newline=""))))["name"] == name
    assert from_csv(text)[0]["name"] == name
