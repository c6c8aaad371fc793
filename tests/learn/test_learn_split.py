"""Which cases a training learns from, where the data set says whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_attn.cases import ImageFile
from monai_attn.cases.labelled import LabelFile, LabelledCase, LabelledSet, Part
from monai_attn.labels import LabelTable
from monai_attn.learn.rows import split_of


def labelled(*cases: tuple[str, str, Part | None]) -> LabelledSet:
    """Cases of these names, patients and parts."""
    made = (
        LabelledCase(name, {"image": ImageFile(Path(name))}, LabelFile(Path(name)), part=part, patient=patient)
        for name, patient, part in cases
    )
    return LabelledSet("data", tuple(made), (), LabelTable.of_names({1: "liver"}))


@pytest.mark.parametrize("folds", [None, 3])
def test_all_cases_of_a_patient_go_to_one_part_and_one_fold(folds):
    found = labelled(*((f"case_{number:02}", f"patient_{number // 3}", None) for number in range(60)))
    split = split_of(found, [case.name for case in found], folds)
    for lists in ([split["train"], split["validation"], split["test"]], split.get("folds", [])):
        people = [{found[name].patient for name in names} for names in lists]
        assert sum(map(len, people)) == len(set().union(*people))
    assert sorted(name for part in ("train", "validation", "test") for name in split[part]) == [
        case.name for case in found
    ]
    assert all(split[part] for part in ("train", "validation", "test"))


def test_a_case_without_a_part_goes_where_its_patient_is():
    cases = [(f"t{number}", f"p{number}", "train") for number in range(8)]
    found = labelled(*cases, ("test", "x", "test"), ("later", "x", None), ("free", "", None))
    split = split_of(found, [case.name for case in found])
    assert split["test"] == ["later", "test"]
    assert "free" in split["train"] + split["validation"]


def test_cases_without_patients_are_dealt_one_by_one():
    found = labelled(*((f"case_{number:02}", "", None) for number in range(20)))
    split = split_of(found, [case.name for case in found])
    assert split["validation"] == ["case_00", "case_10"]
    assert split["test"] == ["case_01", "case_06", "case_11", "case_16"]
