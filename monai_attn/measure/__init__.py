"""Measurements of label maps and their comparison with a reference: NumPy and SciPy, no torch."""

from monai_attn.measure.intensity import Intensity
from monai_attn.measure.structures import Structure, measure_structures

__all__ = ["Intensity", "Structure", "measure_structures"]
