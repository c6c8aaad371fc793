"""Which cases some weights have seen: written beside them, found again, and never taken from other weights."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from monai_attn.bundle import find_bundle
from monai_attn.cases import (
    SplitRecord,
    all_cases,
    begin_record,
    join_records,
    save_record,
    split_record_of,
    training_record,
    unseen_cases,
    unseen_of,
)
from monai_attn.errors import FileError, InputError
from monai_attn.io.digest import sha256


def rows(names: str) -> list[dict[str, str]]:
    return [{"case": name, "image": f"{name}.nii.gz"} for name in names]


def names(cases: list[dict[str, str]]) -> str:
    return "".join(case["case"] for case in cases)


def save(path: Path, record: SplitRecord | None, content: bytes = b"weights") -> Path:
    """Weights with their record, as `save_weights` leaves them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name("temporary")
    temporary.write_bytes(content)
    if record is not None:
        save_record(record, path, sha256(temporary))
    temporary.rename(path)
    return path


def test_only_cases_that_neither_taught_nor_chose_the_weights_are_unseen(tmp_path):
    weights = save(tmp_path / "model.pt", training_record(rows("ab"), rows("c")))
    assert names(unseen_of(rows("dcba"), weights)) == "d"
    assert names(unseen_of(rows("dcba"), weights, include_seen=True)) == "dcba"
    with pytest.raises(InputError, match=r"All 3 cases were used in the training of model\.pt; none is unseen"):
        unseen_of(rows("cba"), weights)


def test_without_a_record_of_these_weights_nothing_is_called_unseen(tmp_path):
    weights = save(tmp_path / "model.pt", training_record(rows("ab")))
    save(tmp_path / "other" / "model.pt", None)
    weights.write_bytes(b"other weights, put in their place")
    for path in (weights, tmp_path / "other" / "model.pt"):
        assert split_record_of(path) is None
        with pytest.raises(InputError, match=r"not known: no split\.json beside them .*--include_seen true"):
            unseen_of(rows("ab"), path)
    with pytest.raises(FileError, match=r"The weights gone\.pt do not exist"):
        split_record_of(tmp_path / "gone.pt")


def test_a_record_goes_with_its_weights_into_a_bundle(tmp_path):
    weights = save(tmp_path / "run" / "model.pt", training_record(rows("ab")))
    models = tmp_path / "bundle" / "models"
    models.mkdir(parents=True)
    (models.parent / "configs").mkdir()
    (models / "model.pt").write_bytes(weights.read_bytes())
    assert split_record_of(models / "model.pt") is None
    for place in (models / "split.json", models.parent / "configs" / "split.json"):
        place.write_bytes((tmp_path / "run" / "split.json").read_bytes())
        assert split_record_of(models / "model.pt") == split_record_of(weights)
        place.unlink()


def test_several_weights_in_a_folder_each_have_their_record(tmp_path):
    for fold, cases in enumerate(("ab", "cd")):
        save(tmp_path / f"fold{fold}.pt", training_record(rows(cases)), bytes([fold]))
    first, second = (split_record_of(tmp_path / f"fold{fold}.pt") for fold in range(2))
    assert first is not None
    assert second is not None
    assert (first.train, second.train) == (("a", "b"), ("c", "d"))
    joined = join_records([tmp_path / "fold0.pt", tmp_path / "fold1.pt"])
    assert (joined.train, joined.complete) == (("a", "b", "c", "d"), True)
    assert not join_records([tmp_path / "fold0.pt", save(tmp_path / "x" / "fold1.pt", None)]).complete


def test_what_the_weights_saw_with_which_a_training_began_is_seen_as_well(tmp_path):
    first = save(tmp_path / "1" / "model.pt", training_record(rows("ab"), rows("c")))
    second = save(tmp_path / "2" / "model.pt", training_record(rows("de"), initial_weights=first), b"2")
    third = save(tmp_path / "3" / "model.pt", training_record(rows("f"), initial_weights=second), b"3")
    assert names(unseen_of(rows("abcdefg"), third)) == "g"


def test_weights_that_began_with_weights_of_unknown_cases_have_seen_who_knows_what(tmp_path, caplog):
    first = save(tmp_path / "1" / "model.pt", None)
    with caplog.at_level(logging.WARNING):
        record = training_record(rows("a"), initial_weights=first)
    assert "Which cases model.pt has seen is not known" in caplog.text
    weights = save(tmp_path / "2" / "model.pt", record, b"2")
    with pytest.raises(InputError, match=r"they began with weights that have no split\.json"):
        unseen_of(rows("ab"), weights)
    assert [record.has_seen(case) for case in "ab"] == ["yes", "unknown"]


def test_a_resumed_training_keeps_what_it_saw_before_and_a_new_one_does_not(tmp_path):
    begin_record(training_record(rows("a")), tmp_path)
    resumed = training_record(rows("b"))
    begin_record(resumed, tmp_path, resume=True)
    weights = save(tmp_path / "model.pt", resumed)
    assert names(unseen_of(rows("abc"), weights)) == "c"
    begin_record(training_record(rows("c")), tmp_path)
    assert json.loads((tmp_path / "split.json").read_text())["train"] == ["c"]


def test_a_crash_between_record_and_weights_leaves_a_record_that_fits(tmp_path):
    record = training_record(rows("ab"))
    weights = save(tmp_path / "model.pt", record)
    save_record(record, weights, "0" * 64)  # and the new weights never come
    found = split_record_of(weights)
    assert found is not None
    assert replace(found, weights_sha256=()) == record


def test_the_rows_of_a_data_set_are_named_by_case_or_by_file():
    dataset = SimpleNamespace(data=[{"case": "a", "t1": "x/t1.nii.gz"}, {"t1": "scans/trunk.nii.gz"}])
    assert training_record(dataset).train == ("a", "trunk")


def test_names_that_differ_in_capital_letters_are_one_case():
    assert training_record(rows("A")).has_seen("a") == "yes"


def test_the_shipped_weights_know_their_cases(shared_data):
    hippocampus = find_bundle("hippocampus_mri") / "models" / "model.pt"
    unseen = unseen_of(all_cases(shared_data / "hippocampus"), hippocampus)
    split = json.loads((find_bundle("hippocampus_mri") / "configs" / "split.json").read_text())
    assert [case["case"] for case in unseen] == sorted(split["test"])
    sarcoma = find_bundle("soft_tissue_sarcoma") / "models" / "model.pt"
    with pytest.raises(InputError, match="All 41 cases were used in the training"):
        unseen_of(all_cases(shared_data / "soft_tissue_sarcoma", ("t1", "ct", "pet")), sarcoma)


def test_an_older_config_refuses_a_data_set_that_its_list_does_not_know(tmp_path):
    (tmp_path / "a.nii.gz").touch()
    row = {"image": "a.nii.gz", "label": "a.nii.gz"}
    (tmp_path / "dataset.json").write_text(json.dumps({"training": [row]}))
    (tmp_path / "split.json").write_text(json.dumps({"train": ["x"], "validation": [], "test": []}))
    with pytest.raises(InputError, match=r"split\.json lists no case of .*asks the split\.json beside the weights"):
        unseen_cases(tmp_path, tmp_path / "split.json")
