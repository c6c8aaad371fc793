"""Which cases a training learns from, where the data set says whose they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monai_attn.cases import ImageFile, SplitRecord
from monai_attn.cases.labelled import LabelFile, LabelledCase, LabelledSet, Part, find_labelled
from monai_attn.errors import InputError, LabelError
from monai_attn.io import write
from monai_attn.labels import LabelTable
from monai_attn.learn.result import _scored
from monai_attn.learn.rows import part_cases, split_of
from monai_attn.volume import Volume


def labelled(*cases: tuple[str, str, Part | None]) -> LabelledSet:
    """Cases of these names, patients and parts."""
    made = (
        LabelledCase(name, {"image": ImageFile(Path(name))}, LabelFile(Path(name)), part=part, patient=patient)
        for name, patient, part in cases
    )
    return LabelledSet("data", tuple(made), (), LabelTable.of_names({1: "liver"}))


def write_table(folder: Path, said: Sequence[str], columns: str = "") -> None:
    """A table of cases c00, c01 and so on. `said` is what stands in a row behind its files, in these `columns`."""
    rows = [f"case,image,label{columns}"]
    for number, more in enumerate(said):
        (folder / f"{number}.nii.gz").touch()
        write(Volume(np.ones((2, 2, 2), np.uint8)), folder / f"{number}_seg.nii.gz")
        rows.append(f"c{number:02},{number}.nii.gz,{number}_seg.nii.gz{more}")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")


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


def test_a_train_json_on_other_data_keeps_their_parts_and_patients(tmp_path):
    said = [f",p{number // 2},{'test' if number < 4 else ''}" for number in range(12)]
    write_table(tmp_path, said, columns=",patient,part")
    (tmp_path / "split.json").write_text('{"train": ["x"], "validation": ["y"], "test": ["z"]}')
    parts = {
        part: {row["case"] for row in part_cases(tmp_path / "cases.csv", tmp_path / "split.json", part)}
        for part in ("train", "validation", "test")
    }
    assert parts["test"] == {"c00", "c01", "c02", "c03"}
    assert parts["validation"] == {"c04", "c05"}  # both cases of one patient
    assert len(parts["train"]) == 6


def test_the_folds_of_a_train_json_hold_out_other_cases_of_other_data_too(tmp_path):
    """Each fold had learned from the same cases of a data set that the split does not list."""
    write_table(tmp_path, [""] * 6)
    split = {"train": ["x"], "validation": ["y"], "test": [], "folds": [["x"], ["y"]]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    held = []
    for fold in (0, 1):
        train, validation = (
            {row["case"] for row in part_cases(tmp_path / "cases.csv", tmp_path / "split.json", part, fold=fold)}
            for part in ("train", "validation")
        )
        assert not train & validation
        held.append(validation)
    assert not held[0] & held[1]


def test_other_data_whose_structures_have_other_values_are_refused(tmp_path):
    """Evaluated with another data set, a bundle was scored as if its spleen were the liver of the data set."""
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        write(Volume(np.ones((2, 2, 2), np.uint8)), tmp_path / "data" / kind / "a.nii.gz")
    (tmp_path / "data/labels.json").write_text('{"labels": {"1": "Liver", "2": "spleen"}}')
    split = tmp_path / "split.json"
    split.write_text('{"train": ["x"], "validation": ["y"], "test": []}')
    assert len(part_cases(tmp_path / "data", split, "all")) == 1  # no bundle
    for names, refused in ((("spleen", "liver"), True), (("liver", "spleen"), False), (("kidney", "aorta"), False)):
        labels = [{"value": value, "name": name} for value, name in enumerate(names, start=1)]
        (tmp_path / "metadata.json").write_text(json.dumps({"labels": labels}))
        if refused:
            with pytest.raises(LabelError, match=r"data has 'Liver' as structure 1, and the bundle has it as 2\. Give"):
                part_cases(tmp_path / "data", split, "all")
        else:
            assert len(part_cases(tmp_path / "data", split, "all")) == 1
    (tmp_path / "metadata.json").write_text(
        '{"labels": [{"value": 2, "name": "liver"}, {"value": 1, "name": "spleen"}]}'
    )
    split.write_text('{"train": ["a"], "validation": [], "test": []}')  # its own data, renamed with --labels
    assert len(part_cases(tmp_path / "data", split, "all")) == 1


def test_cases_of_one_image_without_a_patient_go_to_one_part(tmp_path):
    """Of two masks that two people drew on one image one could be learned from, and the other scored as unseen."""
    rows = ["case,image,label"]
    for number in range(12):
        (tmp_path / f"{number}.nii.gz").touch()
        for reader in "ab":
            write(Volume(np.ones((2, 2, 2), np.uint8)), tmp_path / f"{number}_{reader}.nii.gz")
            rows.append(f"{reader}{number:02},{number}.nii.gz,{number}_{reader}.nii.gz")
    (tmp_path / "cases.csv").write_text("\n".join(rows) + "\n")
    found = find_labelled(tmp_path / "cases.csv")
    split = split_of(found, [case.name for case in found])
    numbers = [{name[1:] for name in split[part]} for part in ("train", "validation", "test")]
    assert sum(map(len, numbers)) == 12
    assert all(numbers)


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


def test_cases_that_the_first_weights_have_seen_are_never_for_the_test():
    found = labelled(*((f"case_{number:02}", "", None) for number in range(20)))
    names = [case.name for case in found]
    before = SplitRecord(train=("case_01", "case_00"), validation=("case_06", "case_10"))
    split = split_of(found, names, before=before)
    assert {"case_00", "case_01", "case_06"} <= set(split["train"])
    assert split["test"] == ["case_11", "case_16"]
    assert split["validation"] == ["case_10"]  # chosen by once, and again
    everything = split_of(found, names, before=SplitRecord(train=tuple(names)))
    assert everything["test"] == []
    assert everything["validation"]
    alike = split_of(found, names)
    again = SplitRecord(train=tuple(alike["train"]), validation=tuple(alike["validation"]))
    assert split_of(found, names, before=again) == alike


def test_a_patient_with_most_of_the_cases_is_for_the_training():
    cases = [(f"a{number:02}", "anonymous", None) for number in range(97)]
    found = labelled(*cases, *((f"z{number}", "", None) for number in range(3)))
    split = split_of(found, [case.name for case in found])
    assert {name for name, *_ in cases} <= set(split["train"])
    assert split["validation"] == ["z0"]
    alone = labelled(*cases)
    split = split_of(alone, [case.name for case in alone])
    assert split["train"] == split["validation"]  # what was scored is then called seen


def test_more_folds_than_patients_are_refused():
    found = labelled(*((f"case_{number}", f"p{number // 2}", None) for number in range(8)))
    with pytest.raises(InputError, match="5 folds need as many patients, and there are 4 "):
        split_of(found, [case.name for case in found], 5)


RECORD = SplitRecord(train=("a", "b"), validation=("c",), before=("d",))


@pytest.mark.parametrize(
    ("test", "validation", "folds", "record", "expected"),
    [
        (["d", "e"], ["c"], [], RECORD, (["e"], "unseen")),
        (["d"], ["c"], [], RECORD, (["c"], "validation")),
        ([], ["c"], [], RECORD, (["c"], "validation")),
        ([], ["a"], [], RECORD, (["a"], "seen")),
        ([], ["c"], [["a", "c"], ["b"]], RECORD, (["c"], "seen")),  # a network of another fold learned from it
        (["e"], ["c"], [], replace(RECORD, complete=False), (["e"], "seen")),
        (["e"], ["c"], [], None, (["e"], "seen")),
    ],
)
def test_what_the_weights_know_of_the_cases_that_are_scored(test, validation, folds, record, expected):
    split = {"test": test, "validation": validation, "train": ["a", "b"], "folds": folds}
    assert _scored(split, record) == expected
