"""Swap the ends of a bundle's config: read with our reader, save nowhere."""

from __future__ import annotations

from typing import Any

from monai_attn.errors import BundleError

__all__ = ["swap_ends"]

LOADER = "monai_attn.transforms.LoadVolumed"

KEPT = {"keys", "dtype", "ensure_channel_first", "allow_missing_keys"}
"""Arguments of MONAI's `LoadImaged` that mean the same to `LoadVolumed`; the others choose a reader or a layout."""


def swap_ends(node: Any) -> Any:
    """A copy of the config in which `LoadImaged` is `LoadVolumed` and every `Save*` is disabled; the rest untouched."""
    if isinstance(node, list):
        return [swap_ends(item) for item in node]
    if not isinstance(node, dict):
        return node
    target = node.get("_target_")
    name = target.rsplit(".", 1)[-1] if isinstance(target, str) else ""
    if name == "LoadImaged":
        if node.get("image_only") is False:
            raise BundleError("This bundle loads with image_only=False, which MONAI has dropped; set it to true.")
        return {"_target_": LOADER, **{key: value for key, value in node.items() if key in KEPT or key == "_disabled_"}}
    swapped = {key: swap_ends(value) for key, value in node.items()}
    if name.startswith("Save"):
        swapped["_disabled_"] = True
    return swapped
