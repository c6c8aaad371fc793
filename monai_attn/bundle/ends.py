"""Swap the ends of a bundle's config: images are read with our reader, and nothing is saved."""

from __future__ import annotations

from typing import Any

from monai_attn.bundle.config import TARGET, Component, rewritten

__all__ = ["swap_ends"]

LOADER = "monai_attn.transforms.LoadVolumed"

LOADERS = ("LoadImaged", "LoadImageD", "LoadImageDict")
"""The names of MONAI's loader."""

KEPT = {
    *("keys", "dtype", "ensure_channel_first", "allow_missing_keys", "_disabled_"),
    *("image_only", "meta_keys", "meta_key_postfix"),
}
"""Arguments of MONAI's `LoadImaged` that mean the same to `LoadVolumed`; the others choose a reader or a layout."""


def swap_ends(config: Any, *, colour: bool = False) -> Any:
    """A copy of a config that reads images with our reader and saves nothing; the rest of the config is the same.

    MONAI's `LoadImaged` becomes `LoadVolumed`, which takes a path or a `Volume`. Every component whose name begins with
    `Save` gets MONAI's `_disabled_: true`. With `colour` the images are colour pictures.
    """
    return rewritten(config, lambda component: _swapped(component, colour))


def _swapped(component: Component, colour: bool) -> dict[str, Any]:
    """A component with our reader in place of MONAI's, or disabled if it saves; others as they are."""
    settings = component.settings
    if component.name in LOADERS:
        kept = {key: value for key, value in settings.items() if key in KEPT}
        return {TARGET: LOADER, **kept, **({"colour": True} if colour else {})}
    return {**settings, "_disabled_": True} if component.name.startswith("Save") else settings
