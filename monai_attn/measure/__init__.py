"""Measurements of label maps and their comparison with a reference: NumPy and SciPy, no torch.

Definitions and their sources are in docs/measurements.md.

>>> import numpy as np
>>> mask = np.ones((10, 10, 10), bool)
>>> dice(mask, mask)
1.0
"""

from monai_attn.measure.comparison import ERRORS, Comparison, compare, error_map
from monai_attn.measure.detection import Detection, Match, detect_lesions
from monai_attn.measure.distances import SurfaceDistances, normalised_surface_dice, surface_distances
from monai_attn.measure.intensity import Intensity
from monai_attn.measure.lesions import Lesion, measure_lesions
from monai_attn.measure.overlap import Overlap, dice, jaccard, overlap_of
from monai_attn.measure.report import SCHEMA, from_csv, rows, to_csv, to_frame, to_json
from monai_attn.measure.resampling import labels_on_grid
from monai_attn.measure.sides import Sides, measure_sides
from monai_attn.measure.sizes import SizeClass, by_size
from monai_attn.measure.structures import Structure, measure_structures
from monai_attn.measure.summary import Summary, summarise
from monai_attn.measure.surfels import surface_area_mm2

__all__ = [
    "ERRORS",
    "SCHEMA",
    "Comparison",
    "Detection",
    "Intensity",
    "Lesion",
    "Match",
    "Overlap",
    "Sides",
    "SizeClass",
    "Structure",
    "Summary",
    "SurfaceDistances",
    "by_size",
    "compare",
    "detect_lesions",
    "dice",
    "error_map",
    "from_csv",
    "jaccard",
    "labels_on_grid",
    "measure_lesions",
    "measure_sides",
    "measure_structures",
    "normalised_surface_dice",
    "overlap_of",
    "rows",
    "summarise",
    "surface_area_mm2",
    "surface_distances",
    "to_csv",
    "to_frame",
    "to_json",
]
