"""The same checks under `python -m monai.bundle run`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import Finished, run_module

from monai_attn import Segmenter
from monai_attn.bundle.locate import read_metadata, shipped
from monai_attn.errors import InputError
from monai_attn.io import write
from monai_attn.preflight import CheckedImages, mask_warnings
from monai_attn.volume import Volume

BUNDLE = shipped()["hippocampus_mri"]
CONFIG = BUNDLE / "configs" / "inference.json"


def noise(size=(36, 50, 36)) -> Volume:
    return Volume(np.random.default_rng(5).normal(100, 20, size).astype(np.float32))


def prepare(case):
    return {**case, "image": SimpleNamespace(meta={"filename_or_obj": "memory"}, volume=case["image"])}


def test_images_are_checked_before_the_preprocessing_and_warnings_go_with_them(tmp_path):
    small, blank = tmp_path / "small.nii.gz", tmp_path / "blank.nii.gz"
    write(noise((12, 50, 36)), small)
    write(Volume(np.zeros((36, 50, 36), np.float32)), blank)
    checked = CheckedImages(prepare, read_metadata(BUNDLE))
    prepared = checked({"case": "small", "image": str(small)})["image"]
    assert prepared.volume.shape == (12, 50, 36)
    assert prepared.meta["filename_or_obj"] == str(small)
    assert "In a smaller image" in prepared.meta["warnings"]
    with pytest.raises(InputError, match="The image is blank"):
        checked({"case": "blank", "image": str(blank)})
    forced = CheckedImages(prepare, read_metadata(BUNDLE), force=True)
    assert "blank" in forced({"case": "blank", "image": str(blank)})["image"].meta["warnings"]


def test_a_bundle_of_somebody_else_gets_no_warning(tmp_path):
    path = tmp_path / "blank.nii.gz"
    write(Volume(np.zeros((4, 4, 400), np.float32)), path)
    prepared = CheckedImages(prepare, {"network_data_format": {}})({"image": str(path)})["image"]
    assert prepared.meta["warnings"] == ""
    assert mask_warnings(Volume(np.zeros((4, 4, 4), np.uint8)), {"labels": [{"value": 1, "name": "x"}]}) == []


def bundle_run(data: Path, output: Path, *options: str) -> Finished:
    where = ["--dataset_dir", data, "--output_dir", output, "--device", "$torch.device('cpu')"]
    return run_module("monai.bundle", "run", "--config_file", CONFIG, *where, *options, cwd=output.parent)


def test_bundle_run_writes_the_warnings_beside_the_mask_and_refuses_as_the_command_does(tmp_path):
    write(noise((80, 50, 36)), tmp_path / "in" / "wide.nii.gz")
    refused = bundle_run(tmp_path / "in", tmp_path / "out")
    assert refused.code != 0
    assert refused.last_line.startswith("InputError: The regions left, right were not found for certain.")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    forced = bundle_run(tmp_path / "in", tmp_path / "out", "--force", "true")
    assert forced.code == 0, forced.text
    record = json.loads((tmp_path / "out" / "wide_seg.json").read_text())
    assert record["warnings"][0].startswith("The regions left, right were not found for certain.")
    assert any(text.startswith("The image measures 80 x 50 x 36 mm") for text in record["warnings"])
    assert len(record["warnings"]) > 1  # noise gives no hippocampus
    made = Segmenter.from_bundle("hippocampus_mri", device="cpu", backend="torch")(
        tmp_path / "in" / "wide.nii.gz", force=True
    )
    assert {int(value): share for value, share in record["certainty"].items()} == made.certainty
    assert record["warnings"] == list(made.warnings)
    assert any("The network is unsure of the" in text for text in made.warnings)
