"""The rules that say which cases of a cohort to look at first: each finds its case, and can be left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monai_attn.errors import InputError
from monai_attn.measure import quality
from monai_attn.measure.cohort_figures import CaseFigures, PartFigures, robust_z
from monai_attn.measure.quality import RULES, find_doubts, in_order_of_doubt

VOLUMES = [2.9, 3.0, 3.1, 3.2, 3.3, 3.0, 2.95, 3.15]


def cohort() -> list[CaseFigures]:
    """Eight cases without a doubt."""
    return [
        CaseFigures(
            f"case_{number}",
            {
                "left hippocampus": PartFigures(volume, certainty=0.95 + number / 1000),
                "hippocampus_R": PartFigures(volume * (1 + number / 100), certainty=0.95 + number / 1000),
            },
            (1.0, 1.0, 1.2),
            "MR",
        )
        for number, volume in enumerate(VOLUMES)
    ]


def change(number: int, name: str = "left hippocampus", **part) -> list[CaseFigures]:
    cases = cohort()
    parts = dict(cases[number].parts)
    parts[name] = replace(parts[name], **part)
    cases[number] = replace(cases[number], parts=parts)
    return cases


def changed(number: int, **case) -> list[CaseFigures]:
    cases = cohort()
    cases[number] = replace(cases[number], **case)
    return cases


ODD = {
    "failed": changed(3, error="case_3.nii.gz does not exist.", parts={}),
    "empty": change(3, volume_ml=0.0),
    "volume": change(3, volume_ml=9.0),
    "asymmetry": change(3, volume_ml=9.0),
    "pieces": change(3, pieces=4, largest=0.6),
    "border": change(3, border=True),
    "certainty": change(3, certainty=0.6),
    "spacing": changed(3, spacing_mm=(1.0, 1.0, 5.0)),
    "modality": changed(3, modality="CT"),
    "warnings": changed(3, warnings=("The hippocampus has 9 ml.",)),
}


def test_a_cohort_of_like_cases_has_no_doubt():
    assert find_doubts(cohort()) == []


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_its_case_and_can_be_left_out(rule):
    doubts = [doubt for doubt in find_doubts(ODD[rule]) if doubt.rule == rule]
    assert {doubt.case for doubt in doubts} == {"case_3"}
    assert all(doubt.text.endswith((".", "%")) for doubt in doubts)
    assert not [doubt for doubt in find_doubts(ODD[rule], without=[rule]) if doubt.rule == rule]
    assert in_order_of_doubt(ODD[rule], doubts)[0].case == "case_3"


def test_sides_are_found_in_names_of_several_kinds():
    (doubt,) = [doubt for doubt in find_doubts(ODD["asymmetry"]) if doubt.rule == "asymmetry"]
    assert doubt.text.startswith("The hippocampus has 9 ml left and 3.3 ml right (robust z ")


def test_a_structure_that_is_in_pieces_in_most_cases_raises_no_doubt():
    cases = [CaseFigures(f"case_{n}", {"lesion": PartFigures(1.0, 5, 0.4, border=True)}) for n in range(8)]
    assert find_doubts(cases) == []


def test_an_empty_mask_is_one_doubt_and_not_one_for_each_structure():
    cases = changed(3, parts={name: PartFigures(0.0) for name in cohort()[0].parts})
    assert [(doubt.structure, doubt.text) for doubt in find_doubts(cases)] == [("", "The mask is empty.")]


def test_few_cases_have_no_distribution():
    assert robust_z([1.0, 2.0, 300.0]) == [0.0] * 3
    assert robust_z([1.0] * 9 + [5.0]) == [0.0] * 10
    assert find_doubts(ODD["volume"][2:5], without=["asymmetry"]) == []


def test_an_unknown_rule_is_refused():
    with pytest.raises(InputError, match="There is no rule 'size'"):
        find_doubts(cohort(), without=["size"])
    assert quality.FAR == 3.5
