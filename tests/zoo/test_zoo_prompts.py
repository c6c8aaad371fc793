"""Bundles that are asked for structures, and that bring an evaluator of their own, run by that evaluator."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_bundle import CONFIG
from zoo_bundle import METADATA, NETWORK, add_weights, config, write_bundle

from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.prompts import prompts_of
from monai_attn.cli.main import main
from monai_attn.errors import InputError
from monai_attn.io import read, write
from monai_attn.volume import Volume

EVALUATOR = """
import torch
from monai.engines import SupervisedEvaluator
from monai.engines.utils import IterationEvents


class Asked(SupervisedEvaluator):
    def _iteration(self, engine, batch):
        asked = [int(one) for one in batch["label_prompt"]]
        with engine.mode(engine.network), torch.no_grad():
            logits = engine.inferer(inputs=batch["image"], network=engine.network)
        engine.state.output = {"image": batch["image"], "pred": logits, "label_prompt": torch.tensor([asked])}
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        return engine.state.output
"""

STEPS = """
from monai.transforms import MapTransform


class OnlyAskedd(MapTransform):
    def __call__(self, data):
        labels = data["pred"].argmax(dim=0, keepdim=True)
        kept = sum((labels == int(one)) for one in data["label_prompt"])
        return {**data, "pred": (labels * kept).float()}
"""


def asking(**changes) -> dict:
    """A config that asks for structures, as VISTA3D's does."""
    inference = config(
        case="${'image': 'ct.nii.gz', 'label_prompt': [2]}",
        dataset={"_target_": "Dataset", "data": "$[@case]", "transform": "@preprocessing"},
        dataloader={"_target_": "DataLoader", "dataset": "@dataset"},
        evaluator=CONFIG["evaluator"] | {"_target_": "scripts.own.Asked"},
        **changes,
    )
    invert, _, save = inference["postprocessing"]["transforms"]
    inference["postprocessing"]["transforms"] = [invert, {"_target_": "scripts.steps.OnlyAskedd", "keys": "pred"}, save]
    return inference


@pytest.fixture
def bundle(tmp_path):
    root = write_bundle(tmp_path / "vista", asking(), scripts={"own.py": EVALUATOR, "steps.py": STEPS})
    return add_weights(root)


@pytest.fixture
def image(tmp_path):
    array = np.random.default_rng(0).normal(size=(20, 18, 16)).astype(np.float32)
    write(Volume(array, np.diag([1.5, 1.5, 2.0, 1.0])), tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


def test_info_says_what_is_asked_for(bundle, capsys):
    assert describe_bundle(bundle).prompts == {"label_prompt": [2]}
    assert main(["info", str(bundle)]) == 0
    assert "it looks for right thing; others: --labels NAME,..." in capsys.readouterr().out


@pytest.mark.parametrize("data", ["$f(@case)", "@nothing", None, [], "$[{'image': i} for i in @case]"])
def test_a_case_that_is_not_written_out_asks_for_nothing(data):
    assert prompts_of(config(dataset={"data": data}, case={"label_prompt": [1]})) == {}


def test_the_evaluator_of_the_bundle_runs_and_labels_choose_the_structures(bundle, image, tmp_path, capsys):
    from monai_attn import Segmenter

    segmenter = Segmenter.from_bundle(bundle, trust=True, backend="auto", device="cpu")
    seen = []
    default = segmenter(image, progress=lambda *counts: seen.append(counts))
    assert [label.name for label in default.table] == ["right thing"]
    assert set(np.unique(default.labels.array).tolist()) == {0, 2}
    assert seen
    np.testing.assert_array_equal(segmenter(image).labels.array, default.labels.array)
    assert default.provenance["backend"] == "torch"
    both = Segmenter.from_bundle(bundle, trust=True, device="cpu", labels=["Left thing", "2"])(image)
    assert [label.name for label in both.table] == ["left thing", "right thing"]
    np.testing.assert_array_equal(both.labels.array == 2, default.labels.array == 2)
    common = ["-b", str(bundle), "--trust", "--quiet", "-o", str(tmp_path / "out")]
    assert main(["segment", str(image), *common, "--labels", "left thing,right thing"]) == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "ct_seg.nii.gz").array, both.labels.array)
    assert json.loads((tmp_path / "out" / "ct_seg.json").read_text())["provenance"]["overrides"] == {"--labels": [1, 2]}
    capsys.readouterr()
    assert main(["segment", str(image), *common, "--labels", "spleen"]) == 2
    assert "knows no spleen. It knows left thing, right thing" in capsys.readouterr().err


def test_a_bundle_that_gives_all_labels_cannot_be_asked(tmp_path):
    from monai_attn import Segmenter

    root = add_weights(write_bundle(tmp_path / "plain"), **NETWORK)
    with pytest.raises(InputError, match=r"always gives all its labels; it cannot be asked for liver"):
        Segmenter.from_bundle(root, trust=True, device="cpu", labels=["liver"])


def test_names_that_stand_twice_are_told_apart(tmp_path):
    channels = {"0": "background", "1": "vessel", "2": "vessel"}
    metadata = {**METADATA, "network_data_format": {"outputs": {"pred": {"channel_def": channels}}}}
    about = describe_bundle(write_bundle(tmp_path / "twice", metadata=metadata))
    assert [label.name for label in about.labels] == ["vessel", "vessel (2)"]
