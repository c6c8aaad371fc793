"""Crumbs go, lesions stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_attn.errors import InputError, LabelError
from monai_attn.transforms import DropSmallComponentsd


def labels() -> MetaTensor:
    """Label 1: 1000, 200, 49 and 1 voxels; label 2: 8 voxels, its only ones, beside them."""
    array = np.zeros((1, 30, 40, 20), np.uint8)
    array[0, :10, :10, :10] = 1
    array[0, 15:25, 15:20, 5:9] = 1
    array[0, 2:9, 30:37, 15] = 1
    array[0, 29, 39, 19] = 1
    array[0, 20:22, 35:37, 0:2] = 2
    affine = torch.tensor([[0, 2.0, 0, 5], [-2.0, 0, 0, 6], [0, 0, 3.0, 7], [0, 0, 0, 1]], dtype=torch.float64)
    return MetaTensor(torch.from_numpy(array), affine=affine)


def count(found: torch.Tensor) -> list[int]:
    return [int((found == value).sum()) for value in (1, 2)]


@pytest.mark.parametrize(
    ("share", "left"),
    [(0.0, [1250, 8]), (0.05, [1200, 8]), (0.049, [1249, 8]), (0.3, [1000, 8]), (1.0, [1000, 8])],
)
def test_components_below_a_share_of_the_largest_of_their_label_go(share, left):
    given = labels()
    found = DropSmallComponentsd("pred", share=share)({"pred": given})["pred"]
    assert count(found) == left
    assert count(given) == [1250, 8]
    assert found.dtype == torch.uint8
    assert torch.equal(found.affine, given.affine)


def test_voxels_that_touch_by_a_corner_are_one_component():
    array = torch.zeros(1, 12, 12, 12, dtype=torch.uint8)
    array[0, :5, :5, :5] = 1
    array[0, 5, 5, 5] = 1
    assert torch.equal(DropSmallComponentsd("pred", share=0.5)({"pred": array})["pred"], array)


def test_no_label_at_all_stays_none():
    empty = torch.zeros(1, 4, 5, 6, dtype=torch.int16)
    assert torch.equal(DropSmallComponentsd("pred")({"pred": empty})["pred"], empty)


def test_what_went_is_said(caplog):
    with caplog.at_level("INFO"):
        DropSmallComponentsd("pred")({"pred": labels()})
    assert "Label 1: 2 of 4 components dropped, 50 voxels." in caplog.text


def test_other_shares_and_logits_are_refused():
    with pytest.raises(InputError, match=r"share is the part .* not 5"):
        DropSmallComponentsd("pred", share=5)
    with pytest.raises(LabelError, match=r"takes whole numbers .* Put it after LabelsOnSourced"):
        DropSmallComponentsd("pred")({"pred": torch.zeros(2, 4, 4, 4)})
