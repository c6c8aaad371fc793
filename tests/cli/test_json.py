"""`--json`: stdout holds JSON alone, words go to stderr; every command that prints a table has it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from monai_attn import Segmentation, Volume, write
from monai_attn.cli.main import build_parser, main
from monai_attn.io.phantom import GRIDS, TABLE, ct_phantom

TABLES = (
    "segment",
    "learn",
    "measure",
    "compare",
    "cohort",
    "followup",
    "convert",
    "info",
    "bundles",
    "network",
    "demo",
)


@pytest.fixture(scope="module")
def organs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organs")
    write(ct_phantom(*GRIDS["ct_phantom"])[1], folder / "organs.nii.gz", table=TABLE)
    return folder / "organs.nii.gz"


def answer(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


@pytest.mark.parametrize("command", TABLES)
def test_every_command_that_prints_a_table_has_json(command):
    (commands,) = (action for action in build_parser()._actions if action.dest == "command")
    assert "--json" in commands.choices[command]._option_string_actions


def test_measurements_are_printed_and_not_written(capsys, organs):
    content, words = answer(capsys, "measure", organs, "--json", "-")
    assert {row["name"] for row in content["rows"]} >= {"liver", "spleen"}
    assert content["notice"] == "Research use only; not a medical device."
    assert "liver" in words
    assert [path.name for path in organs.parent.iterdir()] == ["organs.nii.gz"]


def test_scores_are_printed(capsys, organs):
    content, _ = answer(capsys, "compare", organs, organs, "--json", "-")
    assert {row["dice"] for row in content["rows"]} == {1.0}
    assert content["files"] == {"prediction": "organs.nii.gz", "reference": "organs.nii.gz"}


def test_conversions_name_their_files_and_labels(capsys, organs, tmp_path):
    content, _ = answer(capsys, "convert", organs, tmp_path / "organs.nrrd", "--json")
    (made,) = content["files"]
    assert made["file"].endswith("organs.nrrd")
    assert Segmentation.load(tmp_path / "organs.nrrd").table.to_json() == made["labels"]


def test_lesions_over_time_are_rows(capsys, organs, tmp_path):
    pytest.importorskip("matplotlib")
    table = tmp_path / "visits.csv"
    table.write_text(f"patient,session,mask\np1,1,{organs}\np1,2,{organs}\n", encoding="utf-8")
    content, _ = answer(capsys, "followup", table, "--lesion", "lesion", "-o", tmp_path / "out", "--json")
    assert [row["when"] for row in content["rows"]] == ["1", "2"]


def test_a_command_that_fails_prints_no_json(capsys, tmp_path):
    write(Volume(np.zeros((4, 4, 4), np.uint8)), tmp_path / "empty.nii.gz")
    assert main(["measure", str(tmp_path / "empty.nii.gz"), "--json", "-"]) == 2
    assert capsys.readouterr().out == ""


def test_a_segmentation_is_a_case_with_files_volumes_and_warnings(capsys, tmp_path):
    noise = np.random.default_rng(5).normal(100, 20, (36, 50, 36)).astype(np.float32)
    write(Volume(noise), tmp_path / "crop.nii.gz")
    command = [
        "segment",
        tmp_path / "crop.nii.gz",
        "-b",
        "hippocampus_mri",
        "-o",
        tmp_path / "out",
        "--quiet",
        "--json",
    ]
    content, words = answer(capsys, *command, "--backend", "torch")
    (case,) = content["cases"]
    assert case["case"] == "crop"
    assert case["files"][0].endswith("crop_seg.nii.gz")
    assert set(case["volume_ml"]) == {"anterior hippocampus", "posterior hippocampus"}
    assert "crop" in words
