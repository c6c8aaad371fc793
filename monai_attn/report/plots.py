"""Plots of a cohort: distributions of volumes, Dice, agreement with the reference.

`monai_attn.report.cohort` calls the plots. Each is a PNG as bytes and depends on the numbers alone. Statistics other
than the limits of agreement come from `monai_attn.measure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.report.drawing import new_figure, plain, to_png

__all__ = ["agreement_plot", "dice_plot", "limits_of_agreement", "volume_plot"]

COLUMNS = 3
"""Panels in a row of a plot."""

COLOUR = "#2b6cb0"
"""The colour of the points, one for each case."""

GREY = "#5a6673"
"""The colour of boxes, whiskers and the line at 0."""

LIMITS_SD = 1.96
"""Half the width of the limits of agreement in standard deviations: 95 % of a normal distribution lie within."""


def volume_plot(volumes_ml: Mapping[str, Sequence[float]]) -> bytes:
    """A PNG of volumes in ml with one panel for each structure: a point for each case, and a box plot of all cases.

    `volumes_ml` maps the name of a structure to its volumes, one for each case. Each panel has its own scale.
    """
    figure, panels = _panels(len(volumes_ml), height=2.1)
    for axis, (name, values) in zip(panels, volumes_ml.items(), strict=True):
        _boxes(axis, [np.asarray(values, np.float64)])
        axis.set_title(f"{plain(name)} (n = {len(values)})", fontsize=9)
        axis.set_xlabel("volume (ml)", fontsize=8)
        axis.set_yticks([])
    return to_png(figure)


def dice_plot(dice: Mapping[str, Sequence[float]]) -> bytes:
    """A PNG with a box plot of Dice for each structure, from 0 to 1; undefined values are left out and counted.

    A structure whose values are all undefined keeps its row, with n = 0.
    """
    defined = {name: np.array([value for value in values if not np.isnan(value)]) for name, values in dice.items()}
    figure = new_figure(11, 1.0 + 0.45 * len(dice), layout="constrained")
    axis = figure.subplots()
    _boxes(axis, list(defined.values()))
    missing = {name: len(dice[name]) - found.size for name, found in defined.items()}
    names = [
        f"{plain(name)} (n = {found.size}{f', {missing[name]} undefined' if missing[name] else ''})"
        for name, found in defined.items()
    ]
    axis.set_yticks(range(1, len(names) + 1), names, fontsize=9)
    axis.set_ylim(len(names) + 0.6, 0.4)  # the first at the top
    axis.set_xlim(-0.02, 1.02)
    axis.set_xlabel("Dice", fontsize=9)
    return to_png(figure)


def agreement_plot(pairs_ml: Mapping[str, Sequence[tuple[float, float]]]) -> bytes:
    """A PNG of Bland-Altman plots of (prediction, reference) volumes in ml, with a panel for each structure.

    Across is the mean of both volumes, upwards the difference, prediction minus reference. With a single case there
    are no limits, and only the mean is drawn. Bland and Altman 1986.
    """
    figure, panels = _panels(len(pairs_ml), height=3.0)
    for axis, (name, pairs) in zip(panels, pairs_ml.items(), strict=True):
        one, other = np.asarray(pairs, np.float64).reshape(-1, 2).T
        difference = one - other
        axis.scatter((one + other) / 2, difference, s=16, color=COLOUR, alpha=0.7, linewidths=0)
        axis.axhline(0, color=GREY, linewidth=0.6)
        bias, low, high = limits_of_agreement(difference)
        for level, style, text in ((bias, "-", "mean"), (low, "--", "−1.96 SD"), (high, "--", "+1.96 SD")):
            if np.isfinite(level):
                axis.axhline(level, color="#b03a2e", linewidth=1.0, linestyle=style)
                where = {"transform": axis.get_yaxis_transform(), "ha": "right", "va": "bottom", "fontsize": 7}
                axis.text(0.99, level, f"{text} {level:+.3g}".replace("-", "−"), color="#b03a2e", **where)
        axis.margins(y=0.25)
        axis.set_title(f"{plain(name)} (n = {difference.size})", fontsize=9)
        axis.set_xlabel("mean of prediction and reference (ml)", fontsize=8)
        axis.set_ylabel("prediction − reference (ml)", fontsize=8)
    return to_png(figure)


def limits_of_agreement(difference: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean difference and mean ± 1.96 SD (N - 1), after Bland and Altman 1986; nan where there are too few cases.

    The three numbers are mean, lower and upper limit, in the unit of the differences.

    >>> limits_of_agreement(np.array([1.0, 1.0, 1.0]))
    (1.0, 1.0, 1.0)
    >>> limits_of_agreement(np.array([]))
    (nan, nan, nan)
    """
    if difference.size == 0:
        return (float("nan"),) * 3
    bias = float(difference.mean())
    spread = LIMITS_SD * float(difference.std(ddof=1)) if difference.size > 1 else float("nan")
    return bias, bias - spread, bias + spread


def _boxes(axis: Any, groups: Sequence[NDArray[np.float64]]) -> None:
    """Horizontal box plots (quartiles; whiskers to 1.5 times the box) with every case as a point."""
    generator = np.random.default_rng(0)  # spreads the points, the same way every time
    for row, values in enumerate(groups, start=1):
        if values.size:
            axis.boxplot(
                values,
                positions=[row],
                widths=0.6,
                orientation="horizontal",
                showfliers=False,
                medianprops={"color": "#b03a2e", "linewidth": 1.5},
                boxprops={"color": GREY},
                whiskerprops={"color": GREY},
                capprops={"color": GREY},
            )
        height = row + generator.uniform(-0.18, 0.18, values.size)
        axis.scatter(values, height, s=14, color=COLOUR, alpha=0.65, linewidths=0, zorder=3)
    axis.grid(axis="x", color="#e3e8ee", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)


def _panels(count: int, *, height: float) -> tuple[Any, list[Any]]:
    """A figure with so many panels, three in a row, and the panels; those left over are hidden."""
    rows = -(-count // COLUMNS)
    figure = new_figure(11, height * max(rows, 1), layout="constrained")
    grid = figure.subplots(max(rows, 1), COLUMNS, squeeze=False).ravel()
    for axis in grid[count:]:
        axis.set_visible(False)
    for axis in grid[:count]:
        axis.tick_params(labelsize=8)
    return figure, list(grid[:count])
