"""The guess that looks at no image: usual places of structures, in any orientation of the voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_attn.cases.labelled import find_labelled
from monai_attn.learn.guess import Place, guess_labels, usual_places
from monai_attn.measure import dice
from monai_attn.volume import Volume


def test_balls_at_nearly_the_same_place_are_guessed_where_they_are(phantoms: Path) -> None:
    labelled = find_labelled(phantoms)
    places = usual_places(labelled.cases, labelled.labels)
    assert places[1].middle == pytest.approx((7.5 / 24, 12.5 / 24, 8.5 / 16), abs=0.04)
    assert places[2].size_mm == pytest.approx((14, 14, 15), abs=2)  # the case without this ball does not count
    labels = labelled.cases[1].label.read(like=next(iter(labelled.cases[1].images.values())).read())
    guess = guess_labels(labels, places)
    assert [dice(guess.array == value, labels.array == value) > 0.7 for value in (1, 2)] == [True, True]


def test_a_place_is_that_of_the_patient_in_any_orientation_of_the_voxels() -> None:
    places = {1: Place((0.25, 0.75, 0.5), (10.0, 10.0, 10.0))}
    straight = guess_labels(Volume(np.zeros((40, 40, 20), np.uint8), np.diag([1.0, 1.0, 2.0, 1.0])), places)
    turned = np.array([[0.0, -1.0, 0, 39], [1.0, 0, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 1]])  # voxels along A, L and S
    other = guess_labels(Volume(np.zeros((40, 40, 20), np.uint8), turned), places)
    middles = [one.to_world(np.argwhere(one.array)).mean(axis=0) for one in (straight, other)]
    assert middles[0] == pytest.approx((9.5, 29.5, 19), abs=0.6)
    assert middles[1] == pytest.approx(middles[0], abs=1e-6)


def test_no_places_give_an_empty_map_and_two_that_meet_share_the_voxels() -> None:
    like = Volume(np.zeros((20, 20, 20), np.uint8))
    assert not guess_labels(like, {}).array.any()
    meeting = {1: Place((0.4, 0.5, 0.5), (8, 8, 8)), 2: Place((0.6, 0.5, 0.5), (8, 8, 8))}
    counts = np.bincount(guess_labels(like, meeting).array.ravel())
    assert counts[1] == pytest.approx(counts[2], rel=0.1)
