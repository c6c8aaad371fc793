"""What a bundle says of itself, without running it and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_bundle import SEVERAL, config, make_bundle, make_bundle_of_several

from monai_attn.bundle.code import code_of_bundle
from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.requirements import unmet
from monai_attn.cases import ImageInput


def test_a_shipped_bundle_describes_itself():
    about = describe_bundle("hippocampus_mri")
    assert about.name == "hippocampus_mri"
    assert (about.images, about.joined) == ((ImageInput("image", "MR", "T1-weighted MRI"),), False)
    assert [label.name for label in about.labels] == ["anterior hippocampus", "posterior hippocampus"]
    assert (about.spacing_mm, about.window, about.overlap) == ((1.0, 1.0, 1.0), (40, 56, 40), (0.5, 0.5, 0.5))
    assert (about.overlap_id, about.runs) == ("inferer::inferer::overlap", 2)
    assert about.weights == about.root / "models" / "model.pt"
    assert [path.name for path in about.licences] == ["LICENSE", "data_license.txt"]
    assert (about.scripts, about.targets) == ((), ())


def test_a_bundle_is_described_without_torch_and_monai():
    code = (
        "import sys; from monai_attn.bundle.describe import describe_bundle; describe_bundle('soft_tissue_sarcoma'); "
        "from monai_attn.bundle.requirements import unmet; print({'torch', 'monai'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_an_override_changes_what_is_described():
    about = describe_bundle("hippocampus_mri", {"inferer::axes": [0, 1], "inferer::inferer::roi_size": 64})
    assert (about.runs, about.window) == (4, (64, 64, 64))


@pytest.mark.parametrize("keys", ["@image_key", ["@image_key", "label"], ["@image_key", "@label_key"]])
def test_the_name_of_an_image_may_be_a_reference(tmp_path, keys):
    inference = {"image_key": "image", "label_key": "label", **config()}
    inference["preprocessing"]["transforms"][0]["keys"] = keys
    assert [one.name for one in describe_bundle(make_bundle(tmp_path / "foreign", inference)).images] == ["image"]


def test_several_images_come_in_the_order_of_the_bundle(tmp_path):
    about = describe_bundle(make_bundle_of_several(tmp_path / "several"))
    assert [one.name for one in about.images] == SEVERAL["images"]
    assert (about.optional, about.joined) == (True, False)


def test_channels_of_one_image_are_named_by_the_metadata(tmp_path):
    root = make_bundle(tmp_path / "brats")
    file = root / "configs" / "metadata.json"
    image = {"num_channels": 2, "modality": "MR", "channel_def": {"0": "T1c", "1": "FLAIR"}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "network_data_format": {"inputs": {"image": image}}}))
    about = describe_bundle(root)
    assert ([one.name for one in about.images], about.joined) == (["T1c", "FLAIR"], True)


def test_the_code_of_a_bundle_is_told_with_its_nested_scripts(tmp_path):
    inference = {**config(), "extra": {"_target_": "subprocess.run"}, "more": {"_target_": "torch.nn.ReLU"}}
    root = make_bundle(tmp_path / "foreign", inference, scripts={"own.py": "", "deep.py": ""})
    (root / "scripts" / "inner").mkdir()
    (root / "scripts" / "deep.py").rename(root / "scripts" / "inner" / "deep.py")
    about = describe_bundle(root)
    assert about.targets == ("subprocess.run",)
    assert "$import glob" in about.expressions
    assert about.scripts == (Path("scripts/__init__.py"), Path("scripts/inner/deep.py"), Path("scripts/own.py"))
    code = {piece.text for piece in code_of_bundle(inference, root)}
    assert {"subprocess.run", "torch.nn.ReLU", "scripts/inner/deep.py"} <= code


@pytest.mark.parametrize(
    ("load_path", "file"),
    [
        ("$@bundle_root + '/models/other.pt'", "models/other.pt"),
        ("@weights", "models/best.pth"),
        ("$os.environ['WEIGHTS']", "models/model.pt"),
    ],
)
def test_the_file_of_the_weights_is_known_as_far_as_it_can_be_seen(tmp_path, load_path, file):
    inference = {"weights": "$@bundle_root + '/models/best.pth'", **config()}
    inference["handlers"][0]["load_path"] = load_path
    root = make_bundle(tmp_path / "foreign", inference)
    assert describe_bundle(root).weights == root / file


@pytest.mark.parametrize(
    ("least", "met"), [("1.0", True), ("2.0.0", True), ("99.1", False), ("2.0.0rc1", True), ("v1.2", True), ("", True)]
)
def test_a_package_is_as_new_as_asked_for(least, met):
    assert (unmet({"numpy_version": least}) == []) is met


def test_a_missing_package_is_named_with_the_way_to_get_it():
    (sentence,) = unmet({"required_packages_version": {"no_such_package": "3.1"}})
    assert sentence == (
        "It needs no_such_package 3.1 or newer, and none is installed. "
        'Install it with: pip install "no_such_package>=3.1"'
    )
