"""A tree of DICOM as an archive exports it: studies, the series of each, and which is taken, with reasons."""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from dicom_maker import save, slices_of
from pydicom.uid import generate_uid

from monai_attn.cases import (
    ImageInput,
    SeriesRules,
    choose_series,
    find_cases,
    find_images,
    find_studies,
    series_table,
    study_case,
)
from monai_attn.errors import FileError, InputError
from monai_attn.io import read
from monai_attn.volume import Volume

T1 = [ImageInput("image", "MR")]
SAGITTAL = np.array([[0, 0, 1.2, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])


def image(seed: int, slices: int = 8, affine: np.ndarray | None = None) -> Volume:
    array = np.random.default_rng(seed).integers(0, 900, (6, 7, slices)).astype(np.int16)
    return Volume(array, np.diag([0.9, 1.1, 3.0, 1.0]) if affine is None else affine)


def add(folder: Path, volume: Volume, study: str, *, number: int = 3, prefix: str = "IM", modality: str = "MR", **tags):
    """A series of a study among the files of a folder."""
    datasets = slices_of(volume, modality)
    for dataset in datasets:
        dataset.StudyInstanceUID, dataset.SeriesNumber = study, number
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
    save(folder, datasets, prefix)
    return datasets


@pytest.fixture
def export(tmp_path):
    """Two studies of which the files lie in one flat folder, and one in folders of its own."""
    one, two, three = (generate_uid() for _ in range(3))
    flat = tmp_path / "export" / "disk"
    add(flat, image(1), one, prefix="A", SeriesDescription="ax T1")
    add(flat, image(2, 2), one, number=1, prefix="B", SeriesDescription="scout", ImageType=["ORIGINAL", "LOCALIZER"])
    add(flat, image(3, 12, SAGITTAL), one, number=4, prefix="C", SeriesDescription="sag T1 MPRAGE")
    add(flat, image(4), two, prefix="D", SeriesDescription="ax T2")
    add(tmp_path / "export" / "p3" / "ct", image(5), three, modality="CT", SeriesDescription="thorax")
    (flat / "notes.txt").write_text("no DICOM")
    return tmp_path / "export"


def judged(study, inputs=T1, **rules):
    return {one.series.description: (one.image, one.why) for one in choose_series(study, inputs, rules)}


def find(folder, tmp_path):
    found = find_studies(folder, cache=tmp_path / "cache")
    return found, {next(iter(study.series)).description: study for study in found.studies}


def test_studies_are_found_whatever_the_folders_are_called(export, tmp_path):
    found, studies = find(export, tmp_path)
    assert set(studies) == {"scout", "ax T2", "thorax"}
    assert all(study.name.startswith("study-") and len(study.name) == 14 for study in found.studies)
    scout, axial, sagittal = studies["scout"].series
    assert (scout.localizer, axial.localizer) == (True, False)
    assert (axial.plane, axial.slices, axial.step_mm, axial.gaps) == ("axial", 8, pytest.approx(3), 0)
    assert (sagittal.plane, sagittal.slices, sagittal.volumes) == ("sagittal", 12, 1)
    assert str(axial) == "series 3, MR, 'ax T1', axial, 6 x 7 x 8 of 1.1 x 0.9 x 3 mm"


def test_a_second_look_reads_only_what_is_new(export, tmp_path):
    assert find(export, tmp_path)[0].read == 39
    again, _ = find(export, tmp_path)
    assert (again.read, len(again.studies)) == (0, 3)
    (path,) = list((tmp_path / "cache" / "dicom").iterdir())
    assert "Doe" not in path.read_text()
    assert "p3" not in path.read_text()  # folders are often called after patients
    assert not path.parent.stat().st_mode & 0o077 or os.name == "nt"
    assert "ID-4711" not in path.read_text()  # the bare number can stand in a UID or a time of change
    add(export / "new", image(9), generate_uid())
    assert find(export, tmp_path)[0].read == 8
    path.write_text("{")
    assert find(export, tmp_path)[0].read == 47


def test_the_best_series_is_taken_and_every_other_has_its_reason(export, tmp_path):
    _, studies = find(export, tmp_path)
    assert judged(studies["scout"]) == {
        "scout": ("", "a localizer, made for planning; 2 slices"),
        "ax T1": ("", "series 4 fits better"),
        "sag T1 MPRAGE": ("image", "the best that fits"),
    }
    assert judged(studies["scout"], image=SeriesRules(plane="axial"))["ax T1"] == ("image", "the only one that fits")
    assert judged(studies["scout"], image=SeriesRules(plane="axial"))["sag T1 MPRAGE"][1] == "sagittal, not axial"
    assert judged(studies["scout"], image=SeriesRules(descriptions=("AX*", "*t1*")))["ax T1"][0] == "image"
    assert judged(studies["thorax"]) == {"thorax": ("", "CT, not MR")}
    with pytest.raises(InputError, match="'oblique' is not known"):
        SeriesRules(plane="oblique")


def test_gaps_copies_and_series_sent_twice_are_seen(tmp_path):
    study, folder = generate_uid(), tmp_path / "export"
    add(folder, image(1), study, number=2, prefix="A", SeriesDescription="one")
    add(folder, image(1), study, number=2, prefix="B", SeriesDescription="one")
    add(folder, image(2), study, number=5, prefix="C", SeriesDescription="gap")
    shutil.copytree(folder, tmp_path / "export" / "again", ignore=lambda _, names: [n for n in names if n[0] != "A"])
    positions = sorted(folder.glob("C*"))
    positions[3].unlink()
    found, _ = find(folder, tmp_path)
    first, twice, gap = found.studies[0].series
    assert {first.copies, twice.copies} == {0, 8}  # the order of two series of one number is that of their UIDs
    assert (twice.same_as, gap.slices, gap.gaps <= 1) == ("2", 7, True)
    why = {one.series.description + one.series.same_as: one.why for one in choose_series(found.studies[0], T1, {})}
    assert why == {"one": "the best that fits", "one2": "the same images as series 2", "gap": "series 2 fits better"}


def test_a_missing_slice_is_a_gap(tmp_path):
    study, folder = generate_uid(), tmp_path / "export"
    datasets = slices_of(image(1, 9))
    for dataset in datasets:
        dataset.StudyInstanceUID = study
    save(folder, datasets[:4] + datasets[5:])
    (one,) = find(folder, tmp_path)[0].studies[0].series
    assert (one.slices, one.gaps) == (8, 1)


def test_the_case_of_a_study_reads_its_series_and_no_other_file(export, tmp_path):
    _, studies = find(export, tmp_path)
    case = study_case(studies["scout"], choose_series(studies["scout"], T1, {}))
    volume = case.images["image"].read()
    assert volume.shape == (6, 7, 12)
    expected = read(export / "disk", series="sag T1 MPRAGE")
    assert np.array_equal(volume.array, expected.array)
    assert np.allclose(volume.affine, expected.affine)
    case.images["image"].files[0].unlink()
    with pytest.raises(FileError, match="does not exist any more"):
        case.images["image"].read()


def test_a_study_without_a_fitting_series_is_a_case_with_its_problem(export, tmp_path):
    _, studies = find(export, tmp_path)
    case = study_case(studies["thorax"], choose_series(studies["thorax"], T1, {}))
    assert case.problem == ("No series fits. series 3, CT, 'thorax', axial, 6 x 7 x 8 of 1.1 x 0.9 x 3 mm: CT, not MR.")


def test_the_table_of_a_plan_can_be_changed_and_read(export, tmp_path):
    found, studies = find(export, tmp_path)
    pairs = [(study, choose_series(study, T1, {})) for study in found.studies]
    path = tmp_path / "plan.csv"
    path.write_text(series_table(pairs, ["image"], tmp_path))
    cases = {case.name: case for case in find_cases([path])}
    assert len(cases) == 2
    name = studies["scout"].name
    assert cases[name].images["image"].read().shape == (6, 7, 12)
    text = path.read_text().replace("yes,the best", "no,the best").replace("no,series 4 fits", "yes,series 4 fits")
    path.write_text(text)
    assert {case.name: case for case in find_cases([path])}[name].images["image"].read().shape == (6, 7, 8)
    path.write_text(text.replace("no,the best", "yes,the best"))
    with pytest.raises(InputError, match="has image twice"):
        find_cases([path])


@pytest.fixture
def plan(export, tmp_path):
    """The table of a plan."""
    path = tmp_path / "plan.csv"
    pairs = [(study, choose_series(study, T1, {})) for study in find(export, tmp_path)[0].studies]
    path.write_text(series_table(pairs, ["image"], tmp_path))
    return path


@pytest.mark.parametrize("sign", [";", "\t"])
def test_the_table_of_a_plan_may_be_saved_by_a_spreadsheet_of_another_language(plan, sign):
    before = find_cases([plan])
    rows = list(csv.reader(plan.read_text().splitlines()))
    with plan.open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream, delimiter=sign).writerows(rows)
    assert find_cases([plan]) == before


@pytest.mark.parametrize("column", ["folder", "series", "chosen"])
def test_a_plan_without_a_column_that_is_read_is_refused(plan, column):
    plan.write_text(plan.read_text().replace(f",{column},", ",mine,", 1))
    with pytest.raises(InputError, match=rf"plan\.csv lacks the column '{column}' of a table of series"):
        find_cases([plan])


def test_a_plan_without_a_column_for_the_reader_is_read(plan):
    before = find_cases([plan])
    plan.write_text(plan.read_text().replace(",why,", ",mine,", 1))
    assert find_cases([plan]) == before


def test_a_word_of_a_plan_that_is_neither_yes_nor_no_is_refused(plan):
    before, text = find_cases([plan]), plan.read_text()
    plan.write_text(text.replace(",yes,", ",Ja,", 1))
    with pytest.raises(
        InputError,
        match=r"Line \d of plan\.csv: 'Ja' in the column 'chosen' is neither yes nor no\. Write one of yes, y, 1, "
        r"true, x to take the series, or one of no, n, 0, false or nothing to leave it out\.",
    ):
        find_cases([plan])
    plan.write_text(text.replace(",yes,", ",TRUE,").replace(",no,", ",,"))
    assert find_cases([plan]) == before


def test_the_series_of_a_flat_folder_are_looked_for_once_for_the_whole_table(export, tmp_path, monkeypatch):
    pairs = [(study, choose_series(study, T1, {})) for study in find(export, tmp_path)[0].studies]
    path = tmp_path / "plan.csv"
    path.write_text(series_table(pairs, ["image"], tmp_path))
    looked: list[Path] = []
    monkeypatch.setattr(
        import_module("monai_attn.cases.series_table"),
        "find_studies",
        lambda folder: looked.append(folder) or find_studies(folder, cache=tmp_path / "cache"),
    )
    cases = find_cases([path], ["image"])
    assert [folder.name for folder in looked] == ["disk"]
    assert {case.name: len(case.images["image"].files) for case in cases} == {
        case.name: len(case.images["image"].files)
        for case in (study_case(study, chosen) for study, chosen in pairs)
        if not case.problem
    }


def test_two_images_of_a_bundle_take_a_series_each(tmp_path):
    study, folder = generate_uid(), tmp_path / "export"
    add(folder, image(1), study, number=2, prefix="A", SeriesDescription="T1")
    add(folder, image(2), study, number=3, prefix="B", modality="CT", SeriesDescription="CT")
    (found,) = find(folder, tmp_path)[0].studies
    case = study_case(found, choose_series(found, [ImageInput("t1", "MR"), ImageInput("ct", "CT")], {}))
    assert list(case.images) == ["t1", "ct"]
    assert replace(case).problem == ""


def test_bids_gives_the_images_of_the_kind(tmp_path):
    for subject in ("sub-01/ses-1", "sub-02"):
        for kind in ("T1w", "T2w", "dseg"):
            name = f"{subject.replace('/', '_')}_{kind}.nii.gz"
            path = tmp_path / subject / "anat" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (tmp_path / "derivatives" / "sub-01").mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    assert [case.name for case in find_cases([tmp_path])] == ["sub-01_ses-1_T1w", "sub-02_T1w"]
    several = find_cases([tmp_path], ["t1", "t2"])
    assert [(case.name, list(case.source)) for case in several] == [
        ("sub-01_ses-1", ["t1", "t2"]),
        ("sub-02", ["t1", "t2"]),
    ]
    with pytest.raises(InputError, match="is ct; there are T1w, T2w"):
        find_cases([tmp_path], ["ct"])


def test_a_series_is_not_taken_for_an_image_that_its_description_does_not_say(tmp_path):
    """A T1 was taken as FLAIR, as the only series of the modality."""
    inputs = [ImageInput("t1", "MR", series="t1"), ImageInput("flair", "MR", series="flair")]
    add(tmp_path / "export", image(1), generate_uid(), SeriesDescription="T1 mprage")
    (study,) = find_studies(tmp_path / "export", cache=tmp_path / "cache").studies
    assert list(study_case(study, choose_series(study, inputs, {})).images) == ["t1"]
    flair = choose_series(study, inputs[::-1], {"flair": SeriesRules(descriptions=("*T1*",))})
    assert flair[0].image == "flair"  # a rule says so
    assert list(find_images(tmp_path / "export", inputs)) == ["t1"]
    unnamed = [ImageInput("a", "MR"), ImageInput("b", "MR")]
    with pytest.raises(InputError, match="one series that could be a or b"):
        find_images(tmp_path / "export", unnamed)


def test_series_without_number_and_description_are_not_the_same_images(tmp_path):
    study = generate_uid()
    for number, prefix in enumerate("AB"):
        add(tmp_path / "export", image(number), study, number=None, prefix=prefix, SeriesDescription="")
    (found,) = find_studies(tmp_path / "export", cache=tmp_path / "cache").studies
    assert [one.same_as for one in found.series] == ["", ""]


def test_cases_of_tables_of_series_that_differ_in_capital_letters_or_series_are_refused(plan, tmp_path):
    rows = list(csv.reader(plan.read_text().splitlines()))
    header, chosen = rows[0], [row for row in rows[1:] if row[rows[0].index("chosen")] == "yes"]
    for name, row in zip(("P1", "p1"), chosen, strict=False):
        row[header.index("case")] = name
    with plan.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *chosen])
    with pytest.raises(InputError, match="'P1' and 'p1' differ in capital letters alone"):
        find_cases([plan])


def test_slices_beside_the_folders_of_patients_are_not_passed_over(tmp_path):
    for number, place in enumerate(("P1", "P2", "")):
        add(tmp_path / "export" / place, image(number), generate_uid(), PatientID=f"patient {number}")
    with pytest.raises(InputError, match="holds DICOM files beside the folders of 2 patients"):
        find_cases([tmp_path / "export"])


def test_of_two_runs_in_bids_none_is_taken_by_its_name(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    (tmp_path / "sub-01" / "anat").mkdir(parents=True)
    for name in ("run-1_T1w", "run-2_T1w", "FLAIR"):
        (tmp_path / "sub-01" / "anat" / f"sub-01_{name}.nii.gz").touch()
    (case,) = find_cases([tmp_path], ["t1", "flair"])
    assert "sub-01_run-1_T1w.nii.gz and sub-01_run-2_T1w.nii.gz could both be t1" in case.problem
