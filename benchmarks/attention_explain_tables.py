"""The tables and curves of what attention maps say, from the rows of maps.csv alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attention_explain_figures import FRACTIONS
from attention_tables import markdown

Rows = Sequence[Mapping[str, str]]

STEADY = ("entropy", "agreement of seeds", "agreement under a flip", "agreement with random weights")


def explanations(rows: Rows) -> str:
    """A row for each network: where its map lies, how steady it is, and whether it finds the voxels that matter."""
    lines = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == variant]
        inside, volume = (_mean(mine, name) for name in ("share inside", "volume of the structure"))
        cells = [f"{inside:.1%} ({inside / volume:.2f})", *(_number(_mean(mine, name)) for name in STEADY)]
        for figure in ("deletion", "insertion"):
            cells.append(", ".join(_number(area(mine, figure, order)) for order in ("map", "gradient", "random")))
        seeds, cases = (len({row[name] for row in mine}) for name in ("seed", "case"))
        lines.append([variant, f"{seeds}, {cases}", *cells])
    head = ["network", "seeds, cases", "inside (times its volume)", *STEADY]
    head += [f"{figure}: map, gradient, random" for figure in ("deletion", "insertion")]
    return markdown(head, lines)


def curve_values(rows: Rows, figure: str) -> dict[str, dict[str, list[float]]]:
    """For each network and order the mean Dice at each of `FRACTIONS`."""
    found: dict[str, dict[str, list[float]]] = {}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        for order in ("map", "gradient", "random"):
            values = [
                [float(row["value"]) for row in rows if _is(row, variant, figure, order, fraction)]
                for fraction in FRACTIONS
            ]
            if all(values):
                found.setdefault(variant, {})[order] = [float(np.nanmean(one)) for one in values]
    return found


def area(rows: Rows, figure: str, order: str) -> float:
    """The area under a mean curve, from 0 to 1: small is better for deletion, large for insertion."""
    curve = []
    for fraction in FRACTIONS:
        values = [float(row["value"]) for row in rows if _is(row, row["variant"], figure, order, fraction)]
        curve.append(float(np.nanmean(values)) if values else float("nan"))
    return float(np.trapezoid(curve, FRACTIONS))


def _is(row: Mapping[str, str], variant: str, figure: str, order: str, fraction: float) -> bool:
    same = (row["variant"], row["figure"], row["order"]) == (variant, figure, order)
    return same and abs(float(row["fraction"]) - fraction) < 1e-6


def _mean(rows: Rows, figure: str) -> float:
    values = [float(row["value"]) for row in rows if row["figure"] == figure]
    defined = [one for one in values if not np.isnan(one)]
    return float(np.mean(defined)) if defined else float("nan")


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
