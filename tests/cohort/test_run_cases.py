"""Several cases: the next is read and the last is written while one is computed; each keeps its own error."""

from __future__ import annotations

import threading

import pytest
from ones import Ones, make_cases

from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort import run as run_module

PATIENCE_S = 20


@pytest.fixture
def cases(tmp_path):
    return make_cases(tmp_path / "in")


@pytest.fixture
def recipe(tmp_path):
    return Recipe(bundle="ones", output=tmp_path / "out")


@pytest.fixture
def seen(monkeypatch):
    """Events: the case of this number has been read, or has been saved."""
    read, save = run_module.read_images, run_module.save_case
    events = {(what, number): threading.Event() for what in ("read", "saved") for number in range(1, 6)}

    def watched_read(files, *args, **options):
        images = read(files, *args, **options)
        events["read", int(files["image"].path.name[5])].set()
        return images

    def watched_save(recipe, case, *args):
        saved = save(recipe, case, *args)
        events["saved", int(case.name[5])].set()
        return saved

    monkeypatch.setattr(run_module, "read_images", watched_read)
    monkeypatch.setattr(run_module, "save_case", watched_save)
    return events


def test_the_next_case_is_read_and_the_last_one_saved_while_one_is_computed(cases, recipe, seen):
    def during(number: int) -> None:
        if number < 5:
            assert seen["read", number + 1].wait(PATIENCE_S)
        if number > 1:
            assert seen["saved", number - 1].wait(PATIENCE_S)
        assert not seen["saved", number].is_set()
        if number < 4:  # no further ahead: three cases are in memory
            assert not seen["read", number + 2].is_set()

    rows = list(run_cases(recipe, cases, Ones(during)))
    assert [(row.case, row.error) for row in rows] == [(f"case_{number}", "") for number in range(1, 6)]
    assert [row.volume_ml["one"] for row in rows] == pytest.approx([0.006 * number for number in range(1, 6)])
    assert all(path.exists() for row in rows for path in row.files)


def test_a_case_that_cannot_be_read_or_written_keeps_its_error_and_the_others_go_on(cases, recipe):
    cases[1].source.write_bytes(b"no image")
    recipe.output.mkdir()
    (recipe.output / "case_4_seg.nii.gz").write_bytes(b"somebody's")
    rows = list(run_cases(recipe, cases, Ones()))
    assert [row.case for row in rows] == [case.name for case in cases]
    assert [bool(row.error) for row in rows] == [False, True, False, True, False]
    assert "case_2" in rows[1].error
    assert "case_4_seg.nii.gz" in rows[3].error
    assert (recipe.output / "case_4_seg.nii.gz").read_bytes() == b"somebody's"
    assert rows[2].volume_ml["one"] == pytest.approx(0.018)


def test_cancelling_ends_at_that_case_and_what_was_being_written_is_whole(cases, recipe):
    def stop(case, windows: int, _: int | None) -> None:
        assert case.name == f"case_{windows}"
        if windows == 3:
            raise KeyboardInterrupt

    threads = threading.active_count()
    rows: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        rows.extend(row.case for row in run_cases(recipe, cases, Ones(), stop))
    assert rows == ["case_1"]
    assert sorted(path.name for path in recipe.output.glob("*.nii.gz")) == ["case_1_seg.nii.gz", "case_2_seg.nii.gz"]
    assert threading.active_count() == threads


def test_no_case_gives_no_row(recipe):
    assert list(run_cases(recipe, [], Ones())) == []
