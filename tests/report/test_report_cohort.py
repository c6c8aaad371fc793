"""The page of a cohort, and the numbers in its plots."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn import LabelTable, Volume
from monai_attn.errors import InputError
from monai_attn.measure import compare, measure_structures
from monai_attn.report import CohortCase, cohort_page
from monai_attn.report.plots import limits_of_agreement

TABLE = LabelTable.of_names({1: "liver", 2: "left kidney"})


def case(name: str, wider: int, provenance: dict | None = None, *, kidney: bool = True) -> CohortCase:
    """A liver of 1 ml in the reference and `wider` voxels more in the mask; a kidney in both or neither."""
    reference = np.zeros((20, 12, 12), np.uint8)
    reference[5:15, 1:11, 1:11] = 1
    mask = reference.copy()
    mask[15 : 15 + wider, 1:11, 1:11] = 1
    if kidney:
        mask[0], reference[0] = 2, 2
    maps = Volume(mask), Volume(reference)
    return CohortCase(name, measure_structures(maps[0], TABLE), compare(*maps, TABLE), provenance or {})


def test_plots_scores_and_every_case_stand_in_it():
    made = {"bundle": "abdomen", "bundle_version": "1.0"}
    cases = [case("case_1", 0, made), case("case_2", 2, made), case("case_3", 4, {"bundle": "other"}, kidney=False)]
    failed = CohortCase("case_4", error="It is <broken>.")
    page = cohort_page("trial", [*cases, failed])
    for said in (
        "Cohort report: trial",
        "4 cases: 3 measured, 3 compared, 1 with a problem.",
        "It is &lt;broken&gt;.",
        "Box plots of Dice",
        "Bland-Altman plots of volume",
        "Distribution of the volume of each structure",
        "percentile bootstrap",
        "bundle abdomen; bundle version 1.0",
        "The masks were not all made in the same way.",
        "Research use only; not a medical device.",
    ):
        assert said in page
    assert "<td>case_3</td><td>left kidney</td>" in page
    assert page.count("data:image/png;base64,") == 3
    assert "http:" not in page


def test_without_references_there_are_volumes_only():
    one = case("case_1", 0)
    page = cohort_page("trial", [CohortCase("case_1", one.structures)])
    assert "Agreement" not in page
    assert "Dice" not in page
    assert "unknown: no record beside the masks" in page


def test_dollars_in_names_are_no_formulas_of_a_plot():
    table = LabelTable.of_names({1: r"$\nosuchword$ a"})
    maps = Volume(np.ones((4, 4, 4), np.uint8)), Volume(np.ones((4, 4, 4), np.uint8))
    one = CohortCase("case_1", measure_structures(maps[0], table), compare(*maps, table))
    assert r"$\nosuchword$ a" in cohort_page("masks", [one, one])


def test_a_cohort_without_cases_is_refused():
    with pytest.raises(InputError, match="at least one case"):
        cohort_page("trial", [])


def test_limits_of_agreement_are_mean_and_1_96_standard_deviations():
    bias, low, high = limits_of_agreement(np.array([1.0, 2.0, 3.0]))  # SD 1
    assert (bias, low, high) == pytest.approx((2, 2 - 1.96, 2 + 1.96))
    assert np.isnan(limits_of_agreement(np.array([1.0]))[1:]).all()
    assert np.isnan(limits_of_agreement(np.array([]))).all()
