"""What `learn` refuses before it reads a case, and names that it must take as they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from monai_attn.bundle.locate import shipped
from monai_attn.errors import BundleError, FileError, InputError, OverrideError
from monai_attn.labels import LabelTable
from monai_attn.learn import Now, learn
from monai_attn.learn.transfer import find_start
from monai_attn.learn.write import write_json


def no_reading(now: Now) -> None:
    raise AssertionError(f"{now.stage} has begun")


def learn_nothing(dataset: Path, output: Path, **options: Any) -> None:
    learn(dataset, output, minutes=10, progress=no_reading, **options)


@pytest.mark.parametrize("name", ["$print('run')", "@seed", "% stenosis"])
def test_a_structure_whose_name_a_config_would_run_or_replace_is_refused(phantoms: Path, tmp_path: Path, name: str):
    """The name of a structure in a `dataset.json` was run as Python by the training."""
    with pytest.raises(InputError, match=r"A structure is called .* would be run or replaced"):
        learn_nothing(phantoms, tmp_path / "new", labels=LabelTable.of_names({1: name, 2: "ball"}))
    with pytest.raises(InputError, match="The folder of the bundle is called"):
        learn_nothing(phantoms, tmp_path / name.replace("/", ""))
    assert not list(tmp_path.iterdir())


def test_a_bundle_to_begin_with_runs_nothing(tmp_path: Path):
    """Its normalisation and its grey values were written into the new train.json, and run with it."""
    run = "$__import__('os').system('true')"
    root = tmp_path / "other"
    shutil.copytree(shipped()["head_neck_ct"], root)
    find_start(root)
    plan = json.loads((root / "docs/plan.json").read_text())
    for spoilt in ({"_target_": "os.system"}, {"_target_": "NormalizeIntensityd", "subtrahend": run}):
        plan["normalisation"]["value"][0]["transforms"] = [spoilt]
        (root / "docs/plan.json").write_text(json.dumps(plan))
        with pytest.raises(BundleError, match="The bundle other would run"):
            find_start(root)
    (root / "docs/plan.json").unlink()
    config = json.loads((root / "configs/inference.json").read_text())
    config["network_def"]["norm"] = ["instance", {"affine": run}]
    (root / "configs/inference.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match="The bundle other would run"):
        find_start(root)


@pytest.mark.parametrize(
    ("key", "value"),
    [("roi_size", 48), ("roi_size", [48, 48]), ("augmentation::0::pairs", [1, 2]), ("augmentation#0#mirror", 0)],
)
def test_a_setting_of_another_form_is_refused_with_the_right_one(phantoms: Path, tmp_path: Path, key: str, value: Any):
    """It ended with a TypeError after all cases were read."""
    with pytest.raises(OverrideError, match=rf"--set {key}=.* is of another form than {key}=\["):
        learn_nothing(phantoms, tmp_path / "new", overrides={key: value})


@pytest.mark.parametrize(("key", "value"), [("batch_size", 0), ("pixdim", [0, 1, 1]), ("learning_rate", "abc")])
def test_a_setting_that_is_no_number_above_0_is_refused(phantoms: Path, tmp_path: Path, key: str, value: Any):
    """It ended in an error of torch, after all cases were read."""
    with pytest.raises(OverrideError, match=f"--set {key}=.* is of no use: it takes numbers above 0"):
        learn_nothing(phantoms, tmp_path / "new", overrides={key: value})


def test_a_part_that_cannot_be_made_is_named(phantoms: Path, tmp_path: Path):
    """It was an unexpected RuntimeError in module.py."""
    with pytest.raises(BundleError, match=r"The bundle new cannot begin its training.*nonsense"):
        learn(phantoms, tmp_path / "new", minutes=10, overrides={"curve::nonsense": 1})
    assert not (tmp_path / "new").exists()


def test_a_bundle_that_learn_did_not_make_has_no_training_to_resume(phantoms: Path):
    with pytest.raises(FileError, match="hippocampus_mri holds no training to resume"):
        learn_nothing(phantoms, shipped()["hippocampus_mri"], resume=True)


def test_a_folder_that_cannot_be_written_is_refused_before_the_cases_are_read(phantoms: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="lies in one"):
        learn_nothing(phantoms, tmp_path / "file" / "new")


def test_a_data_set_of_test_cases_alone_is_refused(phantoms: Path, tmp_path: Path):
    shutil.copytree(phantoms, tmp_path / "data")
    content = json.loads((phantoms / "dataset.json").read_text())
    content["training"] = [{**row, "part": "test"} for row in content["training"]]
    (tmp_path / "data/dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="All 8 cases of Two balls are said to be for the validation or the test"):
        learn_nothing(tmp_path / "data", tmp_path / "new")


def test_a_bundle_in_this_folder_is_called_after_it(phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`-o .` gave a bundle without a name."""
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    names = []

    def interrupt(now: Now) -> None:
        if now.stage == "measure":
            names.append(json.loads(Path("configs/metadata.json").read_text())["name"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(phantoms, ".", minutes=10, progress=interrupt)
    assert names == ["mine"]


def test_brackets_in_names_stay_as_they_are_in_json(tmp_path: Path):
    """A case called "ct [1 2]" was not found again: a list of numbers was put on one line within its name too."""
    content = {"train": ["ct [1 2]", 'a "[3,4]'], "pixdim": [1.5, 2.0]}
    write_json(tmp_path / "split.json", content)
    text = (tmp_path / "split.json").read_text()
    assert json.loads(text) == content
    assert '"pixdim": [1.5, 2.0]' in text
