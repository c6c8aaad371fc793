"""`monai-attn segment`, `info` and `bundles`, as a user meets them."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tiny_bundle import make_bundle

from monai_attn import Segmenter, Volume, read, write
from monai_attn.cli.main import main

WRITTEN = ["case_1_seg.csv", "case_1_seg.json", "case_1_seg.nii.gz"]
"""What one case gives."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundles") / "somebodys")


@pytest.fixture
def image(tmp_path):
    affine = np.diag([1.0, 1.2, 2.0, 1.0])
    affine[:3, 3] = (-10, 20, 30)
    noise = np.random.default_rng(1).normal(size=(20, 22, 12)).cumsum(axis=0)
    write(Volume(noise.astype(np.float32), affine), tmp_path / "case_1.nii.gz")
    return tmp_path / "case_1.nii.gz"


def segment(*arguments) -> int:
    return main(["segment", *map(str, arguments), "--quiet"])


def test_one_case_gives_a_mask_its_provenance_and_the_volumes(bundle, image, tmp_path, capsys):
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust") == 0
    printed = capsys.readouterr().out
    assert "case_1: " in printed
    assert "left thing" in printed
    assert " ml" in printed
    assert "Research use only" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN
    expected = Segmenter.from_bundle(bundle, trust=True)(image).labels
    np.testing.assert_array_equal(read(tmp_path / "out" / "case_1_seg.nii.gz").array, expected.array)
    record = json.loads((tmp_path / "out" / "case_1_seg.json").read_text())
    assert record["provenance"]["bundle"] == "somebodys"
    assert "not a medical device" in record["notice"]


def test_the_structures_are_measured_with_the_image_and_printed_from_the_same_rows(bundle, image, tmp_path, capsys):
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust") == 0
    printed = capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out" / "case_1_seg.csv").read_text().splitlines()))
    labels, source = read(tmp_path / "out" / "case_1_seg.nii.gz"), read(image)
    assert [row["name"] for row in rows] == ["left thing", "right thing"]
    for value, row in enumerate(rows, 1):
        mask = labels.array == value
        assert (row["case"], row["kind"], int(row["voxels"])) == ("case_1", "structure", np.count_nonzero(mask))
        assert float(row["volume_ml"]) == pytest.approx(np.count_nonzero(mask) * 2.4e-3)
        assert f"{float(row['volume_ml']):9.3f} ml" in printed
        if mask.any():
            assert float(row["intensity_mean"]) == pytest.approx(source.array[mask].mean(), rel=1e-5)


def test_the_cases_are_looked_through_and_a_table_that_is_read_is_not_replaced(bundle, image, tmp_path, capsys):
    arguments = "-b", bundle, "-o", tmp_path / "out", "--trust", "--cohort"
    assert segment(image, *arguments) == 0
    pages = {"cohort.csv", "cohort.html", "cohort.json"}
    assert pages <= {path.name for path in (tmp_path / "out").iterdir()}
    assert segment(image, *arguments) == 0  # again, over its own page
    table = tmp_path / "out" / "cohort.csv"
    table.write_text(f"case,image\ncase_1,{image}\n")
    before = table.read_text()
    assert segment(table, *arguments, "--overwrite") == 2
    assert "cohort.csv is an input" in capsys.readouterr().err
    assert table.read_text() == before


@pytest.mark.parametrize("name", WRITTEN)
def test_a_result_in_the_way_is_found_before_anything_is_segmented(bundle, image, tmp_path, capsys, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--dry-run") == 2
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust") == 2
    said = capsys.readouterr().err
    assert said.count(f"{name} exists already, without the record of a finished case") == 2
    assert "--overwrite" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_what_overwrite_never_replaces_is_found_before_anything_is_segmented(
    bundle, image, tmp_path, capsys, kind, extra, monkeypatch
):
    (tmp_path / "out").mkdir()
    place = tmp_path / "out" / "case_1_seg.csv"
    {"link": lambda: place.symlink_to(image), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[kind]()
    monkeypatch.setattr("monai_attn.cohort.run.CaseRun.segment", lambda *_: None)
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--overwrite", *extra) == 2
    assert (
        f"case_1_seg.csv is {'no plain file but a pipe' if kind == 'pipe' else f'a {kind}'}" in capsys.readouterr().err
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["case_1_seg.csv"]


def test_results_that_are_there_are_done_already_and_done_again_only_when_told(bundle, image, tmp_path, capsys):
    arguments = (image, "-b", bundle, "-o", tmp_path / "out", "--trust")
    assert segment(*arguments) == 0
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").iterdir()}
    capsys.readouterr()
    for extra in ([], ["--dry-run"]):
        assert segment(*arguments, *extra) == 0
        assert "case_1: done already -> " in capsys.readouterr().out
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").iterdir()} == before
    assert segment(*arguments, "--overwrite") == 0
    assert "done already" not in capsys.readouterr().out


def test_a_dry_run_takes_a_finished_case_as_done_also_where_the_image_would_be_refused(
    bundle, image, tmp_path, capsys, monkeypatch
):
    arguments = (image, "-b", bundle, "-o", tmp_path / "out", "--trust")
    assert segment(*arguments) == 0
    record = tmp_path / "out" / "case_1_seg.json"
    content = json.loads(record.read_text())
    content["provenance"]["warnings"] = ["It is blank."]
    record.write_text(json.dumps(content))
    capsys.readouterr()
    monkeypatch.setattr(Segmenter, "check", lambda *_, **__: pytest.fail("a finished case was checked again"))
    for extra in ([], ["--dry-run"]):
        assert segment(*arguments, *extra) == 0
        assert "case_1: done already -> " in (said := capsys.readouterr().out)
        assert "warning: It is blank." in said


def test_a_rerun_says_how_many_cases_are_done_and_does_the_others(bundle, image, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.nii.gz").write_bytes(image.read_bytes())
    arguments = (tmp_path / "in", "-b", bundle, "-o", tmp_path / "out", "--trust")
    assert segment(tmp_path / "in" / "b.nii.gz", *arguments[1:]) == 0
    capsys.readouterr()
    assert segment(*arguments) == 0
    printed = capsys.readouterr().out
    assert "1 done, 2 to do." in printed
    assert "b: done already" in printed
    assert printed.count(" s -> ") == 2
    assert segment(*arguments, "--set", "inferer::overlap=0.25") == 2
    said = capsys.readouterr().err
    assert (
        said.count("The case was segmented otherwise (overrides). The results are left as they are; --redo stale") == 3
    )
    (tmp_path / "out" / "a_seg.json").unlink()
    (tmp_path / "out" / "a_seg.csv").unlink()
    (tmp_path / "out" / "a_seg.nii.gz").unlink()
    assert segment(*arguments, "--set", "inferer::overlap=0.25") == 1


@pytest.mark.parametrize("output", ["FILE", "FILE/below", "/proc/nowhere"])
@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_an_output_that_cannot_be_written_is_found_before_anything_is_done(
    bundle, image, tmp_path, capsys, output, extra, monkeypatch
):
    (tmp_path / "taken").write_text("mine")
    monkeypatch.setattr("monai_attn.cohort.recipe.Recipe.segmenter", lambda _: pytest.fail("the bundle was opened"))
    output = output.replace("FILE", str(tmp_path / "taken"))
    assert segment(image, "-b", bundle, "-o", output, "--trust", *extra) == 2
    said = capsys.readouterr().err
    assert "is no folder" in said or "cannot be written to" in said
    assert len(said.splitlines()) == 1
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_case_without_its_dicom_file_has_its_mask_and_the_exit_code_1(bundle, image, tmp_path, capsys, monkeypatch):
    def fail(*args: object, **more: object) -> None:
        raise ValueError("20190229")

    monkeypatch.setattr("monai_attn.dicom_export.write_dicom_seg", fail)
    monkeypatch.setattr("monai_attn.cohort.plan.is_dicom", lambda _: True)
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--dicom-seg") == 1
    said = capsys.readouterr()
    assert "case_1_seg.dcm was not written: Unexpected ValueError" in said.err
    assert "2019" not in said.err
    assert "left thing" in said.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN


def test_a_case_gets_the_name_that_is_given(bundle, image, tmp_path, capsys):
    (tmp_path / "Doe_Jane").mkdir()
    image = image.rename(tmp_path / "Doe_Jane" / "Doe_Jane.nii.gz")
    arguments = (image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--report")
    assert segment(*arguments, "--case-name", "case_7") == 0
    said = capsys.readouterr()
    files = list((tmp_path / "out").iterdir())
    assert {path.name.partition("_seg")[0].partition("_report")[0] for path in files} == {"case_7"}
    texts = [path.read_text() for path in files if path.suffix != ".gz"]
    assert not any("Doe_Jane" in text for text in [*texts, said.out.replace(str(tmp_path), ""), said.err])


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", " "])
def test_a_name_that_cannot_name_files_is_refused(bundle, image, tmp_path, name):
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--case-name", name) == 2
    assert not (tmp_path / "out").exists()


def test_one_name_for_two_cases_is_refused(bundle, image, tmp_path, capsys):
    other = tmp_path / "other.nii.gz"
    other.write_bytes(image.read_bytes())
    assert segment(image, other, "-b", bundle, "-o", tmp_path / "out", "--trust", "--case-name", "x") == 2
    assert "There are 2 cases, and one name" in capsys.readouterr().err


def test_a_failed_case_does_not_stop_the_others_and_the_exit_code_is_1(bundle, image, tmp_path, capsys):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(image.read_bytes()[:300])
    assert segment(broken, image, "-b", bundle, "-o", tmp_path / "out", "--trust") == 1
    captured = capsys.readouterr()
    assert "broken: " in captured.err
    assert "1 of 2 cases failed" in captured.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN


def test_a_folder_of_images_is_a_case_each(bundle, image, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.nii.gz").write_bytes(image.read_bytes())
    assert segment(tmp_path / "in", "-b", bundle, "-o", tmp_path / "out", "--trust") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a_seg.csv", "a_seg.json", "a_seg.nii.gz", "b_seg.csv", "b_seg.json", "b_seg.nii.gz",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.nii.gz", "-b", "BUNDLE"], "nowhere.nii.gz does not exist"),
        (["IMAGE", "-b", "hippocampus_mir"], "There is no bundle 'hippocampus_mir'"),
        (["IMAGE", "-b", "BUNDLE", "--set", "inferer"], "An override is written key=value"),
        (["IMAGE", "-b", "BUNDLE", "--set", "infer::overlap=0.5"], "Did you mean inferer::overlap"),
        (["IMAGE", "-b", "BUNDLE", "--device", "abacus"], "Unknown device 'abacus'"),
        (["IMAGE", "-b", "BUNDLE", "--region=900,0,0,950,5,5"], "lies outside the image"),
    ],
)
def test_bad_use_is_said_exits_with_2_and_writes_nothing(bundle, image, tmp_path, capsys, arguments, message):
    arguments = [{"IMAGE": image, "BUNDLE": bundle}.get(argument, argument) for argument in arguments]
    assert segment(*arguments, "-o", tmp_path / "out", "--trust") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("region", ["1,2,3", "a,b,c,d,e,f", "5,0,0,1,1,1"])
def test_a_region_that_is_no_box_is_refused_by_the_parser(image, region, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        segment(image, "-b", "x", "-o", tmp_path / "out", f"--region={region}")
    assert stopped.value.code == 2
    assert "R0,A0,S0,R1,A1,S1 in mm" in capsys.readouterr().err


def test_two_inputs_of_one_name_are_refused_before_anything_runs(bundle, image, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "case_1.nii.gz").write_bytes(image.read_bytes())
    assert segment(image, tmp_path / "other", "-b", bundle, "-o", tmp_path / "out", "--trust") == 2
    assert "both be called 'case_1'" in capsys.readouterr().err


def test_an_image_that_is_called_like_the_mask_is_not_replaced_by_it(bundle, image, tmp_path, capsys):
    named = image.rename(tmp_path / "x_seg.nii.gz")
    before = named.read_bytes()
    arguments = ("-b", bundle, "-o", tmp_path, "--trust", "--case-name", "x", "--overwrite")
    for extra in ([], ["--dry-run"]):
        assert segment(named, *arguments, *extra) == 2
        assert "x: x_seg.nii.gz is an image of the case" in capsys.readouterr().err
    assert named.read_bytes() == before


def test_without_trust_a_foreign_bundle_is_refused(bundle, image, tmp_path, capsys):
    assert segment(image, "-b", bundle, "-o", tmp_path / "out") == 2
    assert "opening it runs its code" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(bundle, image, tmp_path, capsys):
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "20 x 22 x 12 voxels of 1 x 1.2 x 2 mm" in printed
    assert re.search(r"  \d+ patches, about .+ \(a guess before the first run\); about \d.\d GiB of memory\.", printed)
    assert "no result was written" in printed
    assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_the_windows_of_maps_and_refuses_those_that_the_run_would_refuse(
    bundle, image, tmp_path, capsys
):
    arguments = (image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--dry-run", "--json")
    seen = []
    for maps in ([], ["--maps", "flip_variance"]):
        assert segment(*arguments, *maps) == 0
        printed = capsys.readouterr()
        (case,) = json.loads(printed.out)["cases"]
        found = re.search(r"(\d+) patches", printed.err)
        seen.append((int(found[1]), case["seconds"], case["bytes"]))
    one, two = seen
    assert two[0] == 2 * one[0]
    assert all(more > less for less, more in zip(one, two, strict=True))
    assert segment(*arguments[:-1], "--maps", "certainty") == 2
    assert "Unknown map 'certainty'. Choose among attention, entropy" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_cancelling_leaves_nothing_half_written(bundle, tmp_path, how):
    volume = Volume(np.random.default_rng(2).normal(size=(160, 160, 160)).astype(np.float32))
    write(volume, tmp_path / "large.nii.gz")
    command = [sys.executable, "-m", "monai_attn.cli.main", "segment", tmp_path / "large.nii.gz", "-b", bundle]
    command += ["-o", tmp_path / "out", "--trust", "--set", "inferer::overlap=0.9", "--set", "inferer::sw_batch_size=1"]
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background has it ignored
    )
    time.sleep(12)  # past the imports, into thousands of windows
    assert process.poll() is None
    process.send_signal(how)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "cancelled" in said
    assert not (tmp_path / "out").exists()


def test_info_describes_a_file_and_a_bundle_without_running_it(bundle, image, capsys):
    assert main(["info", str(image)]) == 0
    printed = capsys.readouterr().out
    assert "20 x 22 x 12 voxels" in printed
    assert "RAS" in printed
    assert main(["info", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "0.0.1"


def test_info_of_nothing_is_an_error(tmp_path, capsys):
    assert main(["info", str(tmp_path / "nothing.nii.gz")]) == 2
    assert "nothing.nii.gz" in capsys.readouterr().err


def test_a_lone_case_takes_the_name_that_is_given(bundle, image, tmp_path, capsys):
    assert segment(image, "-b", bundle, "-o", tmp_path / "out", "--trust", "--case-name", "case_17") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"case_17_seg.nii.gz", "case_17_seg.json"}
    assert "case_1:" not in capsys.readouterr().out
