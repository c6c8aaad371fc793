"""Ways to run a network over a volume."""

from monai_attn.inferers.flipped import FlippedInferer
from monai_attn.inferers.precision import CPUAutocastInferer
from monai_attn.inferers.streaming import StreamingInferer

__all__ = ["CPUAutocastInferer", "FlippedInferer", "StreamingInferer"]
