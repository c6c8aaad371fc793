"""Ways to run a network over a volume."""

from monai_attn.inferers.flipped import FlippedInferer

__all__ = ["FlippedInferer"]
