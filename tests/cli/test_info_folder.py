"""`monai-attn info FOLDER` lists the cases that `segment` would find there."""

from __future__ import annotations

import json
import math

import dicom_maker
import nibabel as nib
import numpy as np
import pytest

from monai_attn import Volume
from monai_attn.cli.main import main


def cases(folder, capsys) -> list[str]:
    assert main(["info", str(folder), "--json"]) == 0
    found: list[str] = json.loads(capsys.readouterr().out)["cases"]
    return found


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["b.nrrd", "a.nii.gz", "._a.nii.gz"], ["a", "b"]),
        (["notes.txt"], ["none: no image in this folder"]),
        ([f"{number:02}.nii" for number in range(25)], [*(f"{number:02}" for number in range(20)), "and 5 more"]),
    ],
)
def test_the_images_of_a_folder_are_its_cases(tmp_path, capsys, files, expected):
    for file in files:
        (tmp_path / file).touch()
    assert cases(tmp_path, capsys) == expected


def test_a_dicom_folder_is_one_case_and_its_series_are_listed(tmp_path, capsys):
    dicom_maker.series(tmp_path / "study", Volume(np.zeros((6, 5, 3), np.int16), np.diag([1.0, 1, 2, 1])), "MR")
    assert cases(tmp_path / "study", capsys) == ["study"]
    assert main(["info", str(tmp_path / "study")]) == 0
    assert "#1, MR" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "study"), "--volume", "1"]) == 2  # it is no list that was asked for
    assert "volume" in capsys.readouterr().err


def test_two_cases_of_one_name_are_said(tmp_path, capsys):
    for file in ("a.nii.gz", "a.nrrd"):
        (tmp_path / file).touch()
    (said,) = cases(tmp_path, capsys)
    assert said.startswith("none: Two inputs would both be called 'a'")


@pytest.mark.parametrize(
    ("values", "said"),
    [([1.0, math.nan, 7.0, math.inf], "1 to 7; NaN or infinite in 2 of 4 voxels"), ([math.nan] * 4, "none; NaN")],
    ids=["some", "all"],
)
def test_values_are_those_that_are_numbers_and_the_others_are_counted(values, said, tmp_path, capsys):
    image = nib.Nifti1Image(np.asarray(values, np.float32).reshape(4, 1, 1), np.eye(4))
    nib.save(image, tmp_path / "image.nii.gz")
    assert main(["info", str(tmp_path / "image.nii.gz")]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info", "{image}", "--code"], "--code lists the code of a bundle"),
        (["info", "hippocampus_mri", "--series", "#1"], "--series is for images"),
        (["info", "hippocampus_mri", "--volume", "0"], "--volume is for images"),
        (["fetch", "{bundle}", "--release", "0.1.0"], "--release 0.1.0 is for a bundle of the model zoo"),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path, capsys, arguments, said):
    image, bundle = tmp_path / "scan.nii.gz", tmp_path / "bundle"
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), image)
    (bundle / "configs").mkdir(parents=True)
    assert main([one.format(image=image, bundle=bundle) for one in arguments]) == 2
    assert said in capsys.readouterr().err
