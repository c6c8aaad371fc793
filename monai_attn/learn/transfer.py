"""Starting from the weights of another bundle: what of its network, grid and weights the new training takes over."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_attn.bundle.config import component_of, resolve
from monai_attn.bundle.describe import BundleDescription, describe_bundle
from monai_attn.bundle.locate import read_config
from monai_attn.bundle.weights import read_weights
from monai_attn.cases import SplitRecord, save_record, split_record_of
from monai_attn.errors import BundleError
from monai_attn.io.digest import sha256
from monai_attn.labels import Label, LabelTable
from monai_attn.learn.plan import Plan
from monai_attn.learn.plan_file import read_plan
from monai_attn.learn.words import expressions_in

__all__ = ["Start", "copy_weights", "find_start", "with_codes_of", "with_start"]

NETWORK = "AttnUNet"
"""The network whose weights can be taken over; a mean of several gives those of its first network."""

TAKEN = ("channels", "strides", "kernel_sizes")
"""Settings of the other network that the new network must share, so that weights fit by name and shape."""

KEPT = ("attention", "bottleneck", "upsample", "act", "depth", "residual", "dropout")
"""Settings of the other network that no plan decides; the new network has the same, where the other one has them."""

GREY = ("ScaleIntensityRanged", "ScaleIntensityRangePercentilesd", "NormalizeIntensityd")
"""The transforms of grey values that `learn` writes, which alone are taken over."""

SLOWER = 0.3
"""The learning rate of a training that begins with trained weights, as a share of the usual one."""


@dataclass(frozen=True)
class Start:
    """Another bundle to begin with: its description, the settings of its network, and which of its weights are taken.

    `prefix` picks one network of several. `plan` is the plan of a bundle that `learn` made, else None.
    """

    bundle: BundleDescription
    network: Mapping[str, Any]
    prefix: str
    plan: Plan | None


def find_start(name_or_path: str | Path) -> Start:
    """The start from a shipped bundle (by name) or a folder. None of its code runs.

    Raises `BundleError` for a bundle without weights, or whose network is not `monai_attn.networks.AttnUNet` in 3-D.
    Raises it too for settings that are expressions, which the new bundle would run.
    """
    bundle = describe_bundle(name_or_path)
    config = read_config(bundle.root)
    network = resolve(config.get("network_def"), config)
    prefix = ""
    if isinstance(network, dict) and str(network.get("_target_", "")).endswith("NetworkMean"):
        inner = resolve(network.get("network"), config)
        network, prefix = (inner[0] if isinstance(inner, list) else inner), "networks.0."
    component = component_of("network_def", network)
    if component is None or component.name != NETWORK:
        raise BundleError(
            f"The network of {bundle.name} is no {NETWORK} of monai_attn, so its weights fit no network that learn "
            "makes. Leave out --from, or name a bundle of this package."
        )
    dims, temporal = component.settings.get("spatial_dims", 3), component.settings.get("temporal", "none")
    if dims != 3 or temporal != "none":
        raise BundleError(
            f"The network of {bundle.name} is made for {'sequences' if temporal != 'none' else f'{dims} dimensions'}, "
            "and learn makes networks for single images in 3. Leave out --from, or name another bundle."
        )
    if not bundle.weights.is_file():
        raise BundleError(f"The bundle {bundle.name} has no weights to begin with: there is no models/model.pt.")
    made = bundle.root / "docs" / "plan.json"
    plan = read_plan(made) if made.is_file() else None
    _check_harmless(bundle.name, component.settings, plan)
    return Start(bundle, component.settings, prefix, plan)


def with_codes_of(start: Start, labels: LabelTable) -> LabelTable:
    """The structures; one without a code has colour, code and side of the other bundle's structure of its name.

    A structure whose own side is another one keeps what it has.
    """
    known = {label.name.casefold(): label for label in start.bundle.labels if label.code is not None}

    def coded(label: Label) -> Label:
        found = known.get(label.name.casefold())
        if found is None or label.code is not None or label.laterality not in ("", found.laterality):
            return label
        return replace(found, value=label.value, name=label.name)

    return LabelTable(tuple(coded(label) for label in labels))


def with_start(plan: Plan, start: Start) -> Plan:
    """The plan with grid, window and network of the other bundle, and a lower learning rate.

    The grey values are those of the other bundle where `learn` made it and the images have the same names and units.
    The weights expect them.
    """
    settings = {key: start.network[key] for key in TAKEN if start.network.get(key)}
    channels = tuple(int(width) for width in settings["channels"])
    strides = tuple(_three(stride) for stride in settings["strides"])
    kernels = tuple(_three(kernel) for kernel in settings.get("kernel_sizes") or [3] * len(channels))
    bundle = start.bundle
    said = f"as in {bundle.name}, whose weights this training begins with."
    why = {**plan.why, **dict.fromkeys(("channels", "strides", "kernels", "norm", "bias"), f"The same network {said}")}
    new = replace(plan, channels=channels, strides=strides, kernels=kernels, initial=bundle.name)
    if bundle.spacing_mm is not None and min(bundle.spacing_mm) > 0:
        i, j, k = bundle.spacing_mm
        new, why["spacing_mm"] = replace(new, spacing_mm=(i, j, k)), f"The same voxels {said}"
    if bundle.window is not None and min(bundle.window) > 0:
        i, j, k = bundle.window
        new, why["window"] = replace(new, window=(int(i), int(j), int(k))), f"The same window {said}"
    if start.plan is not None and _same_images(start.plan, plan):
        new, why["normalisation"] = replace(new, normalisation=start.plan.normalisation), f"The same grey values {said}"
    elif start.plan is not None:
        why["normalisation"] += (
            f" The grey values of {bundle.name} are not taken over, since the images or their units differ."
        )
    why["initial"] = (
        "Weights that fit by name and shape are taken over. The first layer is new where the images differ, the last "
        "layers are new where the number of structures differs."
    )
    why["learning_rate"] = f"{SLOWER:g} times the usual rate, so that what was learned is kept."
    norm = start.network.get("norm") or ["instance", {"affine": True}]
    slower, heads = SLOWER * plan.learning_rate, SLOWER * plan.head_rate
    return replace(
        new, learning_rate=slower, head_rate=heads, norm=norm, bias=bool(start.network.get("bias", False)), why=why
    )


def copy_weights(start: Start, root: Path, labels: LabelTable) -> dict[str, Any]:
    """Copy the weights into the new bundle, with the record of what they have seen.

    Where both bundles have structures of the same names in another order, the last layers get the new order. Gives the
    overrides that name the weights, and the settings of the network that no plan decides.
    """
    target = root / "models" / "initial.pt"
    target.parent.mkdir(parents=True, exist_ok=True)
    order = _other_order(start.bundle.labels, labels)
    if order is None:
        shutil.copyfile(start.bundle.weights, target)
    else:
        torch.save(_reordered(read_weights(start.bundle.weights), start.prefix, order), target)
    save_record(split_record_of(start.bundle.weights) or SplitRecord(complete=False), target, sha256(target))
    kept = {f"network_def::{key}": start.network[key] for key in KEPT if key in start.network}
    return {"initial_weights": "$@bundle_root + '/models/initial.pt'", "initial_prefix": start.prefix, **kept}


def _other_order(labels: LabelTable, wanted: LabelTable) -> list[int] | None:
    """The class of the other bundle for each class of the new one, background first; None where the order is the same.

    None too where the names are not the same ones: nothing is known then of what belongs together.
    """
    known = {label.name.casefold(): label.value for label in labels}
    order = [known.get(label.name.casefold(), 0) for label in wanted]
    ordinary = list(range(1, len(labels) + 1))
    return [0, *order] if sorted(order) == ordinary != order else None


def _reordered(state: Mapping[str, Tensor], prefix: str, order: Sequence[int]) -> dict[str, Tensor]:
    """The weights, with the classes of the last layers in another order."""
    heads = re.compile(rf"{re.escape(prefix)}heads\.\d+\.(weight|bias)")
    return {
        name: value[list(order)] if heads.fullmatch(name) and len(value) == len(order) else value
        for name, value in state.items()
    }


def _same_images(one: Plan, other: Plan) -> bool:
    """Whether names and units agree. The name of a lone image says nothing: it is that of a table's column, say."""
    alone = len(one.normalisation) == len(other.normalisation) == 1
    return [(alone or each.image, each.unit) for each in one.normalisation] == [
        (alone or each.image, each.unit) for each in other.normalisation
    ]


def _check_harmless(name: str, network: Mapping[str, Any], plan: Plan | None) -> None:
    """Raise `BundleError` where what is taken over would run code, as only a bundle made to do so has it."""
    taken = [network.get(key) for key in (*TAKEN, *KEPT, "norm", "bias")]
    grey = [dict(one) for each in plan.normalisation for one in each.transforms] if plan else []
    found = [*expressions_in(taken), *(word for word in expressions_in(grey) if word not in GREY)]
    if found:
        raise BundleError(
            f"The bundle {name} would run {found[0][:80]!r} in the new training. Begin with a bundle whose network and "
            "grey values are plain numbers and names."
        )


def _three(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list) else (int(value),) * 3
