"""Mirroring exchanges the labels of left and right, and the marks of what was drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_attn.errors import InputError
from monai_attn.transforms import RandMirrorPairsd


def case() -> dict:
    labels = torch.zeros(1, 4, 2, 2)
    labels[:, 0], labels[:, 3], labels[:, 1] = 1, 2, 3  # right, left, and the middle one a little to the right
    return {
        "image": MetaTensor(torch.arange(16.0).reshape(1, 4, 2, 2)),
        "label": MetaTensor(labels),
        "drawn": np.array([1, 1, 0, 1], np.uint8),
        "scored": torch.tensor([1, 0, 0, 1]),
    }


def test_the_mirrored_right_one_is_a_left_one_and_so_are_the_marks():
    given = case()
    out = RandMirrorPairsd(["image", "label"], prob=1.0, pairs=[[1, 2]])(given)
    assert out["image"][0, :, 0, 0].tolist() == [12, 8, 4, 0]
    assert out["label"][0, :, 0, 0].tolist() == [1, 0, 3, 2]
    assert out["drawn"].tolist() == [1, 0, 1, 1]
    assert out["scored"].tolist() == [1, 0, 0, 1]
    assert given["label"][0, :, 0, 0].tolist() == [1, 3, 0, 2]


def test_two_mirrors_give_the_case_back():
    mirror = RandMirrorPairsd(["image", "label"], prob=1.0, pairs=[[1, 2]])
    given, out = case(), mirror(mirror(case()))
    assert all(bool((torch.as_tensor(out[key]) == torch.as_tensor(given[key])).all()) for key in given)


def test_without_chance_and_without_pairs():
    same = RandMirrorPairsd(["image", "label"], prob=0.0, pairs=[[1, 2]])(case())
    assert same["label"][0, :, 0, 0].tolist() == [1, 3, 0, 2]
    flipped = RandMirrorPairsd(["image", "label"], prob=1.0)(case())
    assert flipped["label"][0, :, 0, 0].tolist() == [2, 0, 3, 1]
    assert flipped["drawn"].tolist() == [1, 1, 0, 1]


def test_a_seed_mirrors_half_of_the_cases_and_the_same_ones_again():
    mirror = RandMirrorPairsd(["image", "label"], pairs=[[1, 2]])
    runs = []
    for _ in range(2):
        mirror.set_random_state(7)
        runs.append([float(mirror(case())["image"][0, 0, 0, 0]) for _ in range(20)])
    assert runs[0] == runs[1]
    assert 4 < runs[0].count(0.0) < 16


@pytest.mark.parametrize("pairs", [[[1, 2], [2, 3]], [[0, 1]], [[1, 1]]])
def test_pairs_that_are_none_are_refused(pairs):
    with pytest.raises(InputError, match="Pairs are values of two different structures each"):
        RandMirrorPairsd(["image", "label"], pairs=pairs)


def test_marks_of_too_few_classes_are_refused():
    with pytest.raises(InputError, match="marks for 4 classes, and the pairs name"):
        RandMirrorPairsd(["image", "label"], prob=1.0, pairs=[[3, 4]])(case())
