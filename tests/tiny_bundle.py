"""Small real MONAI bundles of somebody else, made on the spot: MONAI's network, loader, saver; random weights."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import UNet

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
    "output_dir": "$@bundle_root + '/eval'",
    "dataset_dir": "$@bundle_root + '/data'",
    "datalist": "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
    "device": "$torch.device('cpu')",
    "network_def": NETWORK,
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image", "reader": "NibabelReader"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 1.5], "mode": "bilinear"},
            {"_target_": "NormalizeIntensityd", "keys": "image"},
        ],
    },
    "dataset": {
        "_target_": "Dataset",
        "data": "$[{'image': name} for name in @datalist]",
        "transform": "@preprocessing",
    },
    "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "overlap": 0.5, "mode": "gaussian"},
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
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "separate_folder": False},
        ],
    },
    "handlers": [
        {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/model.pt'",
            "load_dict": {"model": "@network"},
        }
    ],
    "evaluator": {
        "_target_": "SupervisedEvaluator",
        "device": "@device",
        "val_data_loader": "@dataloader",
        "network": "@network",
        "inferer": "@inferer",
        "postprocessing": "@postprocessing",
        "val_handlers": "@handlers",
    },
    "run": ["$@evaluator.run()"],
}

METADATA: dict[str, Any] = {
    "version": "0.0.1",
    "monai_version": "1.6.1",
    "pytorch_version": "2.10.0",
    "numpy_version": "2.0.0",
    "required_packages_version": {},
    "task": "a test",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1}},
        "outputs": {"pred": {"channel_def": {"0": "background", "1": "left thing", "2": "right thing"}}},
    },
}


SEVERAL: dict[str, Any] = {
    **CONFIG,
    "images": ["t1", "ct", "pet"],
    "ignore_frames": False,
    "datalist": {
        "_target_": "monai_attn.cases.several_image_cases",
        "dataset_dir": "@dataset_dir",
        "images": "@images",
    },
    "network_def": {"_target_": "torch.nn.Conv3d", "in_channels": 6, "out_channels": 2, "kernel_size": 1},
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {
                "_target_": "monai_attn.transforms.LoadVolumed",
                "keys": "@images",
                "ensure_channel_first": True,
                "allow_missing_keys": True,
            },
            {
                "_target_": "monai_attn.transforms.AlignImagesd",
                "keys": ["t1", "ct", "pet"],
                "pixdim": [1.5, 1.5, 1.5],
                "ignore_frames": "@ignore_frames",
            },
            {"_target_": "ConcatItemsd", "keys": ["image", "presence"], "name": "image"},
        ],
    },
    "dataset": {"_target_": "Dataset", "data": "@datalist", "transform": "@preprocessing"},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            *CONFIG["postprocessing"]["transforms"][:2],
            {
                "_target_": "monai_attn.transforms.SaveSegmentationd",
                "keys": "pred",
                "output_dir": "@output_dir",
                "provenance": {
                    "_target_": "monai_attn.bundle.guard.provenance",
                    "_mode_": "callable",
                    "bundle_root": "@bundle_root",
                    "weights": "$@bundle_root + '/models/model.pt'",
                },
            },
        ],
    },
}
"""The config of a bundle of three images on their own grids: a tumour is where their sum exceeds a half."""

SEVERAL_METADATA: dict[str, Any] = {
    "images": [
        {"name": "t1", "modality": "MR", "description": "T1-weighted MRI", "series": "t1"},
        {"name": "ct", "modality": "CT"},
        {"name": "pet", "modality": "PT"},
    ],
    "network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "tumour"}}}},
}


def config() -> dict[str, Any]:
    """A fresh copy of the inference config, to change."""
    return deepcopy(CONFIG)


def make_bundle_of_several(root: Path, **changes: Any) -> Path:
    """A bundle that says tumour where t1 + ct + pet > 0.5: its answer is known. `changes` are keys of its config."""
    make_bundle(root, {**deepcopy(SEVERAL), **changes})
    (root / "configs" / "metadata.json").write_text(json.dumps({**METADATA, **SEVERAL_METADATA}))
    weight, bias = torch.zeros(2, 6, 1, 1, 1), torch.tensor([0.0, -0.5])
    weight[1, :3] = 1.0
    torch.save({"weight": weight, "bias": bias}, root / "models" / "model.pt")
    return root


def make_bundle(root: Path, inference: dict[str, Any] | None = None, *, scripts: dict[str, str] | None = None) -> Path:
    """Write the bundle and random weights, the same each time."""
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    (root / "configs" / "inference.json").write_text(json.dumps(inference or CONFIG))
    (root / "configs" / "metadata.json").write_text(json.dumps(METADATA))
    for name, text in (scripts or {}).items():
        (root / "scripts").mkdir(exist_ok=True)
        (root / "scripts" / "__init__.py").touch()
        (root / "scripts" / name).write_text(text)
    arguments = {key: value for key, value in NETWORK.items() if key != "_target_"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(UNet(**arguments).state_dict(), root / "models" / "model.pt")
    return root
