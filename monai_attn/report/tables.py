"""Measurements as tables of a page, with units in the head of every column.

The pages of a case and of a cohort share these tables. Values come from `monai_attn.measure`, whose page
docs/measurements.md defines them. A table without rows still has its head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from monai_attn.labels import LabelTable
from monai_attn.measure import Comparison, Detection, Intensity, Lesion, Sides, Structure, Summary
from monai_attn.report.page import chip, html_table, number
from monai_attn.report.planes import LETTERS

__all__ = [
    "comparison_table",
    "detection_table",
    "lesion_table",
    "place",
    "sides_table",
    "structure_table",
    "summary_table",
]

SCORES = {
    "dice": ("Dice", 3),
    "nsd": ("surface Dice", 3),
    "hd95_mm": ("HD95 (mm)", 2),
    "assd_mm": ("ASSD (mm)", 2),
    "volume_difference_ml": ("volume difference (ml)", 3),
}
"""The scores that the summary of a cohort shows; more scores are computed."""


def structure_table(measured: Sequence[Structure], table: LabelTable) -> str:
    """Volume, surface, place and intensity of each structure.

    Surface is in cm², unlike the mm² of the CSV. Intensities have the unit of the image and are empty without an
    image. The 90 % interval of the volume has a column where a bundle states one.
    """
    unit = _unit(measured)
    spans = any(one.volume_low_ml is not None for one in measured)
    head = [
        "structure",
        "volume (ml)",
        *(["90 % interval (ml)"] if spans else []),
        "voxels",
        "surface (cm²)",
        "centroid (mm)",
        "at the image's edge",
    ]
    head += [f"mean ± SD{unit}", f"median (5-95 %){unit}"]
    rows = []
    for one in measured:
        edge = "yes: may go on outside" if one.touches_border else "no"
        name = chip(table[one.value].colour, one.name)
        size = [number(one.volume_ml, 3), *([_span(one)] if spans else [])]
        size += [str(one.voxels), number(one.surface_mm2 / 100, 2)]
        rows.append([name, *size, place(one.centroid_mm), edge if one.voxels else "", *_values(one.intensity)])
    return html_table(head, rows)


def _span(one: Structure) -> str:
    """The 90 % interval of a volume in ml; empty where there is none."""
    if one.volume_low_ml is None or one.volume_high_ml is None:
        return ""
    return f"{number(one.volume_low_ml, 1)} to {number(one.volume_high_ml, 1)}"


def sides_table(sides: Sequence[Sides]) -> str:
    """Volumes of both sides in ml and the asymmetry index, and volumes scaled to the head where there are any."""
    scaled = any(one.head_scale is not None for one in sides)
    head = ["structure", "left (ml)", "right (ml)", "asymmetry index (%)"]
    head += ["left, scaled (ml)", "right, scaled (ml)", "head, times the template"] if scaled else []
    rows = []
    for one in sides:
        row = [one.name, number(one.left_ml, 3), number(one.right_ml, 3), number(one.asymmetry_percent, 1)]
        more = (one.left_scaled_ml, one.right_scaled_ml, one.head_scale) if scaled else ()
        rows.append([*row, *(number(float("nan") if value is None else value, 3) for value in more)])
    return html_table(head, rows)


def lesion_table(lesions: Sequence[Lesion]) -> str:
    """Size, diameters, place and intensity of each lesion.

    Axial diameters are those of RECIST 1.1, the product of both is that of the WHO, in mm².
    """
    unit = _unit(lesions)
    head = ["lesion", "lies in", "volume (ml)", "longest axial (mm)", "perpendicular (mm)", "product (mm²)"]
    head += ["longest 3-D (mm)", "centroid (mm)", f"mean ± SD{unit}", f"median (5-95 %){unit}"]
    rows = [
        [
            str(one.number),
            one.organ or "not known",
            number(one.volume_ml, 3),
            number(one.axial_diameter_mm, 1),
            number(one.perpendicular_diameter_mm, 1),
            number(one.who_product_mm2, 0),
            number(one.diameter_3d_mm, 1),
            place(one.centroid_mm),
            *_values(one.intensity),
        ]
        for one in lesions
    ]
    return html_table(head, rows, numeric_from=2)


def comparison_table(comparisons: Sequence[Comparison], table: LabelTable) -> str:
    """Scores of each structure against the reference.

    Volumes are in ml, distances in mm. The tolerance in the head is that of the first comparison.
    """
    tolerance = f"{comparisons[0].tolerance_mm:g} mm" if comparisons else ""
    head = ["structure", "volume (ml)", "reference (ml)", "difference (ml)", "Dice", "sensitivity", "precision"]
    head += ["HD95 (mm)", "HD (mm)", "ASSD (mm)", f"surface Dice at {tolerance}"]
    rows = [
        [
            chip(table[one.value].colour, one.name),
            *(number(ml, 3) for ml in (one.prediction_ml, one.reference_ml, one.volume_difference_ml)),
            *(number(share, 3) for share in (one.dice, one.sensitivity, one.precision)),
            *(number(mm, 2) for mm in (one.hd95_mm, one.hd_mm, one.assd_mm)),
            number(one.nsd, 3),
        ]
        for one in comparisons
    ]
    return html_table(head, rows)


def detection_table(detections: Sequence[Detection], table: LabelTable) -> str:
    """Lesions found, missed and extra, for each lesion label.

    Matched, missed and extra are counts of lesions; the other columns are shares from 0 to 1.
    """
    head = ["label", "matched", "missed", "extra", "sensitivity", "precision", "F1", "panoptic quality"]
    rows = [
        [
            chip(table[one.value].colour, table[one.value].name),
            *(str(count) for count in (one.matched, len(one.missed), len(one.extra))),
            *(number(share, 3) for share in (one.sensitivity, one.precision, one.f1, one.panoptic_quality)),
        ]
        for one in detections
    ]
    return html_table(head, rows)


def summary_table(summaries: Sequence[Summary]) -> str:
    """Mean and median of the scores over the cases, with 95 % intervals.

    Only the scores in `SCORES` are shown. Undefined and infinite values are counted in columns of their own.
    """
    head = ["structure", "score", "cases", "undefined", "infinite", "mean (95 % interval)", "median (95 % interval)"]
    rows = []
    for one in summaries:
        if one.score not in SCORES:
            continue
        score, digits = SCORES[one.score]
        mean, median = (
            f"{number(middle, digits)} ({number(low, digits)} to {number(high, digits)})"
            for middle, low, high in (
                (one.mean, one.mean_low, one.mean_high),
                (one.median, one.median_low, one.median_high),
            )
        )
        rows.append([one.name, score, str(one.cases), str(one.undefined), str(one.infinite), mean, median])
    return html_table(head, rows, numeric_from=2)


def place(centroid_mm: Sequence[float]) -> str:
    """A point in mm along the directions of the patient: "R 27.1  P 21.0  I 12.4"; empty for an unknown point.

    `centroid_mm` is in RAS+: negative numbers are left, posterior and inferior.

    >>> place((27.1, -21.0, -12.4)), place((math.nan, math.nan, math.nan))
    ('R 27.1  P 21.0  I 12.4', '')
    """
    if any(math.isnan(x) for x in centroid_mm):
        return ""
    rounded = [round(x, 1) for x in centroid_mm]
    return "  ".join(f"{pair[int(x >= 0)]} {abs(x):.1f}" for pair, x in zip(LETTERS, rounded, strict=True))


def _values(intensity: Intensity | None) -> tuple[str, str]:
    """Mean with SD, and median with 5th and 95th percentile, as two cells; both empty without an image."""
    if intensity is None or math.isnan(intensity.mean):
        return "", ""
    low, middle, high = (_value(x) for x in (intensity.p05, intensity.median, intensity.p95))
    return f"{_value(intensity.mean)} ± {_value(intensity.sd)}", f"{middle} ({low} to {high})"


def _value(value: float) -> str:
    """An intensity with as many decimals as its size needs: none from 1000 on, one from 10 on, else three."""
    return number(value, 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 3)


def _unit(measured: Sequence[Structure]) -> str:
    """The unit of the intensities in brackets for the head of a column; empty where no unit is known."""
    unit = next((one.intensity.unit for one in measured if one.intensity is not None), "")
    return f" ({unit})" if unit else ""
