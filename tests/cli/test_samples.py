"""`monai-attn samples`: images to try the commands on, and the series that it writes."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest

from monai_attn import Volume, read
from monai_attn.cli.main import main
from monai_attn.cli.samples import FILES
from monai_attn.errors import FileError, InputError
from monai_attn.io.dicom.writing import write_series


def oblique(shape=(7, 5, 4)):
    """A volume whose axes are turned and whose voxels are 0.8 x 1.2 x 3 mm."""
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) @ np.diag([-1, -1, 1.0])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.8, 1.2, 3.0], [12.5, -40.25, 7.125]
    values = np.random.default_rng(3).integers(-1000, 1000, shape).astype(np.int16)
    return Volume(values, affine)


@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_a_written_series_is_read_back_with_its_values_and_its_place(tmp_path, modality):
    volume = oblique()
    assert len(write_series(volume, tmp_path / "s", modality=modality, description="oblique")) == 4
    back = read(tmp_path / "s")
    assert (back.modality, back.unit) == (modality, "HU" if modality == "CT" else "")
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-6)  # a header holds six digits of a millimetre
    np.testing.assert_array_equal(back.array, volume.array)


def test_a_series_is_the_same_on_every_run_and_names_no_patient(tmp_path):
    first, second = (write_series(oblique(), tmp_path / n, modality="MR", description="t1") for n in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    header = pydicom.dcmread(first[0])
    assert (str(header.PatientName), header.PatientID, header.StudyDate) == ("monai_attn^Sample", "SAMPLE", "")


def test_a_series_of_fractions_or_of_pet_is_refused(tmp_path):
    volume = oblique()
    with pytest.raises(InputError, match=r"16-bit integers, and these values are float32\. Round them first"):
        write_series(volume.with_array(volume.array.astype(np.float32)), tmp_path, modality="MR", description="x")
    with pytest.raises(InputError, match="A series of PT cannot be written; choose one of CT, MR"):
        write_series(volume, tmp_path, modality="PT", description="x")


def test_a_series_replaces_no_file(tmp_path):
    write_series(oblique(), tmp_path, modality="MR", description="x")
    with pytest.raises(FileError, match=r"IM0001\.dcm"):
        write_series(oblique(), tmp_path, modality="MR", description="x")


def test_the_samples_are_one_brain_in_two_forms_and_a_ct_with_its_organs(tmp_path, capsys):
    pytest.importorskip("nilearn", reason="the brain of the samples")
    assert main(["samples", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr()
    assert {str(tmp_path / name) for name in FILES.values()} <= set(json.loads(printed.out)["files"])
    assert str(tmp_path / FILES["t1"]) in printed.err
    brain, series = read(tmp_path / "t1.nii.gz"), read(tmp_path / "t1_dicom")
    np.testing.assert_array_equal(brain.array, series.array)
    np.testing.assert_allclose(brain.affine, series.affine)
    ct, organs = read(tmp_path / "ct.nii.gz"), read(tmp_path / "ct_organs.nii.gz")
    assert ct.shape == organs.shape
    assert set(np.unique(organs.array)) == set(range(7))
    assert main(["samples", str(tmp_path)]) == 2
