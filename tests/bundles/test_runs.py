"""The bundles' workflows in processes of their own, from another working directory: what they write, how they fail."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from workbench import OBLIQUE, SHAPE, config, configs, image_names, monai_bundle, small_network

from monai_attn.cases import all_cases


@pytest.fixture(scope="module")
def trained(bundle, dataset, tmp_path_factory):
    """One epoch of training of a small network: the folder it wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("trained")
    done = monai_bundle(
        *("run", "--config_file", configs(bundle, "train"), "--dataset_dir", dataset, "--output_dir", "run"),
        *("--max_epochs", 1, "--val_interval", 1, "--save_interval", 1, "--tensorboard", "false"),
        *small_network(bundle),
        cwd=folder,
    )
    assert done.code == 0, done.text
    return folder / "run", done.text


def test_training_logs_its_loss_and_leaves_a_state_and_plain_weights(bundle, trained):
    folder, text = trained
    assert "Epoch 1 of 1: loss" in text
    left = {path.name for path in folder.iterdir()}
    if "BestWeights" in json.dumps(config(bundle, "train")):  # otherwise the last weights are the run's
        assert json.loads((folder / "best.json").read_text())["epoch"] == 1
        left.remove("best.json")
    if "LearningCurve" in json.dumps(config(bundle, "train")):
        left.remove("curve.json")
    assert left == {"model.pt", "split.json", "state_checkpoint_epoch=1.pt"}
    state = torch.load(folder / "state_checkpoint_epoch=1.pt", weights_only=True)
    weights = torch.load(folder / "model.pt", weights_only=True)
    assert weights.keys() == state["model"].keys()
    assert all(torch.equal(weights[name], value) for name, value in state["model"].items())


def test_training_goes_on_where_it_stopped_and_only_when_told_to(bundle, dataset, trained):
    folder, _ = trained
    again = ("run", "--config_file", configs(bundle, "train"), "--dataset_dir", dataset, "--output_dir", folder)
    again += ("--max_epochs", 2, "--val_interval", 2, "--save_interval", 1, *small_network(bundle))
    refused = monai_bundle(*again, cwd=folder.parent)
    assert refused.code != 0
    assert refused.last_line.startswith("FileError: run holds a run that reached epoch 1.")
    resumed = monai_bundle(*again, "--resume", "true", cwd=folder.parent)
    assert resumed.code == 0, resumed.text
    assert "Epoch 2 of 2: loss" in resumed.text
    assert "Epoch 1 of 2" not in resumed.text


KEPT_ASIDE = {
    "head_neck_ct": ["case_01", "case_06"],
    "hippocampus_mri": ["case_01"],
    "soft_tissue_sarcoma": ["case_00", "case_05"],
}
"""Of ten cases that a bundle's lists do not name: the test of the split that is made then, and fold 0 of 5."""


def evaluate(bundle, dataset, weights, folder, *overrides):
    return monai_bundle(
        *("run", "--config_file", configs(bundle, "train", "evaluate"), "--dataset_dir", dataset),
        *("--output_dir", "scores", "--weights", weights, *small_network(bundle), *overrides),
        cwd=folder,
    )


def rows_and_summary(folder: Path) -> tuple[list[dict[str, str]], dict[str, Any]]:
    with (folder / "scores.csv").open() as stream:
        return list(csv.DictReader(stream)), json.loads((folder / "summary.json").read_text())


def test_evaluation_scores_every_case_that_the_weights_have_not_seen(bundle, dataset, trained, tmp_path):
    done = evaluate(bundle, dataset, trained[0] / "model.pt", tmp_path)
    assert done.code == 0, done.text
    scores, summary = rows_and_summary(tmp_path / "scores")
    names, unseen = [label["name"] for label in config(bundle, "metadata")["labels"]], KEPT_ASIDE[bundle.name]
    assert [(row["case"], row["name"], row["seen"]) for row in scores] == [
        (case, name, "no") for case in unseen for name in names
    ]
    assert summary["cases"] == len(unseen)
    assert summary["labels"][names[0]]["dice"]["defined"] == len(unseen)
    assert summary["labels"][names[0]]["dice"]["mean"] == pytest.approx(
        np.mean([float(row["dice"]) for row in scores if row["name"] == names[0]])
    )
    assert summary["provenance"]["weights_sha256"]


def test_scores_of_seen_cases_are_marked_and_stay_out_of_the_summary(bundle, dataset, trained, tmp_path):
    done = evaluate(bundle, dataset, trained[0] / "model.pt", tmp_path, "--include_seen", "true")
    assert done.code == 0, done.text
    scores, summary = rows_and_summary(tmp_path / "scores")
    unseen = KEPT_ASIDE[bundle.name]
    assert {row["case"]: row["seen"] for row in scores} == {
        f"case_{number:02}": "no" if f"case_{number:02}" in unseen else "yes" for number in range(10)
    }
    assert (summary["cases"], summary["seen"]["cases"]) == (len(unseen), 10 - len(unseen))
    assert f"of {10 - len(unseen)} cases that training saw:" in done.text


def test_evaluation_refuses_weights_whose_cases_are_not_known(bundle, dataset, trained, tmp_path):
    (tmp_path / "model.pt").write_bytes((trained[0] / "model.pt").read_bytes())  # without the split beside it
    done = evaluate(bundle, dataset, "model.pt", tmp_path)
    assert done.code != 0
    assert done.last_line.startswith(
        "InputError: Which cases the weights model.pt have seen is not known: no split.json"
    )
    assert not (tmp_path / "scores").exists()


def test_a_training_that_begins_with_trained_weights_has_seen_their_cases(bundle, dataset, trained):
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "train.json"))
    given = {"bundle_root": str(bundle), "dataset_dir": str(dataset), "initial_weights": str(trained[0] / "model.pt")}
    for key, value in given.items():
        parser[key] = value
    parser["train_cases"] = [case for case in all_cases(dataset, image_names(bundle)) if case["case"] == "case_01"]
    record = parser.get_parsed_content("split_record")
    before = json.loads((trained[0] / "split.json").read_text())
    assert record.train == ("case_01",)
    assert set(record.before) == {*before["train"], *before["validation"]}
    assert record.complete


def overlap_of(bundle: Path) -> str:
    """The id of the windows' overlap in a bundle's inference.json, inside the mean over flips if there is one."""
    return "inferer::inferer::overlap" if "inferer" in config(bundle, "inference")["inferer"] else "inferer::overlap"


def test_inference_writes_masks_on_the_grid_of_the_images_and_says_what_made_them(bundle, dataset, tmp_path):
    done = monai_bundle(
        *("run", "--config_file", configs(bundle, "inference"), "--dataset_dir", dataset / "few"),
        *("--output_dir", "masks", f"--{overlap_of(bundle)}", 0.25),
        cwd=tmp_path,
    )
    assert done.code == 0, done.text
    names = [f"case_0{number}_seg.{suffix}" for number in (1, 2) for suffix in ("json", "nii.gz")]
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == names
    mask = nib.load(tmp_path / "masks" / "case_01_seg.nii.gz")
    assert mask.shape == SHAPE
    assert mask.get_data_dtype() == np.uint8
    assert np.allclose(mask.affine, OBLIQUE, atol=1e-5)
    made_by = json.loads((tmp_path / "masks" / "case_01_seg.json").read_text())
    assert made_by["bundle"] == bundle.name
    assert made_by["overrides"] == {overlap_of(bundle): 0.25}
    if len(image_names(bundle)) > 1:
        assert made_by["images"] == image_names(bundle)
        assert made_by["missing"] == []


NO_FOLDER = "FileError: dataset_dir 'nowhere' is not a folder. Set it with --dataset_dir."
REFUSED = {
    "a wrong path": ("inference", {"dataset_dir": "nowhere"}, NO_FOLDER),
    "a wrong path in training": (
        "train",
        {"dataset_dir": "nowhere"},
        (NO_FOLDER, "FileError: nowhere does not exist. Name the folder or the table of your labelled cases."),
    ),
    "an empty list": ("inference", {"dataset_dir": "."}, "InputError: No "),  # image, or case
    "missing weights": ("inference", {"weights": "gone.pt"}, "FileError: The weights gone.pt do not exist."),
    "unknown overrides": (
        "inference",
        {"datasetdir": ".", "inferer::overlapp": 0.5},
        "OverrideError: Nothing in the bundle's config is called 'inferer::overlapp' (did you mean inferer::",
    ),
    "an unknown override in a plain dictionary": (
        "train",
        {"train::max_epochs": 5},
        "OverrideError: Nothing in the bundle's config is called 'train::max_epochs' (did you mean max_epochs",
    ),
    "several processes without torchrun": ("train multi_gpu_train", {}, "InputError: multi_gpu_train.json runs in"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_run_fails_loudly_with_our_sentence_last(bundle, tmp_path, what):
    names, overrides, sentence = REFUSED[what]
    given = [part for key, value in overrides.items() for part in (f"--{key}", value)]
    done = monai_bundle(
        *("run", "--config_file", configs(bundle, *names.split()), "--output_dir", tmp_path / "out", *given),
        cwd=tmp_path,
    )
    assert done.code != 0
    assert done.last_line.startswith(sentence), done.last_line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_processes_train_as_one(bundle, dataset, tmp_path):
    done = monai_bundle(
        *("--standalone", "--nproc_per_node=2", "-m", "monai.bundle", "run"),
        *("--config_file", configs(bundle, "train", "multi_gpu_train"), "--dataset_dir", dataset),
        *("--output_dir", "run", "--max_epochs", 1, "--val_interval", 1, "--save_interval", 1),
        *small_network(bundle),
        cwd=tmp_path,
        launcher=("torch.distributed.run",),
    )
    assert done.code == 0, done.text
    assert done.text.count("Epoch 1 of 1: loss") == 1  # the first process speaks and writes, the second is silent
    assert done.text.count("Saved checkpoint") == 1
    assert (tmp_path / "run" / "model.pt").is_file()
