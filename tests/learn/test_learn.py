"""Labelled cases in, a bundle out: it is complete, it finds the structures, and every way in uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run_module
from monai.bundle import ConfigWorkflow

from monai_attn import Segmenter
from monai_attn.cases import split_record_of
from monai_attn.errors import FileError, InputError, OverrideError
from monai_attn.learn import Learned, Now, learn

SMALL = {"network_def::channels": [8, 16, 32], "network_def::strides": [2, 2], "network_def::kernel_sizes": [3, 3, 3]}
"""A network of seconds: the plan's own is for minutes."""


@pytest.fixture(scope="module")
def learned(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, list[Now]]:
    seen: list[Now] = []
    output = tmp_path_factory.mktemp("learned") / "two_balls"
    return learn(phantoms, output, minutes=0.6, overrides=SMALL, progress=seen.append), seen


@pytest.mark.slow
def test_a_training_of_seconds_finds_the_structures(learned: tuple[Learned, list[Now]]) -> None:
    result, seen = learned
    assert result.finished
    assert result.mean_dice > 0.5
    assert list(dict.fromkeys(now.stage for now in seen)) == [
        *("read", "plan", "measure", "train", "score", "describe")
    ]
    assert any(now.point and now.point.mean_dice for now in seen)


@pytest.mark.slow
def test_the_bundle_is_complete_and_unknown_cases_are_unseen(learned: tuple[Learned, list[Now]]) -> None:
    root = learned[0].bundle
    record = split_record_of(root / "models" / "model.pt")
    split = json.loads((root / "configs" / "split.json").read_text())
    assert record is not None
    assert {record.has_seen(name) for name in split["test"]} == {"no"}
    assert {record.has_seen(name) for name in split["train"]} == {"yes"}
    card = (root / "docs" / "README.md").read_text(encoding="utf-8")
    assert "Research use" in card
    assert "left ball" in card
    for kind, files in {"train": ["train"], "infer": ["inference"]}.items():
        paths = [str(root / "configs" / f"{name}.json") for name in files]
        workflow = ConfigWorkflow(paths, workflow_type=kind, logging_file=False, output_dir="unused")
        workflow.initialize()
        assert workflow.check_properties() == []
        workflow.finalize()


@pytest.mark.slow
def test_monai_bundle_run_segments_as_the_segmenter_does(learned, phantoms, tmp_path) -> None:
    root = learned[0].bundle
    config = root / "configs" / "inference.json"
    arguments = ("--config_file", config, "--dataset_dir", phantoms / "images", "--output_dir", tmp_path)
    run_module("monai.bundle", "run", *arguments, cwd=tmp_path, check=True)
    (mask, *_) = sorted(tmp_path.glob("*_seg.nii.gz"))
    from monai_attn import read

    name = mask.name.removesuffix("_seg.nii.gz")
    mine = Segmenter.from_bundle(root, trust=True, backend="torch")(phantoms / "images" / f"{name}.nii.gz")
    assert (read(mask).array == mine.labels.array).all()


def test_no_time_a_full_folder_and_nothing_to_resume_are_refused(phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time"):
        learn(phantoms, tmp_path / "new", minutes=0)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(FileError, match="not empty"):
        learn(phantoms, tmp_path)
    with pytest.raises(FileError, match="no training to resume"):
        learn(phantoms, tmp_path / "new", resume=True)


def test_an_override_of_nothing_is_refused_before_the_training(phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(OverrideError, match="roi_sise"):
        learn(phantoms, tmp_path / "new", overrides={"roi_sise": [8, 8, 8]})
