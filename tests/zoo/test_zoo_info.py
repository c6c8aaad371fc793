"""`monai-attn info BUNDLE`: what a bundle is, takes and gives, and whether it can run here; none of its code runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from zoo_bundle import METADATA, config, write_bundle

from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.large_files import large_files
from monai_attn.bundle.ready import obstacles
from monai_attn.cli.main import main
from monai_attn.errors import BundleError

ADDRESS = "https://example.org/model.pt"


def info(root, capsys) -> dict:
    assert main(["info", str(root), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_info_says_what_a_bundle_takes_gives_and_lacks(tmp_path, capsys):
    metadata = {**METADATA, "required_packages_version": {"no_such_package": "1.2", "numpy": "1.0"}}
    inference = config(labels={"background": 0, "spleen": 1})
    root = write_bundle(tmp_path / "spleen", inference, metadata=metadata, scripts={"own.py": "x = 1\n"})
    (root / "LICENSE").write_text("Use it.")
    (root / "large_files.yml").write_text(
        f"large_files:\n- path: models/model.pt\n  url: {ADDRESS}\n  hash_val: abc\n  hash_type: md5\n"
    )
    rows = info(root, capsys)
    assert rows["task"] == "a test"
    assert rows["images"] == ["image  CT"]
    assert rows["labels"] == ["1  left thing", "2  right thing"]
    assert (rows["spacing"], rows["window"]) == ("1.5 x 1.5 x 1.5 mm", "16 x 16 x 16 voxels")
    assert rows["weights"] == f"missing; {ADDRESS} (md5)"
    assert rows["licence"] == ["LICENSE"]
    assert rows["packages"] == 'pip install "no_such_package>=1.2"'
    assert rows["code"][:2] == ["scripts/__init__.py (0 bytes)", "scripts/own.py (6 bytes)"]
    assert rows["trusted"].startswith("no")
    assert rows["runs here"] == [
        f"The weights are missing: there is no models/model.pt. Download them from {ADDRESS}.",
        "It needs no_such_package 1.2 or newer, and none is installed. "
        'Install it with: pip install "no_such_package>=1.2"',
    ]


def test_a_bundle_with_all_it_needs_runs_once_it_is_trusted(tmp_path, capsys):
    root = write_bundle(tmp_path / "spleen")
    (root / "models" / "model.pt").write_bytes(b"weights")
    assert info(root, capsys)["runs here"] == ["yes, once it is trusted"]
    assert info("hippocampus_mri", capsys)["runs here"] == ["yes"]


def test_channels_labels_without_names_and_faults_are_said(tmp_path, capsys):
    image = {"num_channels": 2, "modality": "MR", "channel_def": {"0": "T1c", "1": "FLAIR"}}
    inference = config()
    inference["preprocessing"]["transforms"][0]["keys"] = ["image", "label"]
    root = write_bundle(
        tmp_path / "brats", inference, metadata={**METADATA, "network_data_format": {"inputs": {"image": image}}}
    )
    rows = info(root, capsys)
    assert rows["images"][:2] == ["T1c  MR", "FLAIR  MR"]
    assert "T1c=... for each" in rows["images"][2]
    assert rows["labels"] == ["not named in metadata.json or the inference config; name them with --labels FILE"]
    assert rows["runs here"][0].startswith("It expects a label (key 'label') in each case")
    assert "The weights are missing: there is no models/model.pt. Ask the makers" in rows["runs here"][1]


@pytest.mark.parametrize(
    "said",
    [
        {"network_data_format": None},
        {"network_data_format": [1]},
        {"network_data_format": {"inputs": {"image": "CT"}, "outputs": {"pred": 3}}},
        {"network_data_format": {"inputs": {"image": {"num_channels": "*", "channel_def": []}}}},
        {
            "network_data_format": {
                "outputs": {"pred": {"num_channels": "n", "channel_def": {"0": "background", "a": 1}}}
            }
        },
        {"images": [3], "required_packages_version": ["a"]},
    ],
)
def test_metadata_of_another_form_are_passed_over(tmp_path, capsys, said):
    rows = info(write_bundle(tmp_path / "odd", metadata={**METADATA, **said}), capsys)
    assert rows["images"][0].startswith("image")


def test_a_list_of_large_files_may_be_missing_empty_or_damaged(tmp_path):
    root = write_bundle(tmp_path / "spleen")
    assert large_files(root) == ()
    (root / "large_files.yml").write_text("large_files:\n")
    assert large_files(root) == ()
    (root / "large_files.yml").write_text("large_files: [")
    with pytest.raises(BundleError, match=r"large_files\.yml cannot be read"):
        obstacles(describe_bundle(root), METADATA)


def test_info_on_a_bundle_runs_nothing_and_loads_no_torch(tmp_path):
    spy = tmp_path / "it_ran"
    root = write_bundle(tmp_path / "spy", config(version=f"$open({str(spy)!r}, 'w')"), scripts={"own.py": "1 / 0"})
    code = (
        f"import sys; from monai_attn.cli.main import main; main(['info', {str(root)!r}]); "
        "print('heavy:', *sorted({'torch', 'monai'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1].strip() == "heavy:"
    assert not spy.exists()
