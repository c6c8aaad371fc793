"""A rerun goes on where the last one ended: done is skipped, half is done again, what is not ours is left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ones import Ones, make_cases

from monai_attn import Box, Volume, read, write
from monai_attn.backends.execution import Execution
from monai_attn.cohort import Recipe, done_cases, run_cases, survey
from monai_attn.cohort.recipe import named_labels
from monai_attn.cohort.run import CaseRun
from monai_attn.errors import FileError, InputError
from monai_attn.io.digest import sha256
from monai_attn.results import files_digest
from monai_attn.results.record import is_broken

ENDS = ["nii.gz", "csv", "json"]


@pytest.fixture
def cases(tmp_path):
    return make_cases(tmp_path / "in", 3)


@pytest.fixture
def recipe(tmp_path):
    return Recipe(bundle="ones", output=tmp_path / "out")


def run(recipe, cases, **made) -> dict[str, str]:
    """What came of each case in a word, or its error."""
    segmenter = Ones(**made)
    rows = list(run_cases(recipe, cases, segmenter))
    assert segmenter.number == sum(not row.error and not row.done for row in rows)
    return {row.case: row.error or ("done" if row.done else "made") for row in rows}


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def mask(recipe) -> Path:
    return recipe.output / "case_1_seg.nii.gz"


def test_what_is_there_is_done_and_not_touched(cases, recipe):
    assert set(run(recipe, cases[:2]).values()) == {"made"}
    before = everything(recipe.output)
    assert done_cases(recipe, cases, Ones().parts) == ["case_1", "case_2"]
    assert list(run(recipe, cases).values()) == ["done", "done", "made"]
    assert {name: one for name, one in everything(recipe.output).items() if name in before} == before
    assert set(run(replace(recipe, overwrite=True), cases).values()) == {"made"}


@pytest.mark.parametrize("lost", [[end] for end in ENDS] + [["csv", "json"], ["nii.gz", "json"], ["nii.gz", "csv"]])
def test_a_case_that_lacks_files_is_done_again(cases, recipe, lost):
    run(recipe, cases)
    for end in lost:
        (recipe.output / f"case_1_seg.{end}").unlink()
    expected = "exists already" if "json" in lost and "nii.gz" not in lost else "made"  # such a mask may be anybody's
    assert expected in run(recipe, cases)["case_1"]
    assert run(recipe, cases)["case_2"] == "done"


@pytest.mark.parametrize("damage", [b"", None])
def test_a_mask_that_is_empty_or_cut_off_is_done_again(cases, recipe, damage):
    run(recipe, cases)
    mask(recipe).write_bytes(mask(recipe).read_bytes()[:40] if damage is None else damage)
    assert run(recipe, cases) == {"case_1": "made", "case_2": "done", "case_3": "done"}


@pytest.mark.parametrize("bytes_left", [0, 40, 500])
def test_a_record_that_is_empty_or_cut_off_is_done_again(cases, recipe, bytes_left):
    run(recipe, cases)
    record = recipe.output / "case_1_seg.json"
    record.write_bytes(record.read_bytes()[:bytes_left])
    assert run(recipe, cases) == {"case_1": "made", "case_2": "done", "case_3": "done"}


def test_a_mask_that_somebody_changed_is_left_alone(cases, recipe):
    run(recipe, cases)
    before = read(mask(recipe))
    write(Volume(1 - before.array, before.affine), mask(recipe), overwrite=True)
    corrected = mask(recipe).read_bytes()
    assert run(recipe, cases)["case_1"].startswith("case_1_seg.nii.gz was changed after it was written")
    assert mask(recipe).read_bytes() == corrected
    assert run(replace(recipe, overwrite=True), cases)["case_1"] == "made"


@pytest.mark.parametrize(
    ("made", "word"),
    [
        ({"bundle": "twos"}, "bundle"),
        ({"bundle_version": "2"}, "bundle version"),
        ({"weights_sha256": "1"}, "weights"),
        ({"config_sha256": "1"}, "config"),
        ({"scripts_sha256": "1"}, "scripts, names of labels or finder"),
        ({"overrides": {"inferer::overlap": 0.5}}, "overrides"),
    ],
)
def test_a_case_that_was_segmented_otherwise_is_left_alone_and_said(cases, recipe, made, word):
    run(recipe, cases)
    before = everything(recipe.output)
    for error in run(recipe, cases, **made).values():
        assert error == (
            f"The case was segmented otherwise ({word}). The results are left as they are; --redo stale segments the "
            "case again."
        )
    assert everything(recipe.output) == before
    found = survey(recipe, cases, Ones(**made).parts)
    assert (list(found.stale), found.sentence) == ([case.name for case in cases], "3 stale, 0 to do.")
    again = replace(recipe, redo="stale")
    assert set(run(again, cases, **made).values()) == {"made"}
    assert set(run(again, cases, **made).values()) == {"done"}


def test_a_table_that_is_cut_off_is_not_said_to_be_changed_alone(cases, recipe):
    run(recipe, cases)
    table = recipe.output / "case_1_seg.csv"
    table.write_text(table.read_text()[:60])
    assert run(recipe, cases)["case_1"] == (
        "case_1_seg.csv was changed after it was written, or is cut off. It is left as it is; --overwrite segments the "
        "case again."
    )


def test_a_mask_that_a_person_saved_without_compression_is_left_alone(cases, recipe):
    run(recipe, cases)
    written = recipe.output / "hand.nii"
    write(read(mask(recipe)), written)
    written.replace(mask(recipe))  # some programs write so under the ending .nii.gz
    before = everything(recipe.output)
    assert "case_1_seg.nii.gz was changed" in run(recipe, cases)["case_1"]
    assert everything(recipe.output) == before


def test_a_mask_of_zeros_after_a_power_cut_is_made_again(cases, recipe):
    run(recipe, cases)
    mask(recipe).write_bytes(bytes(mask(recipe).stat().st_size))
    assert run(recipe, cases)["case_1"] == "made"


def test_a_mask_that_may_not_be_read_counts_as_changed(tmp_path, monkeypatch):
    path = tmp_path / "case_1_seg.nii.gz"
    path.write_bytes(b"\x1f\x8bsomething")
    assert is_broken(path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert not is_broken(path)


def test_another_precision_that_was_asked_for_is_another_recipe(cases, recipe):
    asked = {"backend": "auto", "precision": "bf16"}
    run(recipe, cases, backend="openvino", precision="f32", asked=asked)  # bf16 was refused for these
    chosen = replace(recipe, execution=Execution(precision="int8"))
    assert all("segmented otherwise (precision)" in error for error in run(chosen, cases).values())
    for name in ("bf16", "f32", "auto"):
        again = replace(recipe, execution=Execution(precision=name))
        assert set(run(again, cases).values()) == {"done"}
    other = replace(recipe, execution=Execution(backend="torch"))
    assert all("segmented otherwise (backend)" in error for error in run(other, cases).values())


def test_a_table_without_volumes_scaled_to_the_head_is_stale_where_these_are_asked_for(cases, recipe):
    scaled = replace(recipe, head_size=True)
    run(recipe, cases)
    assert "The case was segmented otherwise (head size)." in run(scaled, cases)["case_1"]
    assert run(replace(scaled, redo="stale"), cases[:1]) == {"case_1": "made"}
    assert run(scaled, cases[:1]) == run(recipe, cases[:1]) == {"case_1": "done"}


def test_another_region_is_another_recipe(cases, recipe):
    run(recipe, cases)
    other = replace(recipe, region=Box((0, 0, 0), (3, 3, 3)))
    assert all("segmented otherwise (region)" in error for error in run(other, cases).values())


def test_an_image_that_was_copied_is_the_same_and_another_image_is_not(cases, recipe):
    run(recipe, cases)
    again = cases[0].source
    shutil.copyfile(again, again.with_suffix(".copy"))
    again.with_suffix(".copy").rename(again)
    os.utime(again, (1, 1))
    assert done_cases(recipe, cases, Ones().parts) == ["case_2", "case_3"]  # to be read first
    assert run(recipe, cases)["case_1"] == "done"
    shutil.copyfile(cases[1].source, again)
    assert run(recipe, cases)["case_1"].startswith("The images have changed since the case was segmented")
    assert run(replace(recipe, redo="stale"), cases) == {"case_1": "made", "case_2": "done", "case_3": "done"}


def test_redo_all_leaves_what_a_person_changed(cases, recipe):
    run(recipe, cases)
    before = read(mask(recipe))
    write(Volume(1 - before.array, before.affine), mask(recipe), overwrite=True)
    for redo in ("stale", "all"):
        assert "was changed after it was written" in run(replace(recipe, redo=redo), cases)["case_1"]
    assert run(replace(recipe, redo="all"), cases)["case_2"] == "made"


def test_another_word_for_redo_is_refused(recipe):
    with pytest.raises(InputError, match="redo='broken' is not known"):
        replace(recipe, redo="broken")


def test_a_record_without_the_digest_of_the_config_is_not_stale(cases, recipe):
    run(recipe, cases)
    record = recipe.output / "case_1_seg.json"
    content = json.loads(record.read_text())
    del content["provenance"]["config_sha256"], content["provenance"]["scripts_sha256"]
    record.write_text(json.dumps(content))
    assert run(recipe, cases)["case_1"] == "done"


def test_a_result_that_is_asked_for_now_is_made_and_one_that_is_not_stays(cases, recipe, monkeypatch):
    monkeypatch.setattr("monai_attn.cohort.output._page", lambda *args: "<html>")  # noqa: ARG005
    run(recipe, cases)
    assert run(replace(recipe, report=True), cases[:1]) == {"case_1": "made"}
    assert (recipe.output / "case_1_report.html").is_file()
    assert run(replace(recipe, maps=("entropy",)), cases[:1]) == {"case_1": "made"}
    assert not (recipe.output / "case_1_report.html").exists()  # it would belong to the former mask
    assert run(replace(recipe, maps=("entropy",)), cases[:1]) == {"case_1": "done"}
    assert run(recipe, cases[:1]) == {"case_1": "done"}


def test_results_of_an_earlier_version_without_hashes_are_done(cases, recipe):
    run(recipe, cases)
    record = recipe.output / "case_1_seg.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({key: content[key] for key in ("notice", "labels", "provenance")}))
    assert run(recipe, cases)["case_1"] == "done"


@pytest.mark.parametrize("text", ["mine", "{}", '{"labels": []}'])
@pytest.mark.parametrize("end", ENDS)
def test_files_of_somebody_else_are_left_alone(cases, recipe, end, text):
    recipe.output.mkdir()
    (recipe.output / f"case_1_seg.{end}").write_text(text)
    assert f"case_1_seg.{end} exists already" in run(recipe, cases)["case_1"]
    assert (recipe.output / f"case_1_seg.{end}").read_text() == text


def test_a_case_that_another_process_finished_meanwhile_is_done(cases, recipe):
    other = []

    def during(number: int) -> None:
        if number == 1:  # without a claim, as an earlier version or a script does
            run, segmenter = CaseRun(recipe, cases[0]), Ones()
            run.read(segmenter)
            run.segment(segmenter)
            other.append(run.finish())

    rows = list(run_cases(recipe, cases, Ones(during)))
    assert [row.done for row in other] == [False]
    assert [(row.error, row.done) for row in rows] == [("", True), ("", False), ("", False)]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ones import Ones, make_cases
from monai_attn.cohort import Recipe, run_cases
root = Path(sys.argv[1])
cases, recipe = make_cases(root / "in", 24), Recipe(bundle="ones", output=root / "out")
slowly = Ones(lambda number: time.sleep(0.02))  # five cases at most before the end of any child, on any machine
chance, kills = random.Random(7), 0
while True:
    after = chance.uniform(0.01, 0.1) if kills < 20 else 0
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, after)  # its signal ends the child at once: it has no handler
        rows = list(run_cases(recipe, cases, slowly))
        os._exit(any(row.error for row in rows))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != -signal.SIGALRM:
        print(code, kills)
        break
    kills += 1
"""


def test_a_run_that_is_killed_again_and_again_gives_each_case_one_whole_result(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
    code, kills = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert (code, int(kills) > 3) == ("0", True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"case_{number}_seg.{end}" for number in range(1, 25) for end in ENDS}
    for record in (tmp_path / "out").glob("*.json"):
        files = json.loads(record.read_text())["files"]
        assert files == {name: sha256(record.with_name(name)) for name in files}
        assert len(files) == 2


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_the_files_behind_links_count(tmp_path):
    """A case counted as done where the slices that its links lead to had been replaced."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "1.dcm").write_bytes(b"old")
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "1.dcm").symlink_to(tmp_path / "store" / "1.dcm")
    (tmp_path / "case" / "more").symlink_to(tmp_path / "store")
    before = files_digest({"image": tmp_path / "case"})
    (tmp_path / "store" / "1.dcm").write_bytes(b"newer")
    assert files_digest({"image": tmp_path / "case"}) != before


def test_a_computer_whose_clock_is_behind_that_of_its_files_does_every_case_again(cases, recipe, monkeypatch):
    """--overwrite passed over cases whose records seemed younger than the run."""
    run(recipe, cases)
    behind = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: behind)
    assert set(run(replace(recipe, overwrite=True), cases).values()) == {"made"}


def test_labels_without_a_name_are_refused():
    with pytest.raises(InputError, match="name no structure"):
        named_labels(",")
    with pytest.raises(FileError, match=r"names\.TSV"):
        named_labels("names.TSV")


def test_a_picture_of_somebody_in_the_way_is_found_before_the_case_is_computed(cases, recipe):
    recipe.output.mkdir()
    (recipe.output / "case_1_seg.png").write_bytes(b"mine")
    found = run(replace(recipe, picture=True), cases[:1])
    assert "case_1_seg.png exists" in found["case_1"]
    assert not (recipe.output / "case_1_seg.nii.gz").exists()
    assert survey(replace(recipe, picture=True), cases[:1], Ones().parts).left == ("case_1",)
