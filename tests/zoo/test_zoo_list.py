"""The list of the model zoo's bundles comes with the package, and is brought up to date from a checkout."""

from __future__ import annotations

import json

import pytest
from zoo_bundle import METADATA, write_bundle

from monai_attn.bundle.zoo import ZooBundle, main, updated, zoo_list
from monai_attn.cli.main import main as monai_attn
from monai_attn.errors import BundleError


def segmenting(**changes) -> dict:
    outputs = {"pred": {"format": "segmentation", "channel_def": {"0": "background", "1": "liver"}}}
    return {**METADATA, **changes, "network_data_format": {**METADATA["network_data_format"], "outputs": outputs}}


def test_the_list_names_every_bundle_once_with_task_images_and_licence():
    bundles = zoo_list()
    assert len({one.name for one in bundles}) == len(bundles) > 10
    assert all(one.task and one.images and one.licence for one in bundles)


def test_the_command_lists_them_without_a_network(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", str(tmp_path))
    write_bundle(tmp_path / "spleen_ct_segmentation")
    assert monai_attn(["bundles", "--online"]) == 0
    printed = capsys.readouterr().out
    assert "spleen_ct_segmentation  (fetched)" in printed
    assert "weights: CC-BY-NC-SA-4.0" in printed
    assert "monai-attn fetch NAME" in printed
    assert monai_attn(["bundles", "--online", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["spleen_ct_segmentation"]["there"]
    assert not rows["vista3d"]["there"]


def test_a_checkout_adds_bundles_sizes_and_licences_and_keeps_words(tmp_path):
    root = write_bundle(tmp_path / "models" / "liver", metadata=segmenting(task="liver"))
    (root / "LICENSE").write_text("MIT License\n\nCopyright")
    (root / "models" / "model.pt").write_bytes(b"0" * 2_100_000)
    write_bundle(tmp_path / "models" / "spleen", metadata=segmenting())
    write_bundle(tmp_path / "models" / "faces", metadata={**METADATA, "network_data_format": {}})
    known = [ZooBundle("spleen", "the spleen", "CT", "Apache-2.0", 7), ZooBundle("gone", "x", "CT", "MIT")]
    assert updated(known, tmp_path / "models") == [
        ZooBundle("liver", "liver", "CT", "MIT", 2),
        ZooBundle("spleen", "the spleen", "CT", "Apache-2.0", 7),
    ]
    with pytest.raises(BundleError, match="holds no bundles that give label maps"):
        updated(known, tmp_path)


def test_the_script_writes_the_list(tmp_path, capsys):
    write_bundle(tmp_path / "zoo" / "models" / "liver", metadata=segmenting(task="liver"))
    target = tmp_path / "zoo.json"
    assert main([str(tmp_path / "zoo"), "--list", str(target)]) == 0
    assert [one.name for one in zoo_list(target)] == ["liver"]
    assert main([str(tmp_path), "--list", str(target)]) == 2
    assert "holds no bundles" in capsys.readouterr().err
