"""A label map compared with a reference, structure by structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_attn.labels import Label, LabelTable
from monai_attn.measure.blocks import along_memory, check_grid, join, label_array, label_blocks, mask_in
from monai_attn.measure.distances import normalised_surface_dice, surface_distances
from monai_attn.measure.overlap import overlap_of
from monai_attn.measure.resampling import labels_on_grid
from monai_attn.volume import Volume

__all__ = ["ERRORS", "Comparison", "compare", "error_map"]

ERRORS = LabelTable(
    (
        Label(1, "true positive", "#2ca02c"),
        Label(2, "false positive", "#d62728"),
        Label(3, "false negative", "#1f77b4"),
        Label(4, "wrong structure", "#ff7f0e"),
    )
)
"""What the numbers of an error map mean."""


@dataclass(frozen=True)
class Comparison:
    """One structure of the prediction against the reference; volumes in ml, distances in mm.

    Both masks empty: scores and distances are nan, and the volume difference is 0. One mask empty: Dice, Jaccard and
    surface Dice are 0, and distances are inf. Sensitivity is nan without a reference, precision without a prediction.
    `volume_difference_ml` is the volume of the prediction minus the volume of the reference. Definitions and sources:
    docs/measurements.md.
    """

    value: int
    name: str
    prediction_ml: float
    reference_ml: float
    volume_difference_ml: float
    dice: float
    jaccard: float
    sensitivity: float
    precision: float
    hd_mm: float
    hd95_mm: float
    assd_mm: float
    nsd: float
    tolerance_mm: float


def compare(
    prediction: Volume, reference: Volume, table: LabelTable, *, tolerance_mm: float = 1.0, resample: bool = False
) -> list[Comparison]:
    """Each structure of the table, compared: overlap without unit, volumes in ml, distances in mm.

    Both label maps hold whole numbers, `(I, J, K)`. The list is in the order of the table; a structure in neither
    map has its row too, with scores of nan. `tolerance_mm` is the tolerance of the surface Dice, `nsd`. With
    `resample` the prediction is brought to the grid of the reference by nearest neighbour in patient space.

    Raises `GeometryError` when the grids differ and `resample` is not set. Raises `LabelError` for fractions, and for
    a label that the table does not name. Definitions and sources: docs/measurements.md.

    >>> one, other = (Volume(np.ones(shape, np.uint8)) for shape in [(4, 4, 4)] * 2)
    >>> [liver] = compare(one, other, LabelTable.of_names({1: "liver"}))
    >>> liver.dice, liver.hd_mm
    (1.0, 0.0)
    """
    prediction = _on_grid(prediction, reference, resample=resample)
    predicted, referred = label_array(prediction), label_array(reference)
    blocks, others = label_blocks(predicted, table), label_blocks(referred, table)
    compared = []
    for label in table:
        block = join(blocks[label.value], others[label.value])
        masks = (mask_in(array, block, label.value) for array in (predicted, referred))
        affine, (one, other) = along_memory(reference.affine, *masks)
        overlap = overlap_of(one, other)
        distances = surface_distances(one, other, affine)
        predicted_ml = (overlap.both + overlap.only_prediction) * reference.voxel_ml
        reference_ml = (overlap.both + overlap.only_reference) * reference.voxel_ml
        compared.append(
            Comparison(
                value=label.value,
                name=label.name,
                prediction_ml=predicted_ml,
                reference_ml=reference_ml,
                volume_difference_ml=predicted_ml - reference_ml,
                dice=overlap.dice,
                jaccard=overlap.jaccard,
                sensitivity=overlap.sensitivity,
                precision=overlap.precision,
                hd_mm=distances.hd_mm,
                hd95_mm=distances.hd95_mm,
                assd_mm=distances.assd_mm,
                nsd=normalised_surface_dice(one, other, affine, tolerance_mm),
                tolerance_mm=tolerance_mm,
            )
        )
    return compared


def error_map(prediction: Volume, reference: Volume, *, value: int | None = None, resample: bool = False) -> Volume:
    """Where the prediction is right and wrong, on the reference's grid, as labels of the table `ERRORS`.

    Voxels that are background in both maps are 0. With `value`, one structure is compared with everything else.
    Without, all structures count: a voxel that both maps give to different structures is "wrong structure".
    Raises `GeometryError` when the grids differ and `resample` is not set.

    >>> prediction, reference = (Volume(np.array([[row]], np.uint8)) for row in ([0, 1, 1, 2], [1, 1, 0, 1]))
    >>> error_map(prediction, reference).array.tolist()
    [[[3, 1, 2, 4]]]
    """
    prediction = _on_grid(prediction, reference, resample=resample)
    predicted, referred = label_array(prediction), label_array(reference)
    if value is not None:
        predicted, referred = predicted == value, referred == value
    errors = np.zeros(reference.shape, np.uint8)
    errors[(predicted != 0) & (referred == 0)] = 2
    errors[(predicted == 0) & (referred != 0)] = 3
    errors[(predicted != 0) & (referred != 0)] = 4
    errors[(predicted != 0) & (referred == predicted)] = 1
    return reference.with_array(errors)


def _on_grid(prediction: Volume, reference: Volume, *, resample: bool) -> Volume:
    if resample:
        return labels_on_grid(prediction, reference)
    check_grid(prediction, reference, "The prediction and the reference")
    return prediction
