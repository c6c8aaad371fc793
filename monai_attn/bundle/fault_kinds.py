"""The kinds of faults that configs of bundles have, each with the overrides that cure it. Configs are only read."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from typing import Any

from monai_attn.bundle.config import Component, components_of, leaves
from monai_attn.bundle.values import plain_value

__all__ = ["cuda_only", "dropped_arguments", "has_cuda", "interpolated_labels", "labels_needed"]

Found = Iterator[tuple[str, dict[str, Any]]]
"""A sentence on what is wrong, and the overrides that cure it, by id."""

USED = ("preprocessing", "postprocessing", "dataset::transform", "evaluator::postprocessing")
"""The parts of a config that work on a case."""

LABEL_KEYS = ("label", "labels", "seg")

RESAMPLING = re.compile(r"(Spacing|Resize|Resized|Zoom|Rotate|Affine|ResampleToMatch|SpatialResample)(d|D|Dict)?")
"""Transforms after which an image has other voxels than before."""

DROPPED = {"SwinUNETR": ("img_size",), "UNETR": ("pos_embed",), "ViT": ("pos_embed",), "ViTAutoEnc": ("pos_embed",)}
"""Arguments of MONAI's networks that MONAI has dropped, by network."""

ON_CUDA = re.compile(r"""torch\.device\((['"])cuda(:\d+)?\1\)""")


def labels_needed(config: Any) -> Found:
    """Transforms that need a label in each case, as only an evaluation has one."""
    needs: dict[str, dict[str, Any]] = {}
    for component in _transforms(config):
        settings = component.settings
        if plain_value(settings.get("allow_missing_keys"), config) is True:
            continue
        for key in _keys(component, config):
            if key in LABEL_KEYS:
                needs.setdefault(key, {})[f"{component.id}::allow_missing_keys"] = True
                break
    for key, cures in needs.items():
        yield f"It expects a label (key {key!r}) in each case, and an image to segment has none.", cures


def interpolated_labels(config: Any) -> Found:
    """Labels that are brought back to the grid of the image by interpolation between their values."""
    if not any(RESAMPLING.fullmatch(one.name) for one in components_of(config)):
        return
    whole: set[str] = set()
    for component in _transforms(config):
        if not component.id.startswith(("postprocessing", "evaluator::postprocessing")):
            continue
        keys, settings = set(_keys(component, config)), component.settings
        if component.name.startswith("AsDiscrete") and (settings.get("argmax") or settings.get("threshold")):
            whole |= keys
        nearest = plain_value(settings.get("nearest_interp", True), config)
        if component.name.startswith("Invert") and keys & whole and nearest is False:
            yield (
                "It interpolates between the values of its labels, which gives values that are no whole number.",
                {f"{component.id}::nearest_interp": True},
            )


def dropped_arguments(config: Any) -> Found:
    """Arguments of a network that MONAI no longer takes."""
    for component in components_of(config):
        for name in DROPPED.get(component.name, ()):
            if name in component.settings:
                kept = {key: value for key, value in component.settings.items() if key != name}
                yield f"{component.name} of MONAI has no argument {name} any more.", {component.id: kept}


def cuda_only(config: Any) -> Found:
    """Expressions that ask for a CUDA device whether there is one or not; nothing where there is one."""
    cures = {}
    for place, value in leaves(config):
        code = value if isinstance(value, str) and value.startswith("$") and place != "device" else ""
        if ON_CUDA.search(code) and "is_available" not in code:
            cures[place] = ON_CUDA.sub('torch.device("cpu")', code)
    if cures and not has_cuda():
        yield "It asks for a CUDA device, and this computer has none.", cures


def has_cuda() -> bool:
    """Whether the system has NVIDIA's driver library; PyTorch is not asked, because that takes seconds."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _transforms(config: Any) -> Iterator[Component]:
    """The components that work on a case, without savers and without those that are switched off."""
    for component in components_of(config):
        off = component.settings.get("_disabled_") is True
        if component.id.startswith(USED) and not component.name.startswith("Save") and not off:
            yield component


def _keys(component: Component, config: Any) -> list[str]:
    keys = plain_value(component.settings.get("keys"), config)
    return [key for key in ([keys] if isinstance(keys, str) else keys or ()) if isinstance(key, str)]
