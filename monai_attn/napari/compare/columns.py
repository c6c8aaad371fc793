"""What stands in the tables of the Compare panel. Definitions: docs/measurements.md.

`SCORE_FIELDS` are the columns of the scores, a row for each structure (`measure.Comparison`). `MISTAKES` are the
columns of the list of errors, a row for each connected piece (`comparing.Mistake`). Each column has a title, the text
that the mouse shows, and how the value is written. Volumes are in ml, distances in mm.
"""

from __future__ import annotations

from monai_attn.napari.qt.table_model import Field
from monai_attn.report.page import number

__all__ = ["MISTAKES", "SCORE_FIELDS"]

SCORE_FIELDS = (
    Field("Structure", "Name of the structure", lambda one: str(one.name), number=False),
    Field("Dice", "2 |A∩B| / (|A| + |B|)", lambda one: number(one.dice, 3)),
    Field(
        "NSD",
        "Normalised surface Dice: the share of both surfaces within the tolerance",
        lambda one: number(one.nsd, 3),
    ),
    Field("HD95", "95th percentile of the distances of the surfaces, mm", lambda one: number(one.hd95_mm, 1)),
    Field(
        "ASSD",
        "Average symmetric surface distance: the mean distance of the surfaces, mm",
        lambda one: number(one.assd_mm, 2),
    ),
    Field("Δ ml", "Prediction minus reference", lambda one: number(one.volume_difference_ml, 2)),
    Field("ml", "Volume of the prediction", lambda one: number(one.prediction_ml, 2)),
    Field("Ref. ml", "Volume of the reference", lambda one: number(one.reference_ml, 2)),
    Field("Sens.", "Share of the reference that was found", lambda one: number(one.sensitivity, 3)),
    Field("Prec.", "Share of the prediction that is right", lambda one: number(one.precision, 3)),
)
"""Scores of one structure.

Dice, NSD, sensitivity and precision lie between 0 and 1, HD95 and ASSD are in mm. Where a score is not defined,
such as a distance to an empty mask, docs/measurements.md says what stands there.
"""

MISTAKES = (
    Field(
        "Error",
        "Kind of the error, with its colour on the map",
        lambda one: str(one.kind.name),
        lambda one: str(one.kind.colour),
        number=False,
    ),
    Field(
        "Structure", "What the prediction says there, else the reference", lambda one: str(one.structure), number=False
    ),
    Field("ml", "Volume", lambda one: number(one.volume_ml, 3)),
    Field("Thick mm", "Diameter of the ball that fits into its thickest spot", lambda one: number(one.thickness_mm, 1)),
)
"""One connected piece of an error: its kind with the colour on the map, its structure, its volume and its thickness.

A thick error is more than a shifted outline: errors along a surface are as thin as a voxel or two.
"""
