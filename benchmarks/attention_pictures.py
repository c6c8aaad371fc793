"""The pictures of docs/attention.md that are made of numbers: differences with intervals, cost, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from attention_explain_figures import FRACTIONS
from attention_statistics import Difference
from attention_tables import ALL, BASE, Part

from monai_attn.report.drawing import new_figure, to_png

BLUE, GREY, RED = "#2b6cb0", "#5a6673", "#c05621"


def forest(path: Path, parts: Sequence[Part], score: str = "dice") -> None:
    """The difference of each network to the one without attention, with its interval; a panel for each data set."""
    found = [part.differences(score, ALL) for part in parts]
    figure = new_figure(4.2 * len(parts) + 0.8, 3.6, layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(parts)))
    for axis, part, differences in zip(axes, parts, found, strict=True):
        names = list(differences)[::-1]
        for place, name in enumerate(names):
            _row(axis, place, differences[name], part.repeated)
        axis.axvline(0, color=GREY, linewidth=1)
        axis.set_yticks(range(len(names)), names, fontsize=9)
        axis.set_ylim(-0.6, len(names) - 0.4)
        seeds = len(part.seeds(BASE))
        cases = max((one.cases for one in differences.values()), default=0)
        axis.set_title(f"{part.title}: {cases} unseen cases, {seeds} seed{'s' if seeds > 1 else ''}", fontsize=9)
        axis.set_xlabel("Dice less that without attention, 95 % interval", fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
    _save(path, to_png(figure))


def _row(axis, place: int, one: Difference, repeated: bool) -> None:  # type: ignore[no-untyped-def]
    if np.isnan(one.mean):
        return
    apart = repeated and one.p_holm < 0.05
    colour = (BLUE if one.mean > 0 else RED) if apart else GREY
    if not np.isnan(one.low):
        axis.plot([one.low, one.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    axis.plot(one.mean, place, "o", color=colour, markerfacecolor=colour if apart else "white")


def cost_against_dice(path: Path, part: Part, seconds: Mapping[str, float], what: str) -> None:
    """The mean Dice of each network against the CPU seconds that it takes; each seed is a small point."""
    figure = new_figure(6.4, 4.0, layout="constrained")
    axis = figure.subplots()
    for name, scores in part.scores("dice", ALL).items():
        if name not in seconds:
            continue
        each = np.nanmean(scores, axis=0)
        colour = RED if name == BASE else BLUE
        axis.plot([seconds[name]] * len(each), each, ".", color=colour, alpha=0.5, markersize=5)
        axis.plot(seconds[name], each.mean(), "o", color=colour)
        axis.annotate(name, (seconds[name], each.mean()), (6, 4), textcoords="offset points", fontsize=9)
    axis.set_xlabel(what, fontsize=9)
    axis.set_ylabel(f"mean Dice, {part.title}", fontsize=9)
    axis.margins(x=0.15, y=0.1)
    _save(path, to_png(figure))


def curves(path: Path, of: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> None:
    """For each network a panel: how the prediction falls when voxels are taken away, by who chose them."""
    names = list(of)
    figure = new_figure(2.3 * min(len(names), 4) + 0.6, 2.2 * -(-len(names) // 4) + 0.5, layout="constrained")
    axes = np.atleast_1d(
        figure.subplots(-(-len(names) // 4), min(len(names), 4), sharex=True, sharey=True, squeeze=False)
    ).ravel()
    colours = {"map": BLUE, "gradient": RED, "random": GREY}
    for axis, name in zip(axes, names, strict=False):
        for order, values in of[name].items():
            axis.plot([100 * one for one in FRACTIONS], values, color=colours[order], label=order, linewidth=1.6)
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    axes[0].legend(fontsize=7, frameon=False)
    figure.supxlabel(title, fontsize=9)
    figure.supylabel("Dice with the prediction on the whole image", fontsize=8)
    _save(path, to_png(figure))


def _save(path: Path, png: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
