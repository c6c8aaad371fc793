"""Overlapping regions become a label map by the bundle's rule, or one value for each set of regions."""

from __future__ import annotations

import numpy as np
import pytest
from zoo_bundle import METADATA, add_weights, config, write_bundle

from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.region_rules import region_names, rule_of_regions
from monai_attn.segmenter.overlapping import channels_apart, is_one_hot
from monai_attn.volume import Volume

RULE = "$lambda x: torch.where(x[[1]] > 0, 4, torch.where(x[[0]] > 0.5, 2, torch.where(x[2] > 0, 1, 0)))"
REGIONS = {"0": "core", "1": "enhancing", "2": "whole"}


def sigmoid_bundle(*steps: dict) -> dict:
    """A config whose channels are regions with a sigmoid each, and more steps after that."""
    inference = config()
    invert, _, save = inference["postprocessing"]["transforms"]
    inference["postprocessing"]["transforms"] = [
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        invert,
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        *steps,
        save,
    ]
    return inference


def regions_metadata() -> dict:
    outputs = {"pred": {"num_channels": 3, "channel_def": REGIONS}}
    return {**METADATA, "network_data_format": {**METADATA["network_data_format"], "outputs": outputs}}


def test_the_rule_of_a_bundle_names_its_values(tmp_path):
    inference = sigmoid_bundle({"_target_": "Lambdad", "keys": "pred", "func": RULE})
    about = describe_bundle(write_bundle(tmp_path / "brats", inference, metadata=regions_metadata()))
    assert {label.value: label.name for label in about.labels} == {
        4: "enhancing",
        2: "core without enhancing",
        1: "whole without enhancing and core",
    }


@pytest.mark.parametrize(
    "func",
    [
        "$lambda x: x[1:]",
        "$lambda x: torch.where(x[0] > 0, 1, x[1])",
        "$lambda x: torch.where(x[0] > 0, 1, torch.where(x[1] > 0, 1, 0))",
        "$lambda x: torch.where(x[0] < 0, 1, 0)",
        "$(",
        3,
    ],
)
def test_what_is_no_such_rule_names_nothing(func):
    assert rule_of_regions(func) == []
    assert region_names({"postprocessing": {"_target_": "Lambdad", "func": func}}, REGIONS) == {}


def test_a_channel_without_a_name_leaves_the_values_without_names():
    config = {"postprocessing": {"_target_": "Lambdad", "func": RULE}}
    assert region_names(config, {"0": "core"}) == {}


def test_classes_and_probabilities_are_no_regions():
    assert not channels_apart(np.ones((1, 2, 2, 2)))
    assert not channels_apart(np.full((2, 2, 2, 2), 0.5))
    assert not channels_apart(np.ones((20, 2, 2, 2)))


def test_regions_without_a_rule_come_as_a_value_for_each_set_of_regions(tmp_path):
    from monai_attn import Segmenter

    root = write_bundle(tmp_path / "brats", sigmoid_bundle(), metadata=regions_metadata())
    segmenter = Segmenter.from_bundle(add_weights(root), trust=True, backend="torch", device="cpu")
    image = Volume(np.random.default_rng(0).normal(size=(20, 18, 16)).astype(np.float32), np.diag([1.5, 1.5, 2, 1]))
    made = segmenter(image)
    names = {label.value: label.name for label in made.table}
    assert (names[1], names[2], names[4]) == ("core", "enhancing", "whole")
    found = set(np.unique(made.labels.array).tolist()) - {0}
    assert found <= set(names)
    assert len(found) > 2
    assert all(names[3] == "core and enhancing" for _ in found & {3})


@pytest.mark.parametrize("classes", [2, 12])
def test_classes_that_were_taken_apart_come_as_their_labels(tmp_path, classes):
    from monai_attn import Segmenter

    inference = config()
    inference["postprocessing"]["transforms"][1]["to_onehot"] = classes
    inference["network_def"]["out_channels"] = classes
    channels = {"0": "background"} | {str(number): f"organ {number}" for number in range(1, classes)}
    outputs = {"pred": {"num_channels": classes, "channel_def": channels}}
    metadata = {**METADATA, "network_data_format": {**METADATA["network_data_format"], "outputs": outputs}}
    root = add_weights(write_bundle(tmp_path / "organs", inference, metadata=metadata), out_channels=classes)
    image = Volume(np.random.default_rng(0).normal(size=(20, 18, 16)).astype(np.float32), np.diag([1.5, 1.5, 2, 1]))
    made = Segmenter.from_bundle(root, trust=True, backend="torch", device="cpu")(image)
    plain = {"postprocessing::transforms::1::to_onehot": None}
    expected = Segmenter.from_bundle(root, trust=True, backend="torch", device="cpu", overrides=plain)(image)
    np.testing.assert_array_equal(made.labels.array, expected.labels.array)
    assert [(label.value, label.name) for label in made.table] == [(n, f"organ {n}") for n in range(1, classes)]


def test_regions_that_do_not_meet_are_regions_and_no_classes():
    apart = np.zeros((2, 1, 1, 3))
    apart[0, 0, 0, 0] = apart[1, 0, 0, 1] = 1
    assert not is_one_hot(apart)
    assert is_one_hot(apart, background=True)
    assert not is_one_hot(np.ones((2, 1, 1, 3)), background=True)
