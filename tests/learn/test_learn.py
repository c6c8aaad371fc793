"""Labelled cases in, a bundle out: it is complete, it finds the structures, and every way in uses it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from commands import run_module
from ignite.engine import Engine
from monai.bundle import ConfigWorkflow

from monai_attn import Segmenter, read
from monai_attn.cases import split_record_of
from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import BundleError, FileError, InputError, OverrideError
from monai_attn.learn import Learned, Now, learn, planning
from monai_attn.learn.score import score_cases
from monai_attn.learn.trainings import seconds_left
from monai_attn.learn.workflow import measure_pace
from monai_attn.networks import NetworkMean
from monai_attn.training import TimedSchedule, read_curve

SMALL = {
    "network_def::channels": [8, 16, 32],
    "network_def::strides": [2, 2],
    "network_def::kernel_sizes": [3, 3, 3],
    "batch_size": 2,
    "epoch_steps": 20,
    "val_interval": 2,
}
"""A network of seconds: the plan's own is for minutes."""

STEPS = {**SMALL, "max_steps": 80, "ema_momentum": 0.1, "head_rate": 0.01}
"""So many steps, and the rates that the plan has for so few, whatever the speed of the computer."""


@pytest.fixture(scope="module")
def learned(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, list[Now]]:
    seen: list[Now] = []
    output = tmp_path_factory.mktemp("learned") / "two_balls"
    return learn(phantoms, output, minutes=10, overrides=STEPS, progress=seen.append), seen


def test_a_training_of_seconds_finds_the_structures(learned: tuple[Learned, list[Now]]) -> None:
    result, seen = learned
    assert result.finished
    assert result.mean_dice > 0.7
    stages = list(dict.fromkeys(now.stage for now in seen if now.stage != "check"))
    assert stages == ["read", "plan", "measure", "train", "score", "describe"]
    assert any(now.point and now.point.mean_dice for now in seen)


def test_the_bundle_is_complete_and_says_which_cases_its_weights_have_seen(learned: tuple[Learned, list[Now]]) -> None:
    root = learned[0].bundle
    record = split_record_of(root / "models" / "model.pt")
    split = json.loads((root / "configs" / "split.json").read_text())
    assert record is not None
    assert {record.has_seen(name) for name in split["test"]} == {"no"}
    assert {record.has_seen(name) for name in split["train"]} == {"yes"}
    card = (root / "docs" / "README.md").read_text(encoding="utf-8")
    assert "Research use" in card
    assert "| left ball |" in card
    assert {"plan.json", "scores.csv", "curve.png", "best.png", "worst.png"} <= {
        one.name for one in (root / "docs").iterdir()
    }


@pytest.mark.parametrize("files", [["train"], ["inference"], ["train", "evaluate"]], ids="-".join)
def test_no_property_of_a_bundle_is_missing(learned, phantoms, files, tmp_path) -> None:
    paths = [str(learned[0].bundle / "configs" / f"{name}.json") for name in files]
    places = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path / "new")}
    kind = "train" if files == ["train"] else "infer"
    workflow = ConfigWorkflow(paths, workflow_type=kind, logging_file=False, **places)
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.finalize()


def test_monai_bundle_run_segments_as_the_segmenter_does(learned, phantoms, tmp_path) -> None:
    root = learned[0].bundle
    config = root / "configs" / "inference.json"
    arguments = ("--config_file", config, "--dataset_dir", phantoms / "images", "--output_dir", tmp_path)
    run_module("monai.bundle", "run", *arguments, cwd=tmp_path, check=True)
    (mask, *_) = sorted(tmp_path.glob("*_seg.nii.gz"))
    name = mask.name.removesuffix("_seg.nii.gz")
    mine = Segmenter.from_bundle(root, trust=True, backend="torch")(phantoms / "images" / f"{name}.nii.gz")
    assert (read(mask).array == mine.labels.array).all()


def test_a_mask_that_lies_a_little_off_its_image_is_scored(learned, phantoms, tmp_path) -> None:
    root, shift = learned[0].bundle, 0.02 * 2.0  # 0.02 voxels: taken as one grid, with a warning
    for kind, name in (("images", "a.nii.gz"), ("labels", "a.nii.gz")):
        (tmp_path / kind).mkdir()
        stored = nib.load(phantoms / kind / "case_01.nii.gz")
        affine = stored.affine.copy()
        affine[0, 3] += shift if kind == "labels" else 0
        nib.save(nib.Nifti1Image(np.asarray(stored.dataobj), affine), tmp_path / kind / name)
    found = find_labelled(tmp_path)
    scores = score_cases(root, found.cases, found.labels, kind="unseen", deadline=time.monotonic())
    assert [row["dice"] > 0.7 for row in scores.rows] == [True, True]


@pytest.mark.slow
def test_evaluate_scores_the_cases_that_learn_scored(learned, phantoms, tmp_path) -> None:
    root = learned[0].bundle
    configs = str([str(root / "configs" / f"{name}.json") for name in ("train", "evaluate")])
    arguments = ("--config_file", configs, "--dataset_dir", phantoms, "--output_dir")
    done = run_module("monai.bundle", "run", *arguments, tmp_path / "scores", cwd=tmp_path, check=True)
    summary = json.loads((tmp_path / "scores" / "summary.json").read_text())
    assert summary["mean_dice"] == pytest.approx(learned[0].mean_dice, abs=0.005)
    assert summary["cases"] == (count := len(learned[0].scores.cases))
    assert re.findall(r"(\d+) of \d+, .*: mean Dice 0\.\d+", done.text) == [str(one + 1) for one in range(count)]
    assert done.text.count(" left\n") == count - 1
    validation = ("--part", "validation", "--include_seen", "true")
    run_module("monai.bundle", "run", *arguments, tmp_path / "seen", *validation, cwd=tmp_path, check=True)
    with (tmp_path / "seen" / "scores.csv").open() as stream:
        scores = list(csv.DictReader(stream))
    split = json.loads((root / "configs" / "split.json").read_text())
    assert {row["case"] for row in scores} == set(split["validation"])
    assert {row["seen"] for row in scores} == {"yes"}


@pytest.mark.slow
def test_the_metadata_and_the_network_fit(learned, tmp_path) -> None:
    root = learned[0].bundle
    metadata, config = root / "configs" / "metadata.json", root / "configs" / "inference.json"
    (schema,) = (root / "docs").glob("meta_schema*.json")
    run_module(
        "monai.bundle", "verify_metadata", "--meta_file", metadata, "--filepath", schema, cwd=tmp_path, check=True
    )
    checked = ("--net_id", "network_def", "--n", 2, "--config_file", config, "--meta_file", metadata)
    run_module("monai.bundle", "verify_net_in_out", *checked, cwd=tmp_path, check=True)


@pytest.mark.slow
def test_a_training_that_is_ended_leaves_a_bundle_and_goes_on_later(phantoms: Path, tmp_path: Path) -> None:
    asked: Iterator[bool] = iter([False] * 45 + [True] * 1000)
    output = tmp_path / "ended"
    ended = learn(phantoms, output, minutes=10, overrides=STEPS, wanted=lambda: next(asked))
    assert not ended.finished
    assert "ended before its time" in (output / "docs" / "README.md").read_text(encoding="utf-8")
    assert seconds_left(output, ended.plan.minutes) > 0
    steps = read_curve(output / "runs" / "train" / "curve.json")[-1].step
    with pytest.raises(InputError, match="keeps its folds"):
        learn(phantoms, output, resume=True, folds=2)
    with pytest.raises(InputError, match="keeps its minutes"):
        learn(phantoms, output, resume=True, minutes=20)
    other = tmp_path / "other"
    shutil.copytree(phantoms, other)
    content = json.loads((other / "dataset.json").read_text())
    content["training"] = [{**row, "id": f"other_{number}"} for number, row in enumerate(content["training"])]
    (other / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"of the cases with which the training began"):
        learn(other, output, resume=True)
    with pytest.raises(OverrideError, match="nonsense"):
        learn(phantoms, output, resume=True, overrides={"nonsense": 1})
    later = learn(phantoms, output, resume=True, overrides={"learning_rate": 0.01})
    assert json.loads((output / "configs" / "train.json").read_text())["learning_rate"] == 0.01
    assert later.plan.learning_rate == 0.01
    points = read_curve(output / "runs" / "train" / "curve.json")
    assert later.finished
    assert steps < points[-1].step == 80
    assert points[-1].seconds > points[0].seconds
    assert later.mean_dice > 0.7


@pytest.mark.slow
def test_folds_make_the_mean_of_their_networks(phantoms: Path, tmp_path: Path) -> None:
    output = tmp_path / "folds"
    result = learn(phantoms, output, minutes=10, folds=2, overrides=STEPS)
    segmenter = Segmenter.from_bundle(output, trust=True, backend="torch")
    assert isinstance(segmenter.parts.network, NetworkMean)
    assert len(segmenter.parts.network.networks) == 2
    assert result.mean_dice > 0.7
    configs = str([str(output / "configs" / f"{name}.json") for name in ("train", "evaluate")])
    arguments = ("--config_file", configs, "--dataset_dir", phantoms, "--output_dir", tmp_path / "scores")
    run_module("monai.bundle", "run", *arguments, cwd=tmp_path, check=True)  # as the model card says
    summary = json.loads((tmp_path / "scores" / "summary.json").read_text())
    assert summary["mean_dice"] == pytest.approx(result.mean_dice, abs=0.005)


@pytest.mark.slow
def test_a_training_begins_with_the_weights_of_another_bundle(learned, phantoms: Path, tmp_path: Path) -> None:
    first = learned[0]
    fewer = {**STEPS, "max_steps": 4, "epoch_steps": 4, "val_interval": 1}
    begun = learn(phantoms, tmp_path / "next", minutes=10, initial=first.bundle, overrides=fewer)
    assert begun.plan.initial == "two_balls"
    assert begun.plan.spacing_mm == first.plan.spacing_mm
    assert begun.mean_dice > 0.7  # four steps from nothing find no voxel
    record = split_record_of(begun.bundle / "models" / "model.pt")
    assert record is not None
    assert record.complete
    seen = json.loads((first.bundle / "configs" / "split.json").read_text())
    assert set(record.before) >= set(seen["train"])
    assert begun.scores.kind == "unseen"
    assert not {*begun.scores.cases} & {*seen["train"], *seen["validation"]}


@pytest.mark.slow
def test_several_images_on_their_own_grids_of_which_some_are_missing(two_images: Path, tmp_path: Path) -> None:
    result = learn(two_images, tmp_path / "several", minutes=10, overrides=STEPS)
    assert result.mean_dice > 0.6
    segmenter = Segmenter.from_bundle(result.bundle, trust=True, backend="torch")
    assert [one.name for one in segmenter.parts.inputs] == ["ct", "mr"]
    alone = segmenter({"ct": two_images / "images" / "case_01.nii.gz"})
    assert alone.labels.shape == (24, 24, 16)


@pytest.mark.slow
def test_data_that_do_not_fit_into_memory_are_kept_on_disk_and_taken_away(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monai_attn.learn.planning.available_bytes", lambda: 1000)
    result = learn(phantoms, tmp_path / "disk", minutes=10, overrides=STEPS)
    assert not result.plan.in_memory
    assert result.mean_dice > 0.7
    assert not list((tmp_path / "disk").rglob("prepared"))


@pytest.mark.slow
def test_the_command_ends_on_time(phantoms: Path, tmp_path: Path) -> None:
    sets = [word for key, value in SMALL.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    arguments = ("learn", phantoms, "-o", tmp_path / "timed", "--minutes", 0.8, *sets)
    done = run_module("monai_attn.cli.main", *arguments, cwd=tmp_path)
    assert done.code == 0, done.text
    assert "cases that the weights never saw" in done.text
    points = read_curve(tmp_path / "timed" / "runs" / "train" / "curve.json")
    assert points[-1].learning_rate < 0.001


def test_no_time_a_full_folder_and_nothing_to_resume_are_refused(phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time"):
        learn(phantoms, tmp_path / "new", minutes=0)
    with pytest.raises(InputError, match="1 folds"):
        learn(phantoms, tmp_path / "new", folds=1)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(FileError, match="not empty"):
        learn(phantoms, tmp_path)
    with pytest.raises(FileError, match="no training to resume"):
        learn(phantoms, tmp_path / "new", resume=True)


@pytest.mark.parametrize("there", [False, True], ids=["new folder", "empty folder"])
def test_what_ends_before_the_training_leaves_nothing(phantoms: Path, tmp_path: Path, *, there: bool) -> None:
    output = tmp_path / "bundle"
    if there:
        output.mkdir()

    def interrupt(now: Now) -> None:
        if now.stage == "measure":
            assert (output / "configs" / "train.json").is_file()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(phantoms, output, minutes=10, overrides=STEPS, progress=interrupt)
    assert output.is_dir() == there
    assert list(tmp_path.rglob("*")) == ([output] if there else [])


def test_ctrl_c_while_the_pace_is_measured_does_not_begin_the_training(
    learned: tuple[Learned, list[Now]], phantoms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = TimedSchedule._set_rate

    def pressed(schedule: TimedSchedule, engine: Engine) -> None:
        signal.raise_signal(signal.SIGINT)
        original(schedule, engine)

    monkeypatch.setattr(TimedSchedule, "_set_rate", pressed)
    with pytest.raises(KeyboardInterrupt):
        measure_pace(learned[0].bundle, phantoms, 1.0)


def test_an_override_of_nothing_and_a_bundle_of_nowhere_are_refused_before_the_training(
    phantoms: Path, tmp_path: Path
) -> None:
    with pytest.raises(OverrideError, match="roi_sise"):
        learn(phantoms, tmp_path / "new", overrides={"roi_sise": [8, 8, 8]})
    with pytest.raises(BundleError, match="no bundle"):
        learn(phantoms, tmp_path / "other", initial="nowhere")


def test_minutes_that_reading_would_use_up_are_refused(phantoms: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(planning, "LONG_READING", 0.0)
    monkeypatch.setattr(planning, "MOST_READING", 1e-6)
    with pytest.raises(InputError, match=r"To read and check 8 cases took .* Give 1 minutes or more, or fewer cases"):
        learn(phantoms, tmp_path / "bundle", minutes=0.2)
    assert not (tmp_path / "bundle").exists()
