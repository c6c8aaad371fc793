"""Where a head lies: an affine registration of a small template to an image, started at many places.

The similarity is Mattes mutual information in the template's mask, so that neither contrast nor scale of the grey
values matters, and skull and neck do not either. Sources: Mattes et al. 2003; SimpleITK (ITK v4 registration).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.finders.coarse_grid import coarse_image, largest_voxels
from monai_attn.finders.template import Template
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from SimpleITK import Image, ImageRegistrationMethod

__all__ = ["Match", "match_template"]

BINS = 24
"""Bins of the grey values in the joint histogram."""

THREADS = 2
"""Always so many, because sums in another order could end in another box."""

HEAD_MM = 160.0
"""A head with its brain is looked for within so many millimetres of the top of the bright voxels."""

START_UP_MM = (-60.0, -45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0)
START_NOD_RAD = (-0.3, 0.0, 0.3)
START_SCALES = (0.85, 1.0)
"""The starts: the template is moved along S by so much, its forehead is tipped by such an angle, and it is scaled.

A template that begins too large is stretched over the skull; most heads are smaller than the MNI152 head.
"""

REFINED = 3
"""So many of the coarse results are refined on the finer grid."""

APART_MM = 24.0
"""A sound match is much more similar than the same template moved by so much."""


@dataclass(frozen=True, eq=False)
class Match:
    """Where a template lies in an image, and how sure that is.

    `matrix` `(4, 4)` leads from mm (RAS+) of the template to mm (RAS+) of the image. `similarity` is the mutual
    information (nats) in the template's mask, `elsewhere` the largest of the same template moved by `APART_MM` along
    an axis. `inside` is the share of the template's brain that lies in the image.
    """

    matrix: NDArray[np.float64]
    similarity: float
    elsewhere: float
    inside: float

    @property
    def scales(self) -> tuple[float, float, float]:
        """How much the template is stretched along three directions at right angles, the largest first."""
        a, b, c = (float(one) for one in np.linalg.svd(self.matrix[:3, :3], compute_uv=False))
        return a, b, c

    @property
    def volume_scale(self) -> float:
        """The volume of the head, as a multiple of the volume of the template's head."""
        return float(np.linalg.det(self.matrix[:3, :3]))

    @property
    def stretch(self) -> float:
        """The largest of the scales divided by the smallest; 1 for a head of the template's shape."""
        return self.scales[0] / self.scales[2]

    def place(self, point_mm: Any) -> NDArray[np.float64]:
        """A point `(3,)` of the template in the image, both in mm (RAS+)."""
        return np.asarray(self.matrix[:3, :3] @ np.asarray(point_mm, float) + self.matrix[:3, 3], dtype=np.float64)


def match_template(image: Volume, template: Template) -> Match | None:
    """The best match of a template in an image; None where the image shows nothing, or no start led anywhere.

    The grid may have any orientation, spacing and obliquity; the affine of the image is believed. The result does not
    depend on the number of processors.
    """
    import SimpleITK

    fine = coarse_image(image, template.spacing_mm)
    coarse = SimpleITK.BinShrink(fine, [2] * 3)
    if min(coarse.GetSize()) < 4:
        return None
    results = []
    for start in _starts(coarse, template):
        method = _method(template.levels[0][1], step=8.0, least=0.5, iterations=30)
        results.append((_run(method, template.levels[0][0], coarse, start), start))
    best = sorted(results, key=lambda one: -one[0])[:REFINED]
    refined = [_refine(template, fine, start) for _, start in best]
    refined = sorted((one for one in refined if one[0] > 0), key=lambda one: -one[0])
    if not refined:
        return None
    return _judged(template, fine, refined)


def _refine(template: Template, fine: Image, similar: Any) -> tuple[float, Any]:
    """The affine transform that begins with a similarity transform, and its mutual information in the inner mask.

    The whole head may scale and turn only; an affine transform of it would take the skull for the brain's edge.
    """
    import SimpleITK

    image, head = template.levels[1]
    _run(_method(head, step=2.0, least=0.1, iterations=40), image, fine, similar)
    _run(_method(template.inner, step=1.0, least=0.05, iterations=40), image, fine, similar)
    affine = SimpleITK.AffineTransform(3)
    affine.SetCenter(similar.GetCenter())
    affine.SetMatrix(similar.GetMatrix())
    affine.SetTranslation(similar.GetTranslation())
    return _run(_method(template.inner, step=1.0, least=0.05, iterations=60), image, fine, affine), affine


def _starts(coarse: Image, template: Template) -> Iterator[Any]:
    """Similarity transforms that put the template's brain near the top of the bright voxels of the image."""
    import SimpleITK

    places = largest_voxels(coarse)
    if not len(places):
        return
    top = np.percentile(places[:, 2], 99.5)
    head = places[places[:, 2] > top - HEAD_MM]
    middle = (np.percentile(head, 2, axis=0) + np.percentile(head, 98, axis=0)) / 2
    for up in START_UP_MM:
        for nod, scale in product(START_NOD_RAD, START_SCALES):
            start = SimpleITK.Similarity3DTransform()
            start.SetCenter(template.centre_mm.tolist())
            start.SetScale(scale)
            start.SetRotation([1.0, 0.0, 0.0], nod)
            start.SetTranslation((middle + np.array([0.0, 0.0, up]) - template.centre_mm).tolist())
            yield start


def _method(mask: Image, *, step: float, least: float, iterations: int) -> ImageRegistrationMethod:
    """The registration of one level; `step` and `least` are in mm."""
    import SimpleITK

    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(THREADS)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(step, least, iterations, 0.6, 1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def _run(method: ImageRegistrationMethod, fixed: Image, moving: Image, transform: Any) -> float:
    """Optimise the transform in place; the similarity, 0 where too little of the template lies in the image."""
    method.SetInitialTransform(transform, True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # ITK: all samples map outside the moving image
        return 0.0
    return -float(method.GetMetricValue())


def _judged(template: Template, fine: Image, refined: list[tuple[float, Any]]) -> Match:
    """The best of the refined transforms, with what speaks for it."""
    similarity, best = refined[0]
    fixed, mask = template.levels[1][0], template.inner
    matrix = _matrix(best)
    moved = []
    for axis in range(3):
        for side in (-APART_MM, APART_MM):
            other = type(best)(best)
            shift = np.array(best.GetTranslation())
            shift[axis] += side
            other.SetTranslation(shift.tolist())
            method = _method(mask, step=1.0, least=0.1, iterations=1)
            method.SetInitialTransform(other)
            try:
                moved.append(-float(method.MetricEvaluate(fixed, fine)))
            except RuntimeError:  # moved out of the image
                continue
    return Match(matrix, similarity, max(moved, default=0.0), _inside(template, matrix, fine))


def _matrix(transform: Any) -> NDArray[np.float64]:
    """An affine transform of SimpleITK as a matrix `(4, 4)`."""
    matrix = np.eye(4)
    linear, centre = np.reshape(transform.GetMatrix(), (3, 3)), np.array(transform.GetCenter())
    matrix[:3, :3] = linear
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - linear @ centre
    return matrix


def _inside(template: Template, matrix: NDArray[np.float64], fine: Image) -> float:
    """The share of the template's brain that lies within the image."""
    index = (template.brain_mm @ matrix[:3, :3].T + matrix[:3, 3] - fine.GetOrigin()) / np.array(fine.GetSpacing())
    return float(np.all((index >= 0) & (index <= np.array(fine.GetSize()) - 1.0), axis=1).mean())
