"""Real DICOM series against the answers stored beside them. `shared_data` skips where they are absent."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from monai_attn.errors import InputError
from monai_attn.io import list_series, read

ENCODINGS = [
    "anatomical/001",
    "anatomical/001_implicit",
    "anatomical/002_non_isotropic",
    "compressed/001",
    "compressed_j2k/001",
    "compressed_jpeg/001",
    "compressed_jpegls/001",
    "compressed_rle/001",
    "../malformed/slicecount/001",
    "../multiframe/001",
]


def canonical(array, affine):
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(np.asarray(array), affine))
    return np.asarray(image.dataobj), image.affine


def assert_equals_file(volume, path):
    """Equal values at equal places, once both have their axes along right, anterior, superior."""
    answer = nibabel.load(path)
    values, affine = canonical(np.asanyarray(answer.dataobj), answer.affine)
    ours, our_affine = canonical(volume.array, volume.affine)
    np.testing.assert_allclose(our_affine, affine, atol=2e-4)  # the answers keep 32 bits, the series 4 to 5 digits
    if volume.array.dtype.kind == "f":
        np.testing.assert_allclose(ours, values, rtol=3e-7)
    else:
        np.testing.assert_array_equal(ours, values)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("answer", ["ground_truth", "ground_truth_reoriented"])
def test_every_encoding_gives_the_stored_answer(shared_data, name, answer):
    folder = shared_data / "dicom/encodings" / name
    assert_equals_file(read(folder), folder.with_name(f"{folder.name}_{answer}.nii.gz"))


@pytest.mark.parametrize(("series", "name"), [("MR", "t1"), ("PT", "pet")])
def test_the_sarcoma_series_equal_the_nifti_files_of_the_same_patient(shared_data, series, name):
    volume = read(shared_data / "dicom/sarcoma_STS_003", series=series)
    assert_equals_file(volume, shared_data / f"soft_tissue_sarcoma/STS_003/{name}.nii.gz")
    assert volume.unit == {"MR": "", "PT": "g/ml"}[series]


def test_the_sarcoma_ct_agrees_with_its_resampled_nifti_where_they_meet(shared_data):
    volume = read(shared_data / "dicom/sarcoma_STS_003/CT")
    other = read(shared_data / "soft_tissue_sarcoma/STS_003/ct.nii.gz")
    assert volume.unit == "HU"
    index = np.indices(other.shape).reshape(3, -1).T
    ours = np.rint(volume.to_index(other.to_world(index))).astype(int)
    inside = ((ours >= 0) & (ours < volume.shape)).all(axis=1)
    one = volume.array[tuple(ours[inside].T)].astype(float)
    assert inside.mean() > 0.5
    assert np.corrcoef(one, other.array[tuple(index[inside].T)])[0, 1] > 0.95


def test_the_sarcoma_patient_has_three_image_series_in_one_frame_of_reference(shared_data):
    folder = shared_data / "dicom/sarcoma_STS_003"
    assert sorted(one.modality for one in list_series(folder)) == ["CT", "MR", "PT"]
    with pytest.raises(InputError, match="sarcoma_STS_003 holds 3 series"):
        read(folder)
    assert len({read(folder, series=one).frame_of_reference for one in ("CT", "MR", "PT")}) == 1


def test_colour_is_refused(shared_data):
    with pytest.raises(InputError, match=r"in colour \(PhotometricInterpretation RGB\), not measured values"):
        read(shared_data / "dicom/encodings/rgb/001")


@pytest.mark.parametrize("name", ["23x38x3", "24x38x3"])
def test_an_enhanced_ct_equals_the_classic_series_it_was_made_from(shared_data, name):
    folder = shared_data / "dicom/seg_dcmqi" / name
    classic, enhanced = read(folder / "image"), read(folder / "multiframe")
    np.testing.assert_array_equal(classic.array, enhanced.array)
    np.testing.assert_allclose(classic.affine, enhanced.affine)
