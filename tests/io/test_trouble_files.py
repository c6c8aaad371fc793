"""The shared inputs that once went wrong, for NIfTI, NRRD and MetaImage: what each must give."""

from __future__ import annotations

import pytest

from monai_attn.cohort.compare import compare_pair
from monai_attn.cohort.pairs import Pair
from monai_attn.errors import GeometryError
from monai_attn.io import read
from monai_attn.segmentation import Segmentation


@pytest.fixture
def trouble(shared_data):
    folder = shared_data / "trouble"
    if not folder.is_dir():
        pytest.skip("the inputs that went wrong are not among the shared data")
    return folder


def test_the_same_nrrd_in_millimetres_and_centimetres(trouble):
    for name, spacing in (("mm", 1), ("cm", 10)):
        volume = read(trouble / "12_units_ignored" / f"{name}.nrrd")
        assert volume.spacing_mm == (spacing,) * 3
    assert volume.notes[0] == "The header is in cm; it was converted to millimetres."


def test_an_image_that_would_be_metres_wide_is_refused_with_the_unit(trouble):
    with pytest.raises(GeometryError, match=r"metres\.nii\.gz: the header gives lengths in metres.*xyzt_units"):
        read(trouble / "18_metres_raw_error" / "metres.nii.gz")


def test_two_readers_whose_names_are_exchanged_are_not_compared_by_number(trouble):
    one, other = (Segmentation.load(trouble / "10_segnrrd_names_ignored" / f"reader{n}.seg.nrrd") for n in (1, 2))
    assert [label.name for label in one.table] == ["Leber", "Milz"]
    assert [label.name for label in other.table] == ["Milz", "Leber"]
    folder = trouble / "10_segnrrd_names_ignored"
    compared = compare_pair(Pair("a", folder / "reader1.seg.nrrd", folder / "reader2.seg.nrrd"))
    assert "Label 1 is 'Leber' in the prediction and 'Milz' in the reference" in compared.error
