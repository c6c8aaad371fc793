"""The same numbers as others compute: MONAI, and DeepMind's surface-distance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from bodies import blobs

from monai_attn.labels import LabelTable
from monai_attn.measure import Comparison, compare, detect_lesions, normalised_surface_dice

SPACINGS_MM = [(1.0, 1.0, 1.0), (0.8, 0.8, 2.5), (0.5, 1.1, 1.6)]
TOLERANCE_MM = 1.2

FLOAT32 = 1e-5
"""MONAI computes in float32."""

SURFACE_DICE = 0.01
"""Same sampling points and distances as the peers, other area per point: theirs depends on the axes' order."""


def ours(seed: int, spacing_mm: tuple[float, float, float]) -> Comparison:
    (comparison,) = compare(*blobs(seed, spacing_mm), LabelTable.of_names({1: "a"}), tolerance_mm=TOLERANCE_MM)
    return comparison


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy.*:FutureWarning")  # MONAI warns of its own call
@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_overlap_and_distances_are_those_of_monai(spacing_mm):
    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    comparison = ours(1, spacing_mm)
    prediction, reference = (
        torch.from_numpy(np.array(volume.array, np.float32))[None, None] for volume in blobs(1, spacing_mm)
    )
    both = {"y_pred": prediction, "y": reference, "include_background": True}
    in_mm = {**both, "spacing": spacing_mm}
    hd = metrics.compute_hausdorff_distance
    assert comparison.dice == pytest.approx(float(metrics.compute_dice(**both)), rel=FLOAT32)
    assert comparison.jaccard == pytest.approx(float(metrics.compute_iou(**both)), rel=FLOAT32)
    assert comparison.hd_mm == pytest.approx(float(hd(**in_mm)), rel=FLOAT32)
    assert comparison.hd95_mm == pytest.approx(float(hd(**in_mm, percentile=95)), rel=FLOAT32)
    assert comparison.assd_mm == pytest.approx(
        float(metrics.compute_average_surface_distance(**in_mm, symmetric=True)), rel=FLOAT32
    )
    confusion = metrics.get_confusion_matrix(prediction, reference)
    for name in ("sensitivity", "precision"):
        theirs = float(metrics.compute_confusion_matrix_metric(name, confusion))
        assert getattr(comparison, name) == pytest.approx(theirs, rel=FLOAT32)
    surface_dice = metrics.compute_surface_dice(**in_mm, class_thresholds=[TOLERANCE_MM], use_subvoxels=True)
    assert comparison.nsd == pytest.approx(float(surface_dice), abs=SURFACE_DICE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_the_surface_dice_is_that_of_surface_distance(spacing_mm):
    surface_distance = pytest.importorskip("surface_distance.metrics")
    prediction, reference = (volume.array > 0 for volume in blobs(2, spacing_mm))
    distances = surface_distance.compute_surface_distances(reference, prediction, spacing_mm)
    theirs = surface_distance.compute_surface_dice_at_tolerance(distances, TOLERANCE_MM)
    comparison = ours(2, spacing_mm)
    assert comparison.nsd == pytest.approx(theirs, abs=SURFACE_DICE)
    assert comparison.dice == pytest.approx(surface_distance.compute_dice_coefficient(reference, prediction))
    # It measures between voxel corners, we between boundary voxels: at most one voxel apart.
    theirs_mm = surface_distance.compute_robust_hausdorff(distances, 100)
    assert comparison.hd_mm == pytest.approx(theirs_mm, abs=np.linalg.norm(spacing_mm))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("spacing_mm", SPACINGS_MM)
def test_the_sampled_points_and_their_distances_are_exactly_those_of_surface_distance(spacing_mm):
    from monai_attn.measure.distances import distances_between
    from monai_attn.measure.surfels import FULL, neighbourhoods

    surface_distance = pytest.importorskip("surface_distance.metrics")
    prediction, reference = (volume.array > 0 for volume in blobs(3, spacing_mm))
    theirs = surface_distance.compute_surface_distances(reference, prediction, spacing_mm)
    one, other = ((code != 0) & (code != FULL) for code in map(neighbourhoods, (prediction, reference)))
    there, back = distances_between(one, other, np.diag([*spacing_mm, 1.0]))
    assert np.sort(there) == pytest.approx(theirs["distances_pred_to_gt"])
    assert np.sort(back) == pytest.approx(theirs["distances_gt_to_pred"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_panoptic_quality_is_that_of_monai(seed):
    from scipy import ndimage

    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    prediction, reference = blobs(seed, (1.0, 1.0, 1.0))
    numbered = [ndimage.label(volume.array, np.ones((3, 3, 3)))[0] for volume in (prediction, reference)]
    theirs = metrics.compute_panoptic_quality(*(torch.from_numpy(one) for one in numbered), match_iou_threshold=0.5)
    found = detect_lesions(prediction, reference, 1)
    assert found.panoptic_quality == pytest.approx(float(theirs), abs=1e-5)
    counts = metrics.compute_panoptic_quality(
        *(torch.from_numpy(one) for one in numbered), match_iou_threshold=0.1, output_confusion_matrix=True
    )
    assert [found.matched, len(found.extra), len(found.missed)] == [int(count) for count in counts[:3]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_surface_dice_of_nearly_equal_balls_differs_from_surface_distance_as_the_docs_say():
    """Most where the tolerance is below the voxels' edges, so that single samples decide."""
    surface_distance = pytest.importorskip("surface_distance.metrics")
    apart = []
    for spacing_mm in ((1.0, 1.0, 1.0), (0.7, 0.7, 5.0), (1.0, 1.0, 3.0)):
        affine = np.diag([*spacing_mm, 1.0])
        for radius_mm, shift_mm in product((3, 5, 10), (0.3, 0.5, 1.0)):
            places = np.meshgrid(
                *(np.arange(-radius_mm - 4, radius_mm + 4, edge) for edge in spacing_mm), indexing="ij"
            )
            points = np.stack(places, axis=-1) - (0.13, -0.21, 0.38)
            one = np.linalg.norm(points, axis=-1) < radius_mm
            other = np.linalg.norm(points - shift_mm * np.array((0.6, 0, 0.8)), axis=-1) < radius_mm + 0.1
            distances = surface_distance.compute_surface_distances(other, one, spacing_mm)
            for tolerance_mm in (0.5, 1.0, 2.0):
                theirs = surface_distance.compute_surface_dice_at_tolerance(distances, tolerance_mm)
                apart.append(abs(normalised_surface_dice(one, other, affine, tolerance_mm) - theirs))
    assert np.median(apart) < 0.02
    assert 0.03 < max(apart) < 0.07
