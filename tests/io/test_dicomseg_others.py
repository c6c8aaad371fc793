"""DICOM SEG of dcmqi and highdicom: what their own answers say."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread

from monai_attn.errors import LabelError
from monai_attn.io import read
from monai_attn.io.dicomseg import read_dicom_seg
from monai_attn.volume import same_grid

DCMQI = {
    "23x38x3/seg/label.seg": "23x38x3/nrrd/label.nrrd",
    "24x38x3/seg/label.seg": "24x38x3/nrrd/label.nrrd",
    "liver.dcm": "liver_seg.nrrd",
}


@pytest.mark.parametrize("name", DCMQI)
def test_dcmqi_files_hold_what_their_nrrd_answers_say(shared_data, name):
    folder = shared_data / "dicom" / "seg_dcmqi"
    answer = read(folder / DCMQI[name])
    masks = read_dicom_seg(folder / name)
    assert same_grid(masks.grid, answer)
    np.testing.assert_array_equal(masks.label_map().array, answer.array)
    assert [(label.name, label.colour) for label in masks.table] == [("Liver", "#dd8265")]


def test_dcmqi_overlaps_hold_what_their_nrrd_answers_say(shared_data):
    folder = shared_data / "dicom" / "seg_dcmqi"
    masks = read_dicom_seg(folder / "partial_overlaps.dcm", like=read(folder / "ct-3slice"))
    for number in (1, 2, 3):
        answer = read(folder / f"partial_overlaps-{number}.nrrd")
        for value in np.unique(answer.array)[1:]:
            np.testing.assert_array_equal(masks.mask(int(value)).array, answer.array == value)
    with pytest.raises(LabelError, match=r"'GREEN' \(value 1\) and 'ORANGE' \(value 2\) share 3017 voxels"):
        masks.label_map()


@pytest.mark.parametrize("padding", ["noppv", "ppv5"])
def test_dcmqi_sparse_label_maps_have_an_empty_slice_between(shared_data, padding):
    folder = shared_data / "dicom" / "seg_dcmqi"
    answer = read(folder / f"sparse_labelmap_{padding}_seg.nrrd")  # which has the padding value in the empty slice
    masks = read_dicom_seg(folder / f"sparse-labelmap-{padding}.dcm")
    assert same_grid(masks.grid, answer)
    np.testing.assert_array_equal(masks.label_map().array, answer.array == 1)


@pytest.mark.parametrize(
    "name", ["binary", "binary_overlap", "binary_fractional", "true_fractional", "binary_single_frame"]
)
def test_highdicom_files_hold_what_highdicom_reads(shared_data, name):
    from highdicom.seg import segread

    path = shared_data / "dicom" / "seg_highdicom" / f"seg_image_ct_{name}.dcm"
    masks = read_dicom_seg(path)
    frames = segread(path).pixel_array.astype(float)
    total = frames.sum() / (255 if masks.fractional else 1)
    found = [masks.mask(label.value) for label in masks.table]
    assert sum(float(mask.array.sum(dtype=float)) for mask in found) == pytest.approx(total, rel=1e-6)
    ds = dcmread(path)
    first = ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
    corner = found[0].to_index(np.array(first, float) * [-1, -1, 1])
    np.testing.assert_allclose(corner, np.rint(corner), atol=1e-3)
    i, j, k = np.rint(corner).astype(int)
    plane = found[0].array[:, :, k] * (255 if masks.fractional else 1)
    np.testing.assert_allclose(plane, frames.reshape(-1, ds.Rows, ds.Columns)[0].T, atol=1e-3)
    assert (i, j) == (0, 0)
