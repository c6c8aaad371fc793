"""Decisions that a user took in place of the plan, by overrides of train.json: they belong into the plan too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monai_attn.errors import OverrideError
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

LISTS = {
    "spacing_mm": ("[2,2,2]", 3),
    "window": ("[48,48,48]", 3),
    "rotate": ("[0.2,0.2,0.2]", 3),
    "zoom": ("[0.8,1.25]", 2),
    "mirror": ("[0]", None),
    "pairs": ("[[1,2]]", None),
    "channels": ("[16,32,64,128]", None),
}
"""How decisions that are lists are written, and how many numbers they have; None for any number."""

POSITIVE = (
    *("spacing_mm", "window", "batch", "channels", "zoom", "learning_rate", "head_rate"),
    *("validation_cases", "validation_epochs", "epoch_steps"),
)
"""Decisions that are numbers above 0."""


def with_choices(plan: Plan, overrides: Mapping[str, Any]) -> Plan:
    """The plan with the values that were asked for in place of its own, and with that reason.

    Overrides of ids that are no decision of a plan change nothing here. Raises `OverrideError` for a value of another
    form, such as one number for three axes, and for numbers that are not above 0 where they must be.
    """
    why, values = dict(plan.why), {}
    for given, value in overrides.items():
        name = DECISIONS.get(given.replace("#", "::"))
        if name is not None:
            if name == "validation_cases" and value is None:
                why[name] = f"All cases of the validation, as asked for by --set {given}."
                continue  # the plan counts what its time would allow
            _check(given, name, value)
            why[name] = f"Asked for by --set {given}."
            values[name] = _as_plan(name, value, len(plan.channels))
    return replace(plan, why=why, **values) if why != plan.why else plan


def _check(given: str, name: str, value: Any) -> None:
    """Raise `OverrideError` where a list has another form than the plan and the bundle need. Expressions pass."""
    if isinstance(value, str) and value.startswith("$"):
        return
    example, count = LISTS.get(name, ("", None))
    rows = value if isinstance(value, list) else None
    right = rows is not None and (count is None or len(rows) == count)
    if name == "pairs":
        right = rows is not None and all(isinstance(one, list) and len(one) == 2 for one in rows)
    if example and not right:
        raise OverrideError(f"--set {given}={value} is of another form than {given}={example}. Write it so.")
    numbers = value if isinstance(value, list) else [value]
    if name in POSITIVE and not all(isinstance(one, int | float) and one > 0 for one in numbers):
        raise OverrideError(f"--set {given}={value} is of no use: it takes numbers above 0.")


def _as_plan(name: str, value: Any, levels: int) -> Any:
    """A value of a config as the plan has it: tuples, and three numbers for each level of a network in 3-D."""
    if name in ("strides", "kernels"):
        each = value if isinstance(value, list) else [value] * levels
        return tuple(tuple(one) if isinstance(one, list) else (one,) * 3 for one in each)
    if name == "pairs":
        return tuple((one, other) for one, other in value)
    return tuple(value) if isinstance(value, list) else value
