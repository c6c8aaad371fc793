"""A bundle of the network of `organs.py`: our inference config and, beside it, one of MONAI's own components."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from organs import GRID_MM, HU_RANGE, NETWORK, ORGANS

WINDOW = (128, 128, 128)

NEVER = -100.0
"""The bias of a class that is there for its memory only."""


STOCK_LABELS: list[dict[str, Any]] = [
    {
        "_target_": "Invertd",
        "keys": "pred",
        "transform": "@preprocessing",
        "orig_keys": "image",
        "nearest_interp": False,
        "to_tensor": True,
    },
    {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
]
"""How a stock bundle comes from logits to labels on the source grid."""


def write_bundle(folder: Path, weights: Path, classes: int = len(ORGANS) + 1) -> Path:
    """The bundle's folder, with `inference.json` and `stock.json`; classes beyond the network's own never win."""
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    torch.save(_with_classes(torch.load(weights, weights_only=True), classes), folder / "models" / "model.pt")
    contents = {"metadata": _metadata(classes), "inference": _ours(classes), "stock": _stock(classes)}
    for name, content in contents.items():
        (folder / "configs" / f"{name}.json").write_text(json.dumps(content, indent=1))
    return folder


def _with_classes(state: dict[str, torch.Tensor], classes: int) -> dict[str, torch.Tensor]:
    for name, values in state.items():
        if name.startswith("heads.") and len(values) < classes:
            fill = NEVER if name.endswith("bias") else 0.0
            more = torch.full((classes - len(values), *values.shape[1:]), fill)
            state[name] = torch.cat([values, more])
    return state


def _network(classes: int) -> dict[str, Any]:
    return {"_target_": "monai_attn.networks.AttnUNet", **NETWORK, "out_channels": classes}


def _scaling() -> dict[str, Any]:
    low, high = HU_RANGE
    scaling = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": low, "a_max": high}
    return {**scaling, "b_min": -1.0, "b_max": 1.0, "clip": True}


def _sliding(target: str, **more: Any) -> dict[str, Any]:
    window = {"roi_size": list(WINDOW), "sw_batch_size": 1, "overlap": 0.5, "mode": "gaussian"}
    return {"_target_": target, **window, **more}


def _config(classes: int, **parts: Any) -> dict[str, Any]:
    """What both configs have in common; `ct` and `output_dir` are given on the command line."""
    return {
        "imports": ["$import torch"],
        "bundle_root": ".",
        "ct": "",
        "output_dir": "",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": _network(classes),
        "network": "$@network_def.to(@device)",
        **parts,
        "dataset": {"_target_": "Dataset", "data": [{"image": "@ct"}], "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "checkpointloader": {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/model.pt'",
            "load_dict": {"model": "@network"},
            "map_location": "@device",
        },
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": ["@checkpointloader"],
        },
        "run": ["$@evaluator.run()"],
    }


def _ours(classes: int) -> dict[str, Any]:
    transforms = [
        {"_target_": "monai_attn.transforms.LoadVolumed", "keys": "image", "ensure_channel_first": True},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
        {"_target_": "Spacingd", "keys": "image", "pixdim": [GRID_MM] * 3, "mode": "bilinear", "dtype": "float32"},
        _scaling(),
    ]
    after = [
        {"_target_": "monai_attn.transforms.LabelsOnSourced", "keys": "pred", "orig_keys": "image"},
        {
            "_target_": "monai_attn.transforms.SaveSegmentationd",
            "keys": "pred",
            "output_dir": "@output_dir",
            "overwrite": True,
        },
    ]
    return _config(
        classes,
        preprocessing={"_target_": "Compose", "transforms": transforms},
        inferer=_sliding(
            "monai_attn.inferers.StreamingInferer", labels={"_target_": "monai_attn.transforms.SourceLabels"}
        ),
        postprocessing={"_target_": "Compose", "transforms": after},
    )


def _stock(classes: int) -> dict[str, Any]:
    """As in MONAI's model zoo; float32 in `Spacingd`, whose inverse in float64 does not fit into 24 GB."""
    transforms = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
        {"_target_": "Spacingd", "keys": "image", "pixdim": [GRID_MM] * 3, "mode": "bilinear", "dtype": "float32"},
        _scaling(),
        {"_target_": "EnsureTyped", "keys": "image"},
    ]
    after = [
        *STOCK_LABELS,
        {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "separate_folder": False},
    ]
    return _config(
        classes,
        preprocessing={"_target_": "Compose", "transforms": transforms},
        inferer=_sliding("SlidingWindowInferer"),
        postprocessing={"_target_": "Compose", "transforms": after},
    )


def _metadata(classes: int) -> dict[str, Any]:
    names = [*ORGANS, *(f"class {number}" for number in range(len(ORGANS) + 1, classes))]
    colours = [f"#{(number * 2654435761) % 0xFFFFFF:06x}" for number in range(1, classes)]
    return {
        "version": "0.0.0",
        "name": "Organs for benchmarks",
        "images": [{"name": "image", "modality": "CT"}],
        "labels": [
            {"value": value, "name": name, "colour": colour}
            for value, (name, colour) in enumerate(zip(names, colours, strict=True), 1)
        ],
    }
