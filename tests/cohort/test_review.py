"""A folder of results as tables and a page: odd cases first, with pictures, links and reasons."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import pytest
from ones import Ones, make_cases

from monai_attn.cli.main import main
from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort.review import check_page, doubts_of, review_cohort, write_review
from monai_attn.errors import FileError
from monai_attn.measure import from_csv


@pytest.fixture
def folder(tmp_path):
    """Six cases with pictures: five of about the same volume, and case_1 of a single voxel."""
    cases = [case for case in make_cases(tmp_path / "in", 12) if int(case.name[5:]) in (1, 8, 9, 10, 11, 12)]
    recipe = Recipe(bundle="ones", output=tmp_path / "out", picture=True)
    assert not any(row.error for row in run_cases(recipe, cases, Ones()))
    return recipe.output


def test_the_odd_case_comes_first_with_picture_and_link(folder):
    (folder / "case_1_report.html").write_text("<html>")
    review = review_cohort(folder, failed={"case_99": "case_99.nii.gz is empty."})
    assert [case.case for case in review.cases][:2] == ["case_99", "case_1"]
    paths = write_review(folder, review)
    assert [path.name for path in paths] == ["cohort.csv", "cohort.json", "cohort.html"]
    page = (folder / "cohort.html").read_text()
    assert page.index("case_99.nii.gz is empty.") < page.index("The one has 0.006 ml")
    assert 'href="case_1_report.html"' in page
    assert page.count("Three planes of") >= 1
    assert "Applied: failed, empty, volume" in page
    rows = from_csv((folder / "cohort.csv").read_text())
    assert [row["case"] for row in rows][:2] == ["case_99", "case_1"]
    assert "volume" in rows[1]["rules"].split()
    content = json.loads((folder / "cohort.json").read_text())
    assert content["rules"]["volume"]
    assert content["doubts"][0]["case"] == "case_99"


def test_the_page_replaces_its_own_files_alone(folder):
    check_page(folder, [])
    write_review(folder, review_cohort(folder))
    check_page(folder, [])
    table = folder / "cohort.csv"
    with pytest.raises(FileError, match=r"cohort\.csv is an input"):
        check_page(folder, [table], overwrite=True)
    table.write_text("case,image\na,a.nii.gz\n")
    with pytest.raises(FileError, match=r"cohort\.csv exists and was not written by --cohort"):
        check_page(folder, [])
    check_page(folder, [], overwrite=True)


def test_the_doubts_come_from_the_page_while_it_is_younger_than_the_results(folder, monkeypatch):
    anew = doubts_of(folder)
    write_review(folder, review_cohort(folder))
    with monkeypatch.context() as patch:
        patch.setattr("monai_attn.cohort.review.review_cohort", None)
        assert doubts_of(folder) == anew
    record = folder / "case_9_seg.json"
    os.utime(record, ns=(time.time_ns() + 10**9,) * 2)
    write_review(folder, replace(review_cohort(folder), doubts=()), overwrite=True)
    os.utime(record, ns=(time.time_ns() + 10**9,) * 2)
    assert doubts_of(folder) == anew


def test_a_rule_that_is_left_out_is_said(folder):
    without = ("volume", "border")
    review = review_cohort(folder, without=without)
    assert {doubt.rule for doubt in review.doubts} & set(without) == set()
    write_review(folder, review, without=without)
    assert "Left out: volume, border." in (folder / "cohort.html").read_text()


def test_the_certainty_of_the_record_counts(folder):
    """As `segment` writes it: by the value of the label."""
    record = folder / "case_9_seg.json"
    content = json.loads(record.read_text())
    content["provenance"]["certainty"] = {"1": 0.4}
    record.write_text(json.dumps(content))
    review = review_cohort(folder)
    assert [doubt.case for doubt in review.doubts if doubt.rule == "certainty"] == ["case_9"]
    assert {row["case"]: row["certainty"] for row in review.rows()}["case_9"] == 0.4


def test_a_mask_that_cannot_be_read_is_a_doubt(folder):
    (folder / "case_1_seg.nii.gz").write_bytes(b"")
    review = review_cohort(folder)
    assert (review.cases[0].case, review.doubts[0].rule) == ("case_1", "failed")


def test_the_command_writes_the_page_and_replaces_it_when_asked(folder, capsys):
    assert main(["cohort", str(folder)]) == 0
    assert "6 cases, " in capsys.readouterr().out
    assert main(["cohort", str(folder)]) == 2
    assert "cohort.csv exists" in capsys.readouterr().err
    assert main(["cohort", str(folder), "--overwrite", "--without", "volume"]) == 0
    assert main(["cohort", str(folder), "--overwrite", "--without", "size"]) == 2
    assert "There is no rule 'size'" in capsys.readouterr().err


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(FileError, match="holds no results"):
        review_cohort(tmp_path)


def test_a_picture_is_a_file_of_the_case(folder):
    record = json.loads((folder / "case_1_seg.json").read_text())
    assert set(record["files"]) == {"case_1_seg.nii.gz", "case_1_seg.csv", "case_1_seg.png"}
    assert (folder / "case_1_seg.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "case_1_seg.png").stat().st_size < 50_000


def test_a_finished_case_is_not_segmented_again_for_its_picture(tmp_path):
    cases, recipe = make_cases(tmp_path / "in", 2), Recipe(bundle="ones", output=tmp_path / "out")
    list(run_cases(recipe, cases, Ones()))
    assert all(row.done for row in run_cases(replace(recipe, picture=True), cases, Ones()))
    page = write_review(recipe.output, review_cohort(recipe.output, failed={"x": "No."}))[-1]
    assert page.is_file()
