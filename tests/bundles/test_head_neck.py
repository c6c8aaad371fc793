"""The shipped bundle of the head and neck, on a planning CT of another hospital at full resolution."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn import Segmenter
from monai_attn.bundle import find_bundle
from monai_attn.io import read
from monai_attn.measure import measure_structures
from monai_attn.segmentation import Segmentation

NAME = "head_neck_ct"


@pytest.fixture(scope="module")
def segmented(shared_data) -> Segmentation:
    return Segmenter.from_bundle(NAME, device="cpu")(shared_data / "dicom" / "neck_ct")


def test_the_mask_lies_on_the_grid_of_the_ct_and_nothing_is_doubted(segmented, shared_data):
    image = read(shared_data / "dicom" / "neck_ct")
    assert segmented.labels.shape == image.shape == (512, 512, 80)
    np.testing.assert_allclose(segmented.labels.affine, image.affine)
    assert segmented.warnings == ()
    assert set(segmented.certainty) == {1, 2, 3, 4, 5, 6, 7}


def test_organs_lie_where_they_lie_in_a_body(segmented):
    found = {one.name: one for one in measure_structures(segmented.labels, segmented.table)}
    middle = {name: np.array(one.centroid_mm) for name, one in found.items()}
    right, left = middle["right parotid"], middle["left parotid"]
    assert 70 < right[0] - left[0] < 150  # R is the first axis, in mm
    assert abs(middle["mandible"][0] - (right[0] + left[0]) / 2) < 10
    assert middle["brainstem"][2] > middle["spinal cord"][2] > middle["oesophagus"][2]
    assert middle["mandible"][2] > middle["larynx"][2] > middle["oesophagus"][2] - 20
    assert middle["mandible"][1] > middle["larynx"][1] > middle["spinal cord"][1]
    assert all(10 < found[name].volume_ml < 60 for name in ("right parotid", "left parotid"))


def test_outlines_are_smooth_at_the_resolution_of_the_ct(segmented):
    """Labels of voxels of 3.9 mm would be blocks of seven voxels: edges then lie at a seventh of all columns alone."""
    parotid = segmented.labels.array == 3
    steps = np.flatnonzero(np.abs(np.diff(parotid.astype(np.int8), axis=0)).any(axis=(1, 2)))
    assert np.diff(steps).max() <= 3


def test_sides_and_codes_are_those_of_the_structures():
    table = {label.name: label for label in Segmenter.from_bundle(NAME, device="cpu").parts.table}
    assert (table["right parotid"].laterality, table["left parotid"].laterality) == ("right", "left")
    assert {label.code.scheme for label in table.values()} == {"SCT"}
    card = (find_bundle(NAME) / "docs" / "README.md").read_text(encoding="utf-8")
    assert "Research use only; not a medical device." in card
