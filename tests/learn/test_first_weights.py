"""A training that begins with the weights of another bundle: which of its grey values are taken over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monai_attn.cases.labelled import find_labelled
from monai_attn.learn.fingerprint import Fingerprint, FingerprintSoFar
from monai_attn.learn.plan import Machine, make_plan
from monai_attn.learn.transfer import find_start, with_start
from monai_attn.preflight.labelled_figures import read_cases


@pytest.fixture(scope="module")
def fingerprint(phantoms: Path) -> Fingerprint:
    labelled = find_labelled(phantoms)
    so_far = FingerprintSoFar(labelled, [case.name for case in labelled])
    read_cases(labelled.cases, labelled.labels, visit=so_far.visit)
    return so_far.fingerprint()


@pytest.mark.parametrize(
    ("modality", "unit", "said"),
    [("CT", "HU", "The same grey values as in head_neck_ct"), ("MR", "", "grey values of head_neck_ct are not taken")],
)
def test_grey_values_of_another_unit_are_not_taken_over(
    fingerprint: Fingerprint, modality: str, unit: str, said: str
) -> None:
    """MR images had been clipped to -300 to 800 HU, because a lone image is always called "image"."""
    images = tuple(replace(one, modality=modality, unit=unit) for one in fingerprint.images)
    plan = make_plan(replace(fingerprint, images=images), 20, Machine(), 2)
    start = find_start("head_neck_ct")
    assert start.plan is not None
    begun = with_start(plan, start)
    assert begun.normalisation == (start.plan if unit else plan).normalisation
    assert said in begun.why["normalisation"]


def test_the_name_of_a_lone_image_says_nothing(fingerprint: Fingerprint) -> None:
    """Grey values were not taken over where a table calls its image "ct", as corrected masks call it "image"."""
    images = tuple(replace(one, name="ct") for one in fingerprint.images)
    plan = make_plan(replace(fingerprint, images=images), 20, Machine(), 2)
    start = find_start("head_neck_ct")
    assert start.plan is not None
    assert with_start(plan, start).normalisation == start.plan.normalisation
