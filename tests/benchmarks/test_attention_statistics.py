"""The statistics of `benchmarks/attention.py`, on numbers with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from attention_statistics import difference, family, holm


def test_a_constant_difference_has_an_interval_of_no_width():
    base = np.random.default_rng(1).uniform(size=(20, 1))
    found = difference(base + 0.05, base)
    assert (found.mean, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))
    assert found.p == pytest.approx(2 / 5001)  # none of the 5000 resamples lies at 0 or below


def test_seeds_that_disagree_widen_the_interval():
    base = np.tile(np.random.default_rng(1).uniform(size=(50, 1)), 3)
    same, apart = base + 0.02, base + np.array([0.02 - 0.06, 0.02, 0.02 + 0.06])
    sure, unsure = difference(same, base), difference(apart, base)
    assert unsure.mean == pytest.approx(sure.mean) == pytest.approx(0.02)
    assert sure.low > 0 > unsure.low
    assert unsure.high - unsure.low > 0.08  # three seeds of -0.04, 0.02 and 0.08
    assert unsure.seed_sd == pytest.approx(0.06)


def test_the_seeds_of_the_network_without_attention_count_too():
    one = np.tile(np.random.default_rng(1).uniform(size=(50, 1)), 3)
    found = difference(one, one + np.array([-0.06, 0.0, 0.06]))
    assert found.low < -0.03
    assert found.high > 0.03


def test_nine_of_ten_intervals_or_more_hold_the_true_difference():
    generator, held = np.random.default_rng(0), 0
    for _ in range(200):
        level = generator.normal(0.8, 0.1, (40, 1))
        base, one = (level + shift + generator.normal(0, 0.02, (40, 3)) for shift in (0.0, 0.01))
        found = difference(one, base, resamples=400)
        held += found.low <= 0.01 <= found.high
    assert held >= 180


def test_the_effect_is_the_mean_over_the_spread_of_cases():
    base = np.zeros((4, 1))
    found = difference(np.array([[0.1], [0.2], [0.3], [0.4]]), base)
    assert found.effect == pytest.approx(0.25 / np.std([0.1, 0.2, 0.3, 0.4], ddof=1))


def test_a_case_without_a_score_is_left_out():
    base = np.array([[0.5, 0.5], [np.nan, 0.5], [0.5, 0.5]])
    found = difference(np.array([[0.6, 0.6], [0.0, 0.0], [0.8, 0.8]]), base)
    assert (found.cases, found.mean) == (2, pytest.approx(0.2))


def test_holm_steps_down_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    one, other = holm([float("nan"), 0.02])
    assert np.isnan(one)
    assert other == 0.02  # what was not tested is not counted


def test_a_family_is_corrected_for_its_number():
    generator = np.random.default_rng(3)
    base = generator.uniform(size=(30, 3))
    of = {"none": base, "better": base + 0.1, "equal": base + generator.normal(0, 0.05, (30, 3))}
    found = family(of, "none", resamples=999)
    assert set(found) == {"better", "equal"}
    assert found["better"].p_holm >= 2 * found["better"].p
    assert found["equal"].p_holm > 0.05
