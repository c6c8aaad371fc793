"""What `segment --studies` says of an export: studies, series that are not taken, files that repeat an image."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser

import numpy as np
import pytest
from dicom_maker import save, slices_of
from pydicom.uid import generate_uid

from monai_attn.cases import ImageInput
from monai_attn.cli._studies import add_studies, check_studies, find_study_cases
from monai_attn.errors import FileError
from monai_attn.volume import Volume


def add(folder, study, prefix, *, slices=4, seed=0, **tags):
    array = np.random.default_rng(seed).integers(0, 900, (5, 6, slices)).astype(np.int16)
    datasets = slices_of(Volume(array, np.diag([1.0, 1.0, 2.0, 1.0])))
    for dataset in datasets:
        dataset.StudyInstanceUID = study
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
    save(folder, datasets, prefix)


def arguments(*words):
    parser = ArgumentParser()
    add_studies(parser)
    parser.add_argument("input", nargs="+")
    parser.add_argument("--overwrite", action="store_true")
    parser.set_defaults(case_name=None, series=None)
    args = parser.parse_args(list(words))
    check_studies(args)
    return args


def test_what_is_not_taken_is_counted_by_reason(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("monai_attn.io.dicom.catalogue.cache_folder", lambda: tmp_path / "cache")
    export, study = tmp_path / "export", generate_uid()
    add(export, study, "A")
    add(export, study, "B")  # sent again, under another UID
    add(export, study, "C", slices=2, SeriesNumber=1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    shutil.copy(next(iter(export.glob("A*"))), export / "copy")
    args = arguments(str(export), "--studies")
    (case,) = find_study_cases(args, [ImageInput("image", "MR")])
    assert case.problem == ""
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 studies, 3 series; 1 studies have a series that fits.")
    assert lines[1].startswith("2 series are not taken: 1 ")
    assert "1 a localizer, made for planning" in lines[1]
    assert "1 the same images as another series" in lines[1]
    assert lines[1].endswith("--plan FILE lists every series with its reason.")
    assert lines[2:] == ["1 files repeat an image, and are left out."]


def test_a_rerun_leaves_a_plan_that_says_the_same_and_refuses_one_that_says_something_else(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("monai_attn.io.dicom.catalogue.cache_folder", lambda: tmp_path / "cache")
    export, plan = tmp_path / "export", tmp_path / "plan.csv"
    add(export, generate_uid(), "A")
    asked = [str(export), "--studies", "--plan", str(plan)]
    find_study_cases(arguments(*asked), [ImageInput("image", "MR")])
    first = plan.read_bytes()
    assert "written: " in capsys.readouterr().out
    find_study_cases(arguments(*asked), [ImageInput("image", "MR")])
    assert f"{plan} says the same already." in capsys.readouterr().out
    assert plan.read_bytes() == first

    plan.write_bytes(first.replace(b"yes", b"no"))
    with pytest.raises(FileError, match=r"plan\.csv exists and says something else: .* Give the table in place"):
        find_study_cases(arguments(*asked), [ImageInput("image", "MR")])
    assert plan.read_bytes() == first.replace(b"yes", b"no")
    find_study_cases(arguments(*asked, "--overwrite"), [ImageInput("image", "MR")])
    assert plan.read_bytes() == first
