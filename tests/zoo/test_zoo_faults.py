"""What of a bundle itself keeps it from running is said before torch is loaded, with the overrides that cure it."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from zoo_bundle import NETWORK, add_weights, config, write_bundle

import monai_attn.bundle.fault_kinds as kinds
from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.faults import faults, require_runnable
from monai_attn.bundle.modules import imports_of
from monai_attn.bundle.overrides import parse_override
from monai_attn.cli.main import main
from monai_attn.errors import BundleError
from monai_attn.io import write
from monai_attn.preflight.chosen import check_chosen
from monai_attn.volume import Volume


def refusal(root, capsys, tmp_path) -> tuple[str, dict]:
    """What `monai-attn segment` says of a bundle, and the overrides of its cure."""
    write(Volume(np.zeros((4, 4, 4), np.float32)), tmp_path / "t1.nii.gz")
    assert main(["segment", str(tmp_path / "t1.nii.gz"), "-b", str(root), "-o", str(tmp_path / "out"), "--trust"]) == 2
    said = capsys.readouterr().err
    options = [word for word in shlex.split(said.partition("Cure: ")[2]) if word != "--set"]
    return said, dict(parse_override(word) for word in options)


def interpolating(**changes) -> dict:
    """A config that makes labels first and interpolates them then."""
    inference = config()
    steps = inference["postprocessing"]["transforms"]
    steps[0], steps[1] = steps[1], {**steps[0], **changes}
    return inference


def test_labels_that_are_interpolated_are_refused_with_the_cure(tmp_path, capsys):
    root = write_bundle(tmp_path / "prostate", interpolating())
    said, cures = refusal(root, capsys, tmp_path)
    assert "It interpolates between the values of its labels" in said
    assert cures == {"postprocessing::transforms::1::nearest_interp": True}
    require_runnable(root, cures)


@pytest.mark.parametrize("change", [{"nearest_interp": True}, {"keys": "other"}, {"_disabled_": True}])
def test_labels_that_are_not_interpolated_are_no_fault(change):
    assert faults(interpolating(**change)) == []


def test_an_argument_that_monai_has_dropped_is_refused_with_the_network_without_it(tmp_path, capsys):
    network = {"_target_": "SwinUNETR", "img_size": 96, "in_channels": 1, "out_channels": 2}
    root = write_bundle(tmp_path / "swin", config(network_def=network))
    said, cures = refusal(root, capsys, tmp_path)
    assert "SwinUNETR of MONAI has no argument img_size any more" in said
    assert cures["network_def"] == {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 2}


def on_cuda() -> dict:
    code = "$torch.load(@code_path, map_location=torch.device('cuda'))"
    return config(code=code, space={"device": '$torch.device("cuda:0")'}, device="$torch.device('cuda:0')")


def test_a_device_that_is_not_there_is_refused_with_the_cure(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kinds, "has_cuda", lambda: False)
    said, cures = refusal(write_bundle(tmp_path / "dints", on_cuda()), capsys, tmp_path)
    assert "It asks for a CUDA device, and this computer has none" in said
    assert cures == {
        "code": '$torch.load(@code_path, map_location=torch.device("cpu"))',
        "space::device": '$torch.device("cpu")',
    }


def test_a_device_that_is_there_or_asked_for_is_no_fault(monkeypatch):
    monkeypatch.setattr(kinds, "has_cuda", lambda: True)
    assert faults(on_cuda()) == []
    monkeypatch.setattr(kinds, "has_cuda", lambda: False)
    asking = "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')"
    assert faults(config(inferer={"_target_": "SimpleInferer", "device": asking})) == []


SCRIPTS = {
    "net.py": "import torch\nfrom scripts.parts import part\n\ndef later():\n    import not_here_either\n",
    "parts.py": "try:\n    import optional\nexcept ImportError:\n    pass\nimport no_such_package.inner\nimport cv2_",
    "unused.py": "import never_asked_for",
}


def test_packages_that_the_scripts_import_are_named_with_the_pip_line(tmp_path, capsys):
    inference = config(network_def={"_target_": "scripts.net.Net"}, imports=["$import glob", "$import no_other as n"])
    root = write_bundle(tmp_path / "cells", inference, scripts=SCRIPTS)
    said, cures = refusal(root, capsys, tmp_path)
    assert "The config, scripts/parts.py imports no_other, no_such_package, cv2_, which is not installed" in said
    assert "pip install no_other no_such_package cv2_" in said
    assert cures == {}


def test_imports_of_damaged_code_are_none():
    assert imports_of("import (") == []


def test_the_window_refuses_what_the_command_refuses(tmp_path):
    about = describe_bundle(write_bundle(tmp_path / "prostate", interpolating()))
    (finding,) = check_chosen(about, {"image": Volume(np.zeros((4, 4, 4), np.float32))})
    assert finding.severity == "error"
    assert "Cure: --set postprocessing::transforms::1::nearest_interp=true" in finding.text


def test_the_cure_gives_a_mask_in_whole_numbers(tmp_path):
    from monai_attn import Segmenter

    root = add_weights(write_bundle(tmp_path / "prostate", interpolating()), **NETWORK)
    image = Volume(np.random.default_rng(0).normal(size=(20, 18, 16)).astype(np.float32), np.diag([1.0, 1.2, 1.4, 1]))
    with pytest.raises(BundleError, match="cannot run as it is"):
        Segmenter.from_bundle(root, trust=True)
    cures = {place: value for fault in describe_bundle(root).faults for place, value in fault.cures.items()}
    mask = Segmenter.from_bundle(root, trust=True, overrides=cures, backend="torch", device="cpu")(image)
    assert len(np.unique(mask.labels.array)) > 1
