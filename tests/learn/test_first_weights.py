"""A training that begins with the weights of another bundle: which of its grey values are taken over."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from monai_attn.bundle.locate import shipped
from monai_attn.bundle.weights import read_weights
from monai_attn.cases import split_record_of
from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import BundleError
from monai_attn.labels import LabelTable
from monai_attn.learn.fingerprint import Fingerprint, FingerprintSoFar
from monai_attn.learn.plan import Machine, make_plan
from monai_attn.learn.transfer import copy_weights, find_start, with_start
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


def test_the_network_to_begin_with_keeps_what_no_plan_decides(tmp_path: Path) -> None:
    """A residual network without gates had been begun as a plain one with gates, with the few weights that fitted."""
    root = tmp_path / "other"
    shutil.copytree(shipped()["hippocampus_mri"], root)
    config = json.loads((root / "configs/inference.json").read_text())
    network = config["network_def"]
    network |= {"residual": True, "attention": "none"}
    (root / "configs/inference.json").write_text(json.dumps(config))
    start = find_start(root)
    taken = copy_weights(start, tmp_path / "new", start.bundle.labels)
    assert (taken["network_def::residual"], taken["network_def::attention"]) == (True, "none")
    network["spatial_dims"] = 2
    (root / "configs/inference.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match="made for 2 dimensions, and learn makes networks for single images in 3"):
        find_start(root)


def test_structures_of_the_same_names_in_another_order_keep_their_own_weights(tmp_path: Path) -> None:
    """A network had begun with the two parts of the hippocampus exchanged."""
    start = find_start("hippocampus_mri")
    first, second = (label.name for label in start.bundle.labels)
    heads = {}
    for case, names in {"same": (first, second), "other": (second.upper(), first), "else": (first, "third")}.items():
        copy_weights(start, tmp_path / case, LabelTable.of_names(dict(enumerate(names, start=1))))
        heads[case] = read_weights(tmp_path / case / "models" / "initial.pt")["heads.2.weight"]
    assert (heads["same"] == heads["else"]).all()
    assert (heads["other"] == heads["same"][[0, 2, 1]]).all()
    assert split_record_of(tmp_path / "other" / "models" / "initial.pt") is not None
