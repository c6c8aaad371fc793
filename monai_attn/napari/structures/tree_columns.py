"""The columns of the table of structures and lesions, and the numbers in their cells.

For `tree`, which asks for a column by its name here and never by a number. Volumes are in ml, with three decimals below
1 ml and one above. Diameters are in mm with one decimal, the mean is in the image's own unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Qt

from monai_attn.measure import Structure

__all__ = [
    "COLOUR_COLUMN",
    "LESIONS_COLUMN",
    "MEAN_COLUMN",
    "NAME_COLUMN",
    "OPACITY_COLUMN",
    "TREE_COLUMNS",
    "TreeColumn",
    "column_of",
    "number_data",
]

ROLE = Qt.ItemDataRole


@dataclass(frozen=True)
class TreeColumn:
    """Title and explanation of a column; `style` is the field of `Style` that its box ticks."""

    title: str
    tip: str
    style: str = ""


TREE_COLUMNS = (
    TreeColumn(
        "Structure", "Double-click to rename. A click shows it in all planes and chooses its label for the brush."
    ),
    TreeColumn("Colour", "Double-click to choose another colour"),
    TreeColumn("Show", "Show or hide this structure", "visible"),
    TreeColumn("ml", "Volume in millilitres"),
    TreeColumn("Long", "Longest diameter of a lesion in an axial slice, in mm (RECIST 1.1)"),
    TreeColumn("Across", "Longest diameter at right angles to it in the same slice, in mm"),
    TreeColumn("Mean", "Mean of the image inside, in its own unit"),
    TreeColumn("Lesions", "Its separate pieces are lesions: measure each of them"),
    TreeColumn(
        "Lock",
        "While this panel is open, painting does not change this structure: it is put back when the stroke ends",
        "locked",
    ),
    TreeColumn("Solo", "Show only the structures ticked here", "solo"),
    TreeColumn("Opacity", "Double-click to change, in percent"),
)
"""The columns from left to right; a lesion's row fills only the name and the numbers."""


def column_of(title: str) -> int:
    """The number of the column with that title, from 0 on the left; `ValueError` for no column's title."""
    return [column.title for column in TREE_COLUMNS].index(title)


NAME_COLUMN, COLOUR_COLUMN, OPACITY_COLUMN, LESIONS_COLUMN, ML_COLUMN, LONG_COLUMN, ACROSS_COLUMN, MEAN_COLUMN = (
    column_of(title) for title in ("Structure", "Colour", "Opacity", "Lesions", "ml", "Long", "Across", "Mean")
)


CELL_TEXTS: dict[int, Callable[[float], str]] = {
    ML_COLUMN: lambda ml: f"{ml:.3f}" if ml < 1 else f"{ml:.1f}",
    LONG_COLUMN: lambda mm: f"{mm:.1f}",
    ACROSS_COLUMN: lambda mm: f"{mm:.1f}",
    MEAN_COLUMN: lambda mean: "" if math.isnan(mean) else f"{mean:.1f}" if abs(mean) >= 10 else f"{mean:.2f}",
}
"""How the number in a column is written; a mean of no voxels (nan) is an empty text."""


def _tip(one: Structure) -> str | None:
    """What the tooltip of a number says: the 90 % interval of the volume, and that the structure may go on."""
    low, high = one.volume_low_ml, one.volume_high_ml
    said = [] if low is None or high is None else [f"90 % interval of the volume: {low:.1f} to {high:.1f} ml."]
    said += ["Reaches the edge of the image: it may go on outside."] if one.touches_border else []
    return " ".join(said) or None


def number_data(one: Structure, diameters_mm: tuple[float, float] | None, column: int, role: int) -> Any:
    """What the cell of a number shows for a role of Qt: the number as text, on the right; else None.

    `one` is a structure or a lesion. `diameters_mm` are the longest axial diameter and the one across it, None for a
    structure without lesions. A number that is not known is an empty text.
    """
    if role == ROLE.TextAlignmentRole and column in CELL_TEXTS:
        return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    if role == ROLE.ToolTipRole:
        return _tip(one)
    if role != ROLE.DisplayRole or column not in CELL_TEXTS:
        return None
    long_mm, across_mm = diameters_mm or (None, None)
    mean = one.intensity.mean if one.intensity is not None else None
    number = {ML_COLUMN: one.volume_ml, LONG_COLUMN: long_mm, ACROSS_COLUMN: across_mm, MEAN_COLUMN: mean}[column]
    return CELL_TEXTS[column](number) if number is not None else ""
