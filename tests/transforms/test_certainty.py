"""The certainty of a structure is the mean of the winner's probability, however the logits come."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_attn.transforms import LabelsOnSourced, LoadVolumed, SourceLabels
from monai_attn.transforms.certainty import certainty_of
from monai_attn.volume import Volume

SHAPE = (9, 7, 8)


@pytest.fixture
def image() -> MetaTensor:
    return LoadVolumed("image", ensure_channel_first=True)({"image": Volume(np.zeros(SHAPE, np.float32))})["image"]


def logits_of(channels: int, seed: int = 0, size: float = 4.0) -> torch.Tensor:
    return size * torch.randn(channels, *SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [2, 3, 30])
def test_it_is_the_mean_of_the_largest_softmax_of_the_voxels_of_a_structure(image, channels):
    logits = logits_of(channels)
    found = certainty_of(LabelsOnSourced("pred")({"image": image, "pred": logits})["pred"])
    best, winner = torch.softmax(logits.double(), 0).max(0)
    wanted = {c: float(best[winner == c].mean()) for c in range(1, channels)}
    assert found == pytest.approx(wanted, abs=6e-5)  # four digits


def test_of_regions_it_is_the_mean_of_the_sigmoid(image):
    logits = logits_of(2)
    found = certainty_of(LabelsOnSourced("pred", regions=[5, 3])({"image": image, "pred": logits})["pred"])
    shares = torch.sigmoid(logits.double())
    last, first = logits[1] > 0, (logits[0] > 0) & (logits[1] <= 0)
    assert found == pytest.approx({3: float(shares[1][last].mean()), 5: float(shares[0][first].mean())}, abs=6e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs_and_threads_do_not_change_it(image, axis, monkeypatch):
    logits = logits_of(3)
    whole = SourceLabels().begin(image)
    whole.add(logits, 0)
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        slabs = SourceLabels().begin(image, axis)
        for start, stop in ((0, 3), (2, 4), (3, SHAPE[axis])):
            slabs.add(logits.narrow(1 + axis, start, stop - start), start)
        assert certainty_of(slabs.finish()) == certainty_of(whole.finish())


def test_a_structure_that_was_not_found_has_none(image):
    logits = torch.zeros(3, *SHAPE)
    logits[0] = 5
    slabs = SourceLabels().begin(image)
    slabs.add(logits, 0)
    assert certainty_of(slabs.finish()) == {}


def test_labels_of_other_transforms_have_none():
    assert certainty_of(MetaTensor(torch.zeros(1, 2, 2, 2))) == {}
    assert certainty_of(torch.zeros(1, 2, 2, 2)) == {}
