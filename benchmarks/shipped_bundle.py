"""A copy of a shipped bundle for benchmarks: its inference config for one image, and one of MONAI's own components."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from organ_bundle import STOCK_LABELS

__all__ = ["stock_parts", "write_copy"]


def write_copy(source: Path, folder: Path, pixdim: Sequence[float] | None = None) -> Path:
    """The bundle's folder, with `inference.json` and `stock.json`; `ct` and `output_dir` are given on the command line.

    `pixdim`: another grid than the bundle's own, in millimetres. The network was not trained for it, so only the time
    says something then.
    """
    shutil.copytree(source, folder, dirs_exist_ok=True)
    config: dict[str, Any] = json.loads((source / "configs" / "inference.json").read_text())
    for transform in config["preprocessing"]["transforms"]:
        if "pixdim" in transform:
            transform["pixdim"] = list(pixdim or config["pixdim"])
    for name in ("roi_size", "overlap"):
        config["inferer"][name] = config[name]
    config |= {"ct": "", "force": True, "overwrite": True}
    config["dataset"]["data"] = [{"image": "@ct"}]
    stock = stock_parts(config)
    stock["inferer"] = {"_target_": "SlidingWindowInferer", **_plain(config["inferer"])}
    for name, content in (("inference", config), ("stock", stock)):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(content, indent=1))
    return folder


def stock_parts(config: dict[str, Any], **saving: Any) -> dict[str, Any]:
    """A shipped inference config with MONAI's own loader and postprocessing; `saving`: options of `SaveImaged`."""
    config = deepcopy(config)
    first, *others = config["preprocessing"]["transforms"]
    config["preprocessing"]["transforms"] = [
        {"_target_": "LoadImaged", "keys": first["keys"]},
        {"_target_": "EnsureChannelFirstd", "keys": first["keys"]},
        *others,
    ]
    config["postprocessing"]["transforms"] = [
        *STOCK_LABELS,
        {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "separate_folder": False, **saving},
    ]
    config["dataset"] |= {"_target_": "Dataset", "transform": "@preprocessing"}  # in place of ours, which checks images
    config["initialize"] = []
    return config


def _plain(inferer: dict[str, Any]) -> dict[str, Any]:
    """The arguments that MONAI's own inferer has too."""
    return {name: value for name, value in inferer.items() if name not in ("_target_", "labels")}
