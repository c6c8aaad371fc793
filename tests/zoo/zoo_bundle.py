"""Bundles in the shapes that the model zoo has, written for the tests without torch; weights only when asked."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

NETWORK: dict[str, Any] = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
}

CONFIG: dict[str, Any] = {
    "imports": ["$import glob", "$import os"],
    "bundle_root": ".",
    "dataset_dir": "$@bundle_root + '/data'",
    "datalist": "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
    "device": "$torch.device('cpu')",
    "network_def": NETWORK,
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 1.5], "mode": "bilinear"},
            {"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True},
        ],
    },
    "dataset": {
        "_target_": "Dataset",
        "data": "$[{'image': name} for name in @datalist]",
        "transform": "@preprocessing",
    },
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "overlap": 0.5},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {
                "_target_": "Invertd",
                "keys": "pred",
                "transform": "@preprocessing",
                "orig_keys": "image",
                "nearest_interp": False,
                "to_tensor": True,
            },
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "$@bundle_root + '/eval'"},
        ],
    },
    "handlers": [
        {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/model.pt'",
            "load_dict": {"model": "@network"},
        }
    ],
}

METADATA: dict[str, Any] = {
    "version": "0.0.1",
    "monai_version": "1.4.0",
    "task": "a test",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1, "modality": "CT"}},
        "outputs": {"pred": {"channel_def": {"0": "background", "1": "left thing", "2": "right thing"}}},
    },
}


def config(**changes: Any) -> dict[str, Any]:
    """A fresh inference config, with other values of its top level."""
    return {**deepcopy(CONFIG), **changes}


def write_bundle(
    root: Path,
    inference: dict[str, Any] | None = None,
    *,
    metadata: dict[str, Any] | None = None,
    scripts: dict[str, str] | None = None,
) -> Path:
    """Write the files of a bundle, but no weights."""
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    (root / "configs" / "inference.json").write_text(json.dumps(inference or CONFIG))
    (root / "configs" / "metadata.json").write_text(json.dumps(metadata or METADATA))
    for name, text in ({"__init__.py": "", **scripts} if scripts else {}).items():
        (root / "scripts").mkdir(exist_ok=True)
        (root / "scripts" / name).write_text(text)
    return root


def add_weights(root: Path, **network: Any) -> Path:
    """Random weights for a bundle's UNet, the same each time; `network` are other arguments of it."""
    import torch
    from monai.networks.nets import UNet

    arguments = {key: value for key, value in {**NETWORK, **network}.items() if key != "_target_"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(UNet(**arguments).state_dict(), root / "models" / "model.pt")
    return root
