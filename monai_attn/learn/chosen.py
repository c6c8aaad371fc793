"""Decisions that a user took in place of the plan, by overrides of train.json: they belong into the plan too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monai_attn.learn.plan import Plan

__all__ = ["with_choices"]

DECISIONS = {
    "pixdim": "spacing_mm",
    "roi_size": "window",
    "batch_size": "batch",
    "network_def::channels": "channels",
    "network_def::strides": "strides",
    "network_def::kernel_sizes": "kernels",
    "network_def::norm": "norm",
    "network_def::bias": "bias",
    "network_def::deep_supervision": "deep_supervision",
    "loss::class_weights": "class_weights",
    "learning_rate": "learning_rate",
    "head_rate": "head_rate",
    "background": "background",
    "ema_momentum": "average",
    "val_limit": "validation_cases",
    "val_interval": "validation_epochs",
    "epoch_steps": "epoch_steps",
    "overlap": "overlap",
    "augmentation::0::mirror": "mirror",
    "augmentation::0::pairs": "pairs",
    "augmentation::0::prob": "deform",
    "augmentation::0::zoom": "zoom",
    "augmentation::0::rotate": "rotate",
    "augmentation::0::foreground": "foreground",
}
"""The decision of the plan that an id of train.json overrides."""


def with_choices(plan: Plan, overrides: Mapping[str, Any]) -> Plan:
    """The plan with the values that were asked for in place of its own, and with that reason.

    Overrides of ids that are no decision of a plan change nothing here.
    """
    why, values = dict(plan.why), {}
    for given, value in overrides.items():
        name = DECISIONS.get(given.replace("#", "::"))
        if name is not None:
            values[name] = _as_plan(name, value, len(plan.channels))
            why[name] = f"Asked for by --set {given}."
    return replace(plan, why=why, **values) if values else plan


def _as_plan(name: str, value: Any, levels: int) -> Any:
    """A value of a config as the plan has it: tuples, and three numbers for each level of a network in 3-D."""
    if name in ("strides", "kernels"):
        each = value if isinstance(value, list) else [value] * levels
        return tuple(tuple(one) if isinstance(one, list) else (one,) * 3 for one in each)
    if name == "pairs":
        return tuple((one, other) for one, other in value)
    return tuple(value) if isinstance(value, list) else value
