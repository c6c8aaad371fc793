"""The logits of a lesion are calibrated by its size and by uptake, and by nothing where there is no lesion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_attn.errors import InputError
from monai_attn.transforms import CalibrateLesiond
from monai_attn.transforms.calibration import lesion_evidence

SIZE = (24, 24, 24)
WITH = [0.5, -0.4, 0.6, 1.0, -0.6]
WITHOUT = [0.6, 0.0, 0.0]


def ball(radius: float, middle: float = 12.0) -> np.ndarray:
    grid = np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij")) - middle
    return radius - np.linalg.norm(grid, axis=0)


def case(margin: np.ndarray, suv: np.ndarray | None = None) -> dict[str, object]:
    image = torch.zeros(6, *SIZE)
    image[3] = 1
    if suv is not None:
        image[2], image[5] = torch.as_tensor(np.sqrt(suv / 20)), 1
    logits = torch.stack([torch.zeros(SIZE), torch.as_tensor(margin)]).float()
    return {"pred": logits, "image": MetaTensor(image, affine=torch.diag(torch.tensor([4.0, 4.0, 4.0, 1.0])))}


def margin_of(calibrated: dict[str, object]) -> np.ndarray:
    logits = calibrated["pred"]
    assert not logits[0].any()
    return logits[1].numpy()


TRANSFORM = CalibrateLesiond("pred", with_uptake=WITH, without_uptake=WITHOUT)


def test_without_uptake_the_margin_is_scaled_and_the_mask_stays():
    margin = ball(5)
    new = margin_of(TRANSFORM(case(margin)))
    np.testing.assert_allclose(new, 0.6 * margin, rtol=1e-5, atol=1e-6)


def test_with_uptake_each_voxel_is_judged_by_its_share_of_the_highest():
    margin, radius = ball(4), 4 - ball(4)
    suv = np.where(radius < 3, 10.0, 1.0)
    new = margin_of(TRANSFORM(case(margin, suv)))
    ml = np.count_nonzero(margin > 0) * 0.064
    size = np.log(ml / 150)
    at = (12, 12, 15.0)  # in the mask, with a tenth of the highest uptake
    place = tuple(int(x) for x in at)
    expected = np.array([margin[place], size, 1, np.log(0.1), np.log(0.1) * size]) @ WITH
    assert new[place] == pytest.approx(expected, rel=1e-4)
    assert margin[place] > 0 > new[place]
    assert new[12, 12, 12] > 0


def test_crumbs_far_away_and_an_empty_mask():
    margin = np.maximum(ball(6, 9), ball(1.5, 21))
    new = margin_of(TRANSFORM(case(margin)))
    assert margin[21, 21, 21] > 0 > new[21, 21, 21]
    assert new[9, 9, 9] > 0
    nothing = margin_of(TRANSFORM(case(ball(-1), np.full(SIZE, 5.0))))
    assert (nothing < 0).all()


def test_uptake_that_covers_too_little_of_the_lesion_says_nothing():
    margin = ball(5)
    suv = np.full(SIZE, 4.0, np.float32)
    suv[:12] = np.nan
    assert lesion_evidence(margin, (4, 4, 4), suv).uptake is None
    suv[11:12] = 4
    half = lesion_evidence(margin, (4, 4, 4), np.where(ball(5) > 0, 4.0, np.nan).astype(np.float32))
    assert half.uptake is not None
    assert np.isfinite(half.uptake).all()


def test_a_lesion_that_the_image_cuts_off_is_scaled_alone():
    margin = ball(6, 3)
    new = margin_of(TRANSFORM(case(margin, np.full(SIZE, 5.0))))
    near = margin > -2
    np.testing.assert_allclose(new[near], 0.6 * margin[near], rtol=1e-5, atol=1e-6)


def test_what_cannot_be_calibrated_is_refused():
    with pytest.raises(InputError, match="five factors with uptake and three without, not 3 and 3"):
        CalibrateLesiond("pred", with_uptake=WITHOUT, without_uptake=WITHOUT)
    with pytest.raises(InputError, match=r"takes logits \(2, I, J, K\), not \(3, 4, 4, 4\)"):
        TRANSFORM({**case(ball(5)), "pred": torch.zeros(3, 4, 4, 4)})
