"""Whatever goes wrong with a case is a row of that case; the others go on. Only cancelling stops the run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ones import Ones, make_cases

from monai_attn import dicom_export
from monai_attn.cases import find_cases
from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort import output as output_module
from monai_attn.cohort import run as run_module
from monai_attn.errors import Cancelled, FileError


class PanicException(BaseException):
    """As of a library in Rust: no subclass of `Exception`."""


FOREIGN = [
    KeyError("xyzt_units"),
    ValueError("Doe^Jane"),
    StopIteration(),
    RecursionError("deep"),
    MemoryError(),
    OSError(28, "No space left on device"),
    UnicodeDecodeError("ascii", b"\xe9", 0, 1, "ordinal"),
    PanicException("Doe^Jane"),
]


@pytest.fixture
def cases(tmp_path):
    return make_cases(tmp_path / "in", 3)


@pytest.fixture
def recipe(tmp_path):
    return Recipe(bundle="ones", output=tmp_path / "out")


def errors_of(recipe, cases, segmenter=None) -> dict[str, str]:
    return {row.case: row.error for row in run_cases(recipe, cases, segmenter or Ones())}


def assert_only_case_2_failed(errors: dict[str, str], folder: Path) -> None:
    assert [bool(error) for error in errors.values()] == [False, True, False]
    assert "Doe" not in errors["case_2"]
    there = {path.name for path in folder.iterdir()}
    assert there == {f"case_{number}_seg.{end}" for number in (1, 3) for end in ("nii.gz", "csv", "json")}


def throw(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_a_case_that_cannot_be_segmented_is_a_row(cases, recipe, error):
    errors = errors_of(recipe, cases, Ones(lambda number: throw(error) if number == 2 else None))
    assert_only_case_2_failed(errors, recipe.output)


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_a_case_that_cannot_be_read_is_a_row(cases, recipe, error, monkeypatch):
    read = run_module.read_images
    second = "case_2.nii.gz"
    monkeypatch.setattr(
        run_module,
        "read_images",
        lambda files, *args, **more: throw(error) if files["image"].path.name == second else read(files, *args, **more),
    )
    assert_only_case_2_failed(errors_of(recipe, cases), recipe.output)


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_a_case_that_cannot_be_measured_or_written_is_a_row(cases, recipe, error, monkeypatch):
    commit = output_module.commit
    monkeypatch.setattr(
        output_module,
        "commit",
        lambda files, **more: throw(error) if next(iter(files)).name.startswith("case_2") else commit(files, **more),
    )
    assert_only_case_2_failed(errors_of(recipe, cases), recipe.output)


def test_odd_files_in_a_folder_are_rows_or_results(cases, recipe):
    folder = cases[0].source.parent
    (folder / "dangling.nii.gz").symlink_to(folder / "nowhere.nii.gz")
    (folder / "circle.nii.gz").symlink_to(folder / "circle.nii.gz")
    (folder / f"{'x' * 243}.nii.gz").write_bytes(cases[0].source.read_bytes())
    Path(os.fsdecode(os.fsencode(folder) + b"/\xe9.nii.gz")).write_bytes(cases[0].source.read_bytes())
    (folder / "empty.nii.gz").touch()
    (folder / "noise.nii.gz").write_bytes(b"\x1f\x8b" + bytes(300))
    found = find_cases([folder])
    errors = errors_of(recipe, found)
    failed = {case for case, error in errors.items() if error}
    assert failed == {"circle", "dangling", "empty", "noise"}
    assert errors["dangling"] == "dangling.nii.gz is a link to a file that is not there."
    assert not any("Unexpected" in error for error in errors.values())
    assert len(list(recipe.output.glob("*_seg.json"))) == 5


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), Cancelled("stop")])
def test_cancelling_stops_the_run(cases, recipe, error):
    with pytest.raises(type(error)):
        errors_of(recipe, cases, Ones(lambda number: throw(error) if number == 2 else None))
    assert not (recipe.output / "case_3_seg.json").exists()


@pytest.mark.parametrize("error", [RuntimeError("stop"), PanicException("stop")])
def test_whatever_the_progress_callback_raises_stops_the_run(cases, recipe, error):
    rows = run_cases(recipe, cases, Ones(), lambda _, number, __: throw(error) if number == 2 else None)
    with pytest.raises(type(error)):
        list(rows)


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_what_cannot_be_written_as_dicom_does_not_lose_the_mask(cases, tmp_path, monkeypatch, error):
    def half(*args, **more) -> None:
        args[3].write_bytes(b"half")
        raise error

    monkeypatch.setattr(dicom_export, "write_dicom_seg", half)
    monkeypatch.setattr("monai_attn.cohort.plan.is_dicom", lambda path: True)  # noqa: ARG005
    (row,) = run_cases(Recipe(bundle="ones", output=tmp_path / "out", dicom_seg=True), cases[:1], Ones())
    assert row.error.startswith("case_1_seg.dcm was not written: ")
    assert row.error.endswith("The other files of the case are there.")
    assert sorted(path.name for path in row.files) == ["case_1_seg.csv", "case_1_seg.json", "case_1_seg.nii.gz"]
    assert sorted((tmp_path / "out").iterdir()) == sorted(row.files)


def test_an_image_that_a_table_names_and_that_is_missing_is_a_row_of_its_case(cases, tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text(f"case,image\ngone,nowhere.nii.gz\nhere,{cases[0].source}\n")
    gone, here = run_cases(Recipe(bundle="ones", output=tmp_path / "out"), find_cases([table]), Ones())
    assert (gone.error, gone.files) == ("nowhere.nii.gz does not exist.", ())
    assert here.error == ""


def test_a_report_that_cannot_be_drawn_does_not_lose_the_mask(cases, tmp_path, monkeypatch):
    monkeypatch.setattr(output_module, "_page", lambda *args: throw(KeyError("font")))  # noqa: ARG005
    recipe = Recipe(bundle="ones", output=tmp_path / "out", report=True)
    (row,) = run_cases(recipe, cases[:1], Ones())
    assert row.error.startswith("case_1_report.html was not written: ")
    assert (tmp_path / "out" / "case_1_seg.nii.gz").is_file()
    monkeypatch.undo()
    monkeypatch.setattr(output_module, "_page", lambda *args: "<html>")  # noqa: ARG005
    (row,) = run_cases(recipe, cases[:1], Ones())
    assert (row.error, row.done) == ("", False)
    assert (tmp_path / "out" / "case_1_report.html").read_text() == "<html>"


def test_an_old_dicom_file_does_not_stay_beside_a_new_mask(cases, tmp_path, monkeypatch):
    monkeypatch.setattr("monai_attn.cohort.plan.is_dicom", lambda path: True)  # noqa: ARG005
    monkeypatch.setattr(dicom_export, "write_dicom_seg", lambda *args, **more: args[3].write_bytes(b"old"))  # noqa: ARG005
    recipe = Recipe(bundle="ones", output=tmp_path / "out", dicom_seg=True, overwrite=True)
    list(run_cases(recipe, cases[:1], Ones()))
    monkeypatch.setattr(dicom_export, "write_dicom_seg", lambda *args, **more: throw(FileError("no")))  # noqa: ARG005
    list(run_cases(recipe, cases[:1], Ones()))
    assert not (tmp_path / "out" / "case_1_seg.dcm").exists()
