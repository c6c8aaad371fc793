"""`--json`: stdout holds JSON alone, words go to stderr; every command that ends by itself has it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from monai_attn import Segmentation, Volume, read, write
from monai_attn.cli.main import COMMANDS, build_parser, main
from monai_attn.io.phantom import GRIDS, TABLE, ct_phantom

SERVERS = {"mcp", "listen"}
"""Commands that run until they are stopped, and so have no results to print."""


@pytest.fixture(scope="module")
def organs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organs")
    write(ct_phantom(*GRIDS["ct_phantom"])[1], folder / "organs.nii.gz", table=TABLE)
    return folder / "organs.nii.gz"


def answer(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in SERVERS])
def test_every_command_that_ends_by_itself_has_json(command):
    (commands,) = (action for action in build_parser()._actions if action.dest == "command")
    assert "--json" in commands.choices[command]._option_string_actions


def test_measurements_are_printed_and_not_written(capsys, organs):
    content, words = answer(capsys, "measure", organs, "--json", "-")
    assert {row["name"] for row in content["rows"]} >= {"liver", "spleen"}
    assert content["notice"] == "Research use only; not a medical device."
    assert "liver" in words
    assert [path.name for path in organs.parent.iterdir()] == ["organs.nii.gz"]


def test_an_image_is_described_in_words_and_numbers(capsys, organs):
    content, _ = answer(capsys, "info", organs, "--json")
    image = read(organs)
    assert content["size"] == f"{' x '.join(map(str, image.shape))} voxels"
    assert content["shape"] == list(image.shape)
    assert content["spacing_mm"] == pytest.approx(image.spacing_mm)
    np.testing.assert_allclose(content["affine"], image.affine)


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
    assert content["errors"] == {}
    table.write_text(f"{table.read_text()}p2,1,bad.nii.gz\np2,2,{organs}\n", encoding="utf-8")
    (tmp_path / "bad.nii.gz").write_bytes(b"no mask")
    command = ("followup", table, "--lesion", "lesion", "-o", tmp_path / "out", "--overwrite", "--json")
    content, words = answer(capsys, *command, code=1)
    assert {row["patient"] for row in content["rows"]} == {"p1"}
    assert list(content["errors"]) == ["p2"]
    assert content["errors"]["p2"] in words


def test_a_report_names_its_file_and_the_cases_without_a_usable_mask(capsys, organs, tmp_path):
    pytest.importorskip("matplotlib")
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "good.nii.gz").symlink_to(organs)
    (masks / "bad.nii.gz").write_bytes(b"no mask")
    page = tmp_path / "page.html"
    content, words = answer(capsys, "report", "--cohort", masks, "-o", page, "--json", code=1)
    assert content["files"] == [str(page)]
    assert list(content["errors"]) == ["bad"]
    assert f"bad: {content['errors']['bad']}" in words


def test_the_json_is_the_same_in_the_encoding_of_every_console(capsys, tmp_path):
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[1:3] = 1
    write(Volume(labels), tmp_path / "mask.nii.gz")
    names = {"labels": [{"value": 1, "name": "L\u00e4sion \u0142"}]}
    (tmp_path / "mask.json").write_text(json.dumps(names), encoding="utf-8")
    assert main(["measure", str(tmp_path / "mask.nii.gz"), "--json", "-"]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert [row["name"] for row in json.loads(printed)["rows"]] == ["L\u00e4sion \u0142"]


def test_a_dry_run_tells_what_would_be_done_case_by_case(capsys, tmp_path):
    noise = np.random.default_rng(5).normal(100, 20, (36, 50, 36)).astype(np.float32)
    write(Volume(noise), tmp_path / "crop.nii.gz")
    (tmp_path / "text.nii.gz").write_bytes(b"no image")
    images = [tmp_path / "crop.nii.gz", tmp_path / "text.nii.gz"]
    command = ["segment", *images, "-b", "hippocampus_mri", "-o", tmp_path / "out", "--dry-run", "--json"]
    content, words = answer(capsys, *command, code=1)
    good, bad = content["cases"]
    assert (good["error"], good["done_before"], good["seconds"] > 0, good["bytes"] > 0) == ("", False, True, True)
    assert good["mask"] == str(tmp_path / "out" / "crop_seg.nii.gz")
    assert f"text: {bad['error']}" in words
    assert bad["seconds"] is None
    assert not (tmp_path / "out").exists()


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
