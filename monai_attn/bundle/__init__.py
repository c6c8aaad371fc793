"""MONAI bundles as a source of segmenters: finding, describing, trusting and opening them.

What opens a bundle is loaded when it is first used. Finding a bundle and reading its metadata load neither torch nor
MONAI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from monai_attn.bundle.locate import find_bundle, label_table, shipped

if TYPE_CHECKING:
    from monai_attn.bundle.parts import Parts, open_bundle, why

__all__ = ["Parts", "find_bundle", "label_table", "open_bundle", "shipped", "why"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("monai_attn.bundle.parts"), name)
    raise AttributeError(f"module 'monai_attn.bundle' has no attribute {name!r}")
