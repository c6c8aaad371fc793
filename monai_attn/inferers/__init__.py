"""Inferers that bundles name in their configs. They run a network over an image, in windows, mirrored, or in bfloat16.

Loads torch and MONAI when an inferer is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from monai_attn.inferers.flipped import FlippedInferer
    from monai_attn.inferers.precision import CPUAutocastInferer
    from monai_attn.inferers.streaming import StreamingInferer

__all__ = ["CPUAutocastInferer", "FlippedInferer", "StreamingInferer"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    (),
    {"flipped": ["FlippedInferer"], "precision": ["CPUAutocastInferer"], "streaming": ["StreamingInferer"]},
)
