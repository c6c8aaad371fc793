"""Weights that are not those of the metadata are refused, and the metadata of shipped bundles are up to date."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
from tiny_bundle import make_bundle

from monai_attn.bundle.locate import read_metadata, shipped
from monai_attn.bundle.parts import open_bundle
from monai_attn.bundle.weights import read_weights
from monai_attn.errors import BundleError, FileError, TrustError
from monai_attn.io.digest import sha256
from monai_attn.preflight import MadeFor, StructureRange
from monai_attn.preflight.refresh import main, refresh, write_made_for
from monai_attn.training import join_weights, save_weights


class _Code:
    def __reduce__(self):
        return print, ("run",)


@pytest.fixture
def bundle(tmp_path):
    root = make_bundle(tmp_path / "own")
    refresh(root)
    return root


def test_one_flipped_bit_in_the_weights_is_refused_with_both_ways_out(bundle):
    open_bundle(bundle, trust=True)
    weights = bundle / "models" / "model.pt"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BundleError, match="copy it again") as refusal:
        open_bundle(bundle, trust=True)
    assert "models/model.pt is not the file that metadata.json describes" in str(refusal.value)
    assert "python -m monai_attn.preflight.refresh" in str(refusal.value)
    refresh(bundle)
    assert open_bundle(bundle, trust=True).weights_sha256 == sha256(weights)


def test_weights_of_a_bundle_that_states_no_sha256_are_recorded(tmp_path):
    root = make_bundle(tmp_path / "theirs")
    assert open_bundle(root, trust=True).weights_sha256 == sha256(root / "models" / "model.pt")


@pytest.mark.parametrize("content", [pickle.dumps(_Code()), b"not weights", b""])
def test_the_refusal_of_a_pickle_does_not_say_how_to_run_it(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.pt is not a file of weights only, or it is damaged") as refusal:
        read_weights(path)
    assert "weights_only" not in str(refusal.value)
    assert "safe_globals" not in str(refusal.value)


def test_a_whole_network_in_the_file_is_refused_without_the_advice(tmp_path):
    torch.save(torch.nn.Conv1d(1, 1, 1), tmp_path / "model.pt")
    with pytest.raises(BundleError) as refusal:
        read_weights(tmp_path / "model.pt")
    assert "weights_only" not in str(refusal.value)


def test_weights_that_a_training_saves_into_a_bundle_are_those_of_its_metadata(tmp_path):
    root = make_bundle(tmp_path / "own")
    save_weights(open_bundle(root, trust=True).network, root / "models" / "model.pt")
    assert read_metadata(root)["weights_sha256"] == sha256(root / "models" / "model.pt")
    save_weights(open_bundle(root, trust=True).network, tmp_path / "runs" / "model.pt")
    join_weights([tmp_path / "runs" / "model.pt"], tmp_path / "joined" / "model.pt")


@pytest.mark.parametrize("name", shipped())
def test_the_metadata_of_a_shipped_bundle_have_the_sha256_of_its_weights(name):
    root = shipped()[name]
    stated, found = read_metadata(root)["weights_sha256"], sha256(root / "models" / "model.pt")
    assert stated == found, f"Run: python -m monai_attn.preflight.refresh {name} --dataset_dir DATA"


@pytest.mark.parametrize("name", shipped())
def test_the_metadata_of_a_shipped_bundle_say_what_it_was_made_for(name):
    metadata = read_metadata(shipped()[name])
    known = MadeFor.from_json(metadata["made_for"])
    assert known is not None
    assert known.to_json() == metadata["made_for"]
    assert list(known.images) == ([image["name"] for image in metadata.get("images", [])] or ["image"])
    assert list(known.structures) == [label["value"] for label in metadata["labels"]]
    assert all(one.certainty for one in known.structures.values())


DATA = {"hippocampus_mri": "hippocampus", "soft_tissue_sarcoma": "soft_tissue_sarcoma"}
"""`learn` wrote `made_for` of head_neck_ct: without structures that the scan cuts off, which `refresh` counts."""


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_what_the_metadata_say_of_the_training_is_what_the_training_cases_show(shared_data, tmp_path, name):
    root = shutil.copytree(shipped()[name], tmp_path / name)
    before = (root / "configs" / "metadata.json").read_text()
    refresh(root, dataset_dir=shared_data / DATA[name], trust=True)
    assert (root / "configs" / "metadata.json").read_text() == before


def test_the_certainty_of_old_weights_does_not_stay_with_new_ones(bundle):
    liver = StructureRange((1.0, 2.0), (0.9, 1.0), (0.0, 0.0), {"image": (0.8, 0.9)})
    write_made_for(bundle, MadeFor(3, {}, {1: liver}))
    refresh(bundle)
    assert MadeFor.from_json(read_metadata(bundle)["made_for"]).structures[1] == liver
    network = open_bundle(bundle, trust=True).network
    with torch.no_grad():
        next(network.parameters()).add_(1)
    save_weights(network, bundle / "models" / "model.pt")
    assert MadeFor.from_json(read_metadata(bundle)["made_for"]).structures[1].certainty == {}


def test_the_command_writes_the_metadata_or_says_why_not(tmp_path, capsys):
    root = make_bundle(tmp_path / "own")
    assert main([str(root)]) == 0
    assert read_metadata(root)["weights_sha256"] == sha256(root / "models" / "model.pt")
    (root / "models" / "model.pt").unlink()
    assert main([str(root)]) == 2
    assert "has no models/model.pt" in capsys.readouterr().err
    with pytest.raises(FileError):
        refresh(root)


def test_the_training_cases_of_another_bundle_are_not_listed_without_trust(tmp_path):
    root = make_bundle(tmp_path / "theirs")
    (root / "configs" / "train.json").write_text(json.dumps({"train_cases": "$print('run') or []"}))
    with pytest.raises(TrustError):
        refresh(root, dataset_dir=tmp_path)


def test_a_made_for_with_a_missing_number_is_refused():
    with pytest.raises(BundleError, match=r"made_for of metadata.json cannot be used: KeyError: 'spacing_mm'"):
        MadeFor.from_json({"cases": 1, "images": {"image": {"size_mm": [[1, 1, 1], [2, 2, 2]]}}, "structures": {}})
