"""David Clunie's dciodvfy finds no errors in what we write."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from dicom_maker import enhanced, save
from phantoms import phantom
from pydicom.uid import generate_uid
from segmented import BY, TABLE, VIEWS, six_sided, with_labels

from monai_attn.io import read
from monai_attn.io.dicomseg import write_dicom_seg, write_rtstruct
from monai_attn.labels import Code, Label, LabelTable

WRITERS = {"SEG": write_dicom_seg, "RTSTRUCT": write_rtstruct}
LESION = LabelTable((Label(1, "Tumor", "#d02020", Code("4147007", "SCT", "Mass")),))


@pytest.fixture(scope="module")
def dciodvfy() -> str:
    found = shutil.which("dciodvfy")
    if found is None:
        pytest.skip("dciodvfy is not installed (Debian: apt-get install dicom3tools)")
    return found


def errors(dciodvfy: str, path) -> list[str]:
    done = subprocess.run([dciodvfy, path], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert any(line in ("Segmentation", "RTStructureSet") for line in lines)  # it knew what it looked at
    return [line for line in lines if line.startswith("Error")]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("view", ["axial", "sagittal", "coronal", "axial from head to feet"])
def test_no_errors_in_any_view(tmp_path, dciodvfy, view, kind):
    labels = with_labels(tmp_path / "series", six_sided(VIEWS[view], (9, 8, 7)))
    WRITERS[kind](labels, TABLE, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert errors(dciodvfy, tmp_path / "out.dcm") == []


@pytest.mark.parametrize("kind", WRITERS)
def test_no_errors_against_an_enhanced_source(tmp_path, dciodvfy, kind):
    ds = enhanced([phantom(dtype=np.uint16)])
    ds.StudyInstanceUID = generate_uid()
    save(tmp_path / "series", [ds])
    image = read(tmp_path / "series")
    labels = image.with_array((image.array % 3 == 0).astype(np.uint8))
    WRITERS[kind](labels, LESION, tmp_path / "series", tmp_path / "out.dcm", **BY)
    assert errors(dciodvfy, tmp_path / "out.dcm") == []


@pytest.mark.parametrize("kind", WRITERS)
def test_no_errors_against_clinical_series(shared_data, tmp_path, dciodvfy, kind):
    """The T1 of STS_003, whose StudyID is longer than the standard allows; the CT of dcmqi."""
    mask = read(shared_data / "soft_tissue_sarcoma" / "STS_003" / "tumour.nii.gz")
    folder = shared_data / "dicom" / "sarcoma_STS_003" / "MR_T1" / "image"
    WRITERS[kind](mask, LESION, folder, tmp_path / "sarcoma.dcm", **BY)
    assert errors(dciodvfy, tmp_path / "sarcoma.dcm") == []
    organs = read(shared_data / "dicom" / "seg_dcmqi" / "liver_spine_gapped_seg.nrrd")
    table = LabelTable((Label(1, "Liver", "#dd8265", Code("10200004", "SCT", "Liver")), Label(5, "Spine", "#e0d0a0")))
    WRITERS[kind](organs, table, shared_data / "dicom" / "seg_dcmqi" / "ct-3slice", tmp_path / "organs.dcm", **BY)
    assert errors(dciodvfy, tmp_path / "organs.dcm") == []
