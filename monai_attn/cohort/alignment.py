"""The rigid motion of a patient between two images: by the images, and never by array index.

Mattes mutual information on grids that become finer (SimpleITK, ITK v4 registration), so that two scanners, or two
settings of one scanner, may have made the images. Sources: Mattes et al. 2003; Lowekamp et al. 2013.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.itk import itk_image
from monai_attn.measure.resampling import labels_on_grid
from monai_attn.volume import RAS_TO_LPS, Volume

__all__ = ["Alignment", "align_rigid", "labels_at"]

COARSEST_MM = 1.0
"""Images are not looked at on finer grids than this."""

LEVELS = (4, 2, 1)
"""By how much the grid of each step is coarser than the finest."""

BINS = 32
SAMPLED = 0.25
SEED = 20
THREADS = 1
"""The samples and their order are the same each time, so that the same images give the same motion."""

FEWEST_VOXELS = 8


@dataclass(frozen=True, eq=False)
class Alignment:
    """How a patient lies in a second image: `matrix` `(4, 4)` leads from mm (RAS+) of the first to mm of the second.

    `similarity` is the mutual information (nats) after the alignment and `before` without any motion.
    """

    matrix: NDArray[np.float64]
    similarity: float
    before: float

    @property
    def shift_mm(self) -> float:
        """How far the point in the middle of both coordinate systems moves. 0 without motion."""
        return float(np.linalg.norm(self.matrix[:3, 3]))

    @property
    def angle_deg(self) -> float:
        """By how much the patient is turned."""
        cosine = (float(np.trace(self.matrix[:3, :3])) - 1) / 2
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def align_rigid(first: Volume, second: Volume) -> Alignment:
    """The rotation and shift that take a patient of the first image to the same patient in the second image.

    The search begins where the coordinates of both images agree, and where their middles lie on each other; the better
    result is taken. Raises `GeometryError` for a sheared grid, for an image of fewer than 8 voxels along an axis, and
    when no motion makes the images alike.
    """
    import SimpleITK

    for image in (first, second):
        if image.is_sheared or min(image.shape) < FEWEST_VOXELS:
            raise GeometryError(
                f"The image of {' x '.join(map(str, image.shape))} voxels is too small or sheared to be aligned. "
                "Choose another image of the patient."
            )
    fixed, moving = (_coarse(image) for image in (first, second))
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED, SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetNumberOfThreads(THREADS)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.005, 120, gradientMagnitudeTolerance=1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(LEVELS))
    method.SetSmoothingSigmasPerLevel([factor / 2 for factor in LEVELS])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    found = []
    before = float("nan")
    for geometry in (False, True):
        start = SimpleITK.CenteredTransformInitializer(
            fixed, moving, SimpleITK.Euler3DTransform(), SimpleITK.CenteredTransformInitializerFilter.GEOMETRY
        )
        motion = SimpleITK.Euler3DTransform(start)
        if not geometry:
            motion.SetTranslation((0.0, 0.0, 0.0))
        method.SetInitialTransform(motion, inPlace=True)
        try:
            value = method.MetricEvaluate(fixed, moving)
            before = -value if not geometry else before
            method.Execute(fixed, moving)
        except RuntimeError:  # the images do not overlap from this start
            continue
        found.append((-method.GetMetricValue(), _matrix(motion)))
    if not found:
        raise GeometryError("The images of two time points cannot be aligned: no motion makes them overlap.")
    similarity, matrix = max(found, key=lambda one: one[0])
    return Alignment(matrix, similarity, before)


def labels_at(labels: Volume, alignment: Alignment, grid: Volume) -> Volume:
    """A label map of the second image on the grid of the first, by nearest neighbour."""
    place = np.linalg.inv(alignment.matrix) @ labels.affine
    moved = replace(labels, affine=place, frame_of_reference=grid.frame_of_reference)
    return labels_on_grid(moved, grid)


def _coarse(image: Volume) -> object:
    """An image of SimpleITK in float32, with voxels of at least about `COARSEST_MM`; what is not finite is 0."""
    import SimpleITK

    array = np.nan_to_num(np.asarray(image.array, np.float32), posinf=0.0, neginf=0.0)
    made = itk_image(replace(image, array=array))
    factors = [max(1, int(COARSEST_MM / edge)) for edge in image.spacing_mm]
    return SimpleITK.BinShrink(made, factors) if max(factors) > 1 else made


def _matrix(motion: object) -> NDArray[np.float64]:
    """A transform of SimpleITK (LPS+) as a matrix in RAS+ millimetres."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(motion.GetMatrix(), (3, 3))  # type: ignore[attr-defined]
    centre = np.asarray(motion.GetCenter())  # type: ignore[attr-defined]
    shift = np.asarray(motion.GetTranslation())  # type: ignore[attr-defined]
    matrix[:3, 3] = shift + centre - matrix[:3, :3] @ centre
    return np.asarray(RAS_TO_LPS @ matrix @ RAS_TO_LPS, dtype=np.float64)
