"""A copy of each bundle with weights, and data to run it on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser
from workbench import BUNDLES, NAMES, make_dataset


@pytest.fixture(scope="session", params=BUNDLES, ids=NAMES)
def bundle(request, tmp_path_factory) -> Path:
    """A bundle elsewhere than in the repository; with random weights where it has none of its own yet."""
    copy = tmp_path_factory.mktemp("elsewhere") / request.param.name
    shutil.copytree(request.param, copy, ignore=shutil.ignore_patterns("runs", "data"))
    weights = copy / "models" / "model.pt"
    if not weights.exists():
        weights.parent.mkdir(exist_ok=True)
        parser = ConfigParser()
        parser.read_config(str(copy / "configs" / "inference.json"))
        torch.manual_seed(0)
        torch.save(parser.get_parsed_content("network_def").state_dict(), weights)
    return copy


@pytest.fixture(scope="session")
def dataset(bundle, tmp_path_factory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "blocks", bundle)
