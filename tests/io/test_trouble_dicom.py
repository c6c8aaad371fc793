"""The phantoms of `shared/data/trouble` that are DICOM images: each gives the right answer, or says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_attn.errors import AttnError
from monai_attn.io import read


@pytest.fixture(scope="module")
def trouble(shared_data) -> Path:
    folder = shared_data / "trouble"
    if not folder.is_dir():
        pytest.skip("shared/data has no folder trouble")
    return folder


RIGHT = [
    ("05_ct_without_rescale/all", (16, 16, 6), 3.0, "HU", 0),
    ("05_ct_without_rescale/none", (16, 16, 6), 3.0, "", 1024),
    ("06_one_file_of_nested_series/cd", (20, 24, 12), 3.0, "HU", 975),
    ("06_one_file_of_nested_series/cd/D0/I0", (20, 24, 12), 3.0, "HU", 975),
    ("06_one_file_of_nested_series/cd2/D0/I0", (20, 24, 12), 3.0, "HU", 975),
    ("19_series_uid_per_slice/x", (20, 24, 10), 3.0, "", 1999),
    ("21_dicom_called_img/x/IM0000.img", (20, 24, 10), 3.0, "HU", 975),
    ("07_pet_suv_header/plain", (8, 8, 4), 3.0, "g/ml", 1.3817),
    ("07_pet_suv_header/datetime_utc", (8, 8, 4), 3.0, "g/ml", 1.3817),
]
"""Folder or file, shape, slice spacing, unit, and the highest value."""

REFUSED = [
    ("05_ct_without_rescale/some", "lack RescaleSlope and RescaleIntercept"),
    ("11_empty_last_slice/zero_bytes", r"^IM0009\.dcm is empty \(0 bytes\)"),
    *(
        (f"11_empty_last_slice/{name}", r"^IM0009\.dcm is a DICOM \w+ cut off within its header")
        for name in ("cut_at_392", "cut_at_406", "cut_at_500", "cut_in_meta")
    ),
]


@pytest.mark.parametrize(("name", "shape", "step_mm", "unit", "highest"), RIGHT)
def test_the_right_answer(trouble, name, shape, step_mm, unit, highest):
    volume = read(trouble / name)
    assert (volume.shape, volume.unit) == (shape, unit)
    assert volume.spacing_mm[2] == pytest.approx(step_mm)
    np.testing.assert_allclose(volume.array.max(), highest, rtol=1e-4)


@pytest.mark.parametrize(("name", "why"), REFUSED)
def test_a_refusal_that_names_the_cause(trouble, name, why):
    with pytest.raises(AttnError, match=why):
        read(trouble / name)
