"""Parts that several configs of a learned bundle share: grid, network, sliding window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai_attn.labels import LabelTable
from monai_attn.learn.plan import Plan

__all__ = ["DEVICE", "ROOT", "TRANSFORMS", "Config", "cases", "compose", "grid", "inferer", "network", "provenance"]

Config = dict[str, Any]

TRANSFORMS = "monai_attn.transforms."

DEVICE = "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')"

ROOT = {"_target_": "monai_attn.bundle.guard.bundle_root"}


def grid(plan: Plan) -> Config:
    """The keys of the spacing in mm, the window in voxels and the overlap; of several images also their names."""
    several = {"images": [one.image for one in plan.normalisation]} if len(plan.normalisation) > 1 else {}
    return {**several, "pixdim": list(plan.spacing_mm), "roi_size": list(plan.window), "overlap": plan.overlap}


def cases(part: str) -> Config:
    """The labelled cases of one part of the split: "train" or "validation", or the key of a config that names it."""
    named = {} if part.startswith("@") else {"fold": "@fold"}
    places = {"dataset_dir": "@dataset_dir", "split_file": "@split_file", "part": part}
    return {"_target_": "monai_attn.learn.part_cases", **places, **named}


def network(plan: Plan, table: LabelTable) -> Config:
    """The network of the plan: an output for each label and for the background."""
    images = len(plan.normalisation)
    several = images > 1
    network = {
        "_target_": "monai_attn.networks.AttnUNet",
        "spatial_dims": 3,
        "in_channels": 2 * images if several else 1,
        "out_channels": len(table) + 1,
        "channels": list(plan.channels),
        "strides": [_short(stride) for stride in plan.strides],
        "kernel_sizes": [_short(kernel) for kernel in plan.kernels],
        "attention": "gate",
        "norm": plan.norm,
        "bias": plan.bias,
        "deep_supervision": plan.deep_supervision,
    }
    return {**network, "presence": images} if several else network


def _short(numbers: Sequence[int]) -> int | list[int]:
    """One number where all are the same."""
    return numbers[0] if len(set(numbers)) == 1 else list(numbers)


def inferer(overlap: str = "@overlap") -> Config:
    """A sliding window that keeps no float of the whole scan."""
    return {
        "_target_": "monai_attn.inferers.StreamingInferer",
        "roi_size": "@roi_size",
        "sw_batch_size": 2,
        "overlap": overlap,
        "mode": "gaussian",
        "padding_mode": "replicate",
    }


def provenance() -> Config:
    """What is noted of the bundle and its weights beside each mask."""
    return {
        "_target_": "monai_attn.bundle.guard.provenance",
        "_mode_": "callable",
        "bundle_root": "@bundle_root",
        "weights": "@weights",
    }


def compose(transforms: str | Sequence[Mapping[str, Any]]) -> Config:
    """Transforms one after the other: a list, or an expression that gives a list."""
    return {"_target_": "Compose", "transforms": transforms if isinstance(transforms, str) else list(transforms)}
