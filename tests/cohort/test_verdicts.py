"""Verdicts of readers: kept beside the results, one file for each reader, and bound to the mask that was seen."""

from __future__ import annotations

from math import isnan

import pytest
from ones import Ones, make_cases

from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort.review import review_cohort
from monai_attn.cohort.verdicts import (
    Verdict,
    agreement_of,
    read_verdicts,
    reading_list,
    record_verdict,
    restore_verdict,
)
from monai_attn.errors import FileError, InputError


@pytest.fixture
def folder(tmp_path):
    recipe = Recipe(bundle="ones", output=tmp_path / "out")
    assert not any(row.error for row in run_cases(recipe, make_cases(tmp_path / "in", 3), Ones()))
    return recipe.output


def test_a_verdict_is_kept_and_the_case_leaves_the_list(folder):
    record_verdict(folder, "case_2", "accept")
    record_verdict(folder, "case_1", "fix")
    record_verdict(folder, "case_2", "reject")
    verdicts = read_verdicts(folder)
    assert {case: one.decision for case, one in verdicts.items()} == {"case_2": "reject", "case_1": "fix"}
    assert reading_list(review_cohort(folder), verdicts) == ["case_3"]


def test_a_second_reader_is_blind_to_the_first(folder):
    record_verdict(folder, "case_1", "accept", "anna")
    assert read_verdicts(folder, "ben") == {}
    assert read_verdicts(folder) == {}
    record_verdict(folder, "case_1", "reject", "ben")
    assert read_verdicts(folder, "anna")["case_1"].decision == "accept"


def test_a_mask_that_changed_is_to_be_read_again(folder):
    record_verdict(folder, "case_1", "fix")
    (folder / "case_1_seg.nii.gz").write_bytes(b"corrected")
    assert read_verdicts(folder) == {}


def test_a_decision_is_taken_back(folder):
    first = record_verdict(folder, "case_1", "accept")
    other = record_verdict(folder, "case_2", "reject")
    record_verdict(folder, "case_1", "fix")
    restore_verdict(folder, "case_1", first)
    assert read_verdicts(folder) == {"case_1": first, "case_2": other}
    restore_verdict(folder, "case_1", None)
    assert read_verdicts(folder) == {"case_2": other}


def test_what_cannot_be_decided_is_refused(folder):
    with pytest.raises(InputError, match="'maybe' is no decision"):
        record_verdict(folder, "case_1", "maybe")
    with pytest.raises(FileError, match="case_9 has no mask"):
        record_verdict(folder, "case_9", "accept")
    with pytest.raises(InputError):
        record_verdict(folder, "case_1", "accept", "../anna")
    (folder / "review.json").write_text('{"verdicts": [1]}')
    with pytest.raises(FileError, match=r"review.json is damaged"):
        read_verdicts(folder)


def test_kappa_is_cohens():
    """20 accepted by both, 15 rejected by both, 5 and 10 apart: observed 0.7, expected 0.5, kappa 0.4."""
    pairs = [("accept",) * 2] * 20 + [("accept", "reject")] * 5 + [("reject", "accept")] * 10 + [("reject",) * 2] * 15
    one, other = ({str(n): Verdict(str(n), pair[who]) for n, pair in enumerate(pairs)} for who in (0, 1))
    found = agreement_of(one, other)
    assert (found.cases, found.observed, found.kappa, len(found.differ)) == (50, 0.7, pytest.approx(0.4), 15)
    assert isnan(agreement_of({}, other).kappa)
    same = {"a": Verdict("a", "accept")}
    assert isnan(agreement_of(same, same).kappa)
