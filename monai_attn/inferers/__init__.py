"""Inferers that bundles name in their configs. They run a network over an image, in windows, mirrored, or in bfloat16.

Loads torch and MONAI when an inferer is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_attn.inferers.flipped import FlippedInferer
    from monai_attn.inferers.precision import CPUAutocastInferer
    from monai_attn.inferers.streaming import StreamingInferer

__all__ = ["CPUAutocastInferer", "FlippedInferer", "StreamingInferer"]

HOMES = {"CPUAutocastInferer": "precision", "FlippedInferer": "flipped", "StreamingInferer": "streaming"}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"monai_attn.inferers.{HOMES[name]}"), name)
    raise AttributeError(f"module 'monai_attn.inferers' has no attribute {name!r}")
