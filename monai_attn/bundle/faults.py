"""What of a bundle itself keeps it from segmenting an image, seen in its files before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import Component, components_of, overridden
from monai_attn.bundle.locate import read_config
from monai_attn.bundle.values import plain_value
from monai_attn.errors import BundleError

__all__ = ["faults", "require_runnable"]

USED = ("preprocessing", "postprocessing", "dataset::transform", "evaluator::postprocessing")
"""The parts of a config that work on a case."""


def require_runnable(root: Path, overrides: Mapping[str, Any] | None = None) -> None:
    """Refuse a bundle whose config, with these overrides, cannot work on an image without a label.

    Raises `BundleError` with the fault and the overrides that cure it.
    """
    found = faults(overridden(read_config(root), overrides or {}))
    if found:
        raise BundleError(f"The bundle {root.resolve().name} cannot run as it is. {' '.join(found)}")


def faults(config: Any) -> list[str]:
    """A sentence for each fault of a config, with the overrides that cure the fault; empty where there is none.

    >>> faults({"preprocessing": {"_target_": "LoadImaged", "keys": ["image", "label"]}})[0]
    "It expects a label (key 'label') in each case, and an image to segment has none. \
Cure: --set preprocessing::allow_missing_keys=true"
    """
    needs: dict[str, list[str]] = {}
    for component, key in _labels_needed(config):
        needs.setdefault(key, []).append(f"--set {component.id}::allow_missing_keys=true")
    return [
        f"It expects a label (key {key!r}) in each case, and an image to segment has none. Cure: {' '.join(cures)}"
        for key, cures in needs.items()
    ]


def _labels_needed(config: Any) -> Iterator[tuple[Component, str]]:
    """The transforms that fail without the label of a case, and the key of that label."""
    for component in components_of(config):
        settings = component.settings
        if not component.id.startswith(USED) or component.name.startswith("Save"):
            continue
        if settings.get("_disabled_") is True or plain_value(settings.get("allow_missing_keys"), config) is True:
            continue
        keys = plain_value(settings.get("keys"), config)
        for key in [keys] if isinstance(keys, str) else keys or ():
            if isinstance(key, str) and key in ("label", "labels", "seg"):
                yield component, key
                break
