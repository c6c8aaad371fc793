"""A random patch shows the image and its label map at the same places, and left becomes right with its label."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_attn.errors import InputError
from monai_attn.transforms import LabelPlacesd, RandPatchd

SHAPE = (20, 24, 16)


def _case() -> dict[str, torch.Tensor]:
    """An image whose value is its own label, so that both must agree wherever a patch lies."""
    label = torch.zeros(1, *SHAPE, dtype=torch.uint8)
    label[0, 2:6, 4:12, 3:9] = 1
    label[0, 14:18, 4:12, 3:9] = 2
    return {"image": label.half(), "label": label}


def _patches(n: int = 30, **options: object) -> list[dict[str, torch.Tensor]]:
    crop = RandPatchd((12, 12, 12), **options).set_random_state(seed=3)  # type: ignore[arg-type]
    case = LabelPlacesd()(_case())
    return [crop(case) for _ in range(n)]


def test_a_plain_patch_is_a_part_of_the_image() -> None:
    case = _case()
    for patch in _patches(prob=0.0):
        assert torch.allclose(patch["image"], patch["label"], atol=1e-4)
        assert patch["image"].dtype == torch.float32
        windows = case["label"][0].float().unfold(0, 12, 1).unfold(1, 12, 1).unfold(2, 12, 1).reshape(-1, 12, 12, 12)
        assert (windows == patch["label"]).flatten(1).all(1).any()


def test_image_and_label_stay_together_when_turned_and_zoomed() -> None:
    for patch in _patches(pixdim=(1.0, 2.0, 3.0), rotate=(0.5, 0.5, 0.5), zoom=(0.5, 2.0)):
        nearest = patch["image"].round()
        assert (nearest != patch["label"]).float().mean() < 0.15  # linear and nearest differ at borders alone


def test_a_mirrored_patch_swaps_the_labels_of_a_pair() -> None:
    case = LabelPlacesd()(_case())
    crop = RandPatchd(SHAPE, prob=0.0, mirror=[0], pairs=[(1, 2)]).set_random_state(seed=1)
    plain, found = _case()["label"].float(), set()
    for _ in range(12):
        patch = crop(case)
        if torch.allclose(patch["image"], plain, atol=1e-4):
            assert torch.equal(patch["label"], plain)
            found.add("as it is")
        else:
            assert torch.allclose(patch["image"], plain.flip(1), atol=1e-4)
            assert torch.equal(patch["label"] > 0, plain.flip(1) > 0)
            assert patch["label"][0, 3, 6, 5] == 1  # on the left there is still the left one
            found.add("mirrored")
    assert found == {"as it is", "mirrored"}


def test_marks_of_a_pair_change_places_with_its_labels() -> None:
    case = {**LabelPlacesd()(_case()), "drawn": np.array([1, 1, 0], np.uint8)}
    crop = RandPatchd(SHAPE, prob=0.0, mirror=[0], pairs=[(1, 2)]).set_random_state(seed=1)
    for patch in (crop(case) for _ in range(12)):
        mirrored = not torch.allclose(patch["image"], _case()["label"].float(), atol=1e-4)
        assert patch["drawn"].tolist() == ([1, 0, 1] if mirrored else [1, 1, 0])
    assert case["drawn"].tolist() == [1, 1, 0]


def test_with_foreground_each_patch_holds_a_structure_and_both_are_met() -> None:
    patches = _patches(foreground=1.0, prob=0.0)
    assert all(patch["label"].any() for patch in patches)
    assert {1, 2} <= {int(value) for patch in patches for value in patch["label"].unique()}


def test_an_image_smaller_than_the_patch_is_shown_whole_with_its_border_repeated() -> None:
    case = LabelPlacesd()(_case())
    patch = RandPatchd((24, 24, 24), prob=0.0)(case)
    assert patch["label"].sum() == _case()["label"].sum()


def test_a_case_of_background_alone_has_no_places_and_a_patch_all_the_same() -> None:
    empty = {"image": torch.zeros(2, *SHAPE), "label": torch.zeros(1, *SHAPE, dtype=torch.uint8)}
    case = LabelPlacesd()(empty)
    assert case["places"].shape == (0, 4)
    assert RandPatchd((8, 8, 8))(case)["image"].shape == (2, 8, 8, 8)


def test_a_larger_zoom_makes_a_structure_larger() -> None:
    cube = torch.zeros(1, 20, 20, 20)
    cube[:, 7:13, 7:13, 7:13] = 1
    crop = RandPatchd((20, 20, 20), prob=1.0, zoom=(1.5, 1.5), stretch=0.0, rotate=(0, 0, 0))
    grown = crop({"image": cube, "label": cube})["label"].sum() / cube.sum()
    assert np.isclose(float(grown), 1.5**3, rtol=0.3)  # whole voxels


@pytest.mark.parametrize("wrong", [{"zoom": (0.0, 1.0)}, {"mirror": [3]}])
def test_a_zoom_of_zero_and_a_fourth_axis_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        RandPatchd((8, 8, 8), **wrong)  # type: ignore[arg-type]
