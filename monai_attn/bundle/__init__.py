"""MONAI bundles as a source of segmenters: finding, describing, trusting and opening them.

What opens a bundle is loaded when it is first used. Finding a bundle and reading its metadata load neither torch nor
MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from monai_attn.bundle.locate import find_bundle, label_table, shipped

if TYPE_CHECKING:
    from monai_attn.bundle.parts import Parts, open_bundle, why

__all__ = ["Parts", "find_bundle", "label_table", "open_bundle", "shipped", "why"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, (), {"parts": ["Parts", "open_bundle", "why"]})
