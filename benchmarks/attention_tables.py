"""The tables of docs/attention.md, from the rows of scores.csv alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from attention_statistics import Difference, Scores, family
from attention_table import DATA, VARIANTS
from numpy.typing import NDArray

Rows = Sequence[Mapping[str, str]]

BASE = "none"
TITLES = {"dice": "Dice", "nsd": "NSD", "boundary_dice": "boundary Dice", "hd95_mm": "HD95, mm"}
DIGITS = {"hd95_mm": 2}
ALL = "mean of structures"


@dataclass(frozen=True)
class Part:
    """The rows of one data set, budget and kind of images."""

    data: str
    budget: str
    scene: str
    rows: Rows

    @property
    def title(self) -> str:
        return self.data if self.budget == "small" else f"{self.data}, {self.budget} budget"

    @property
    def structures(self) -> list[str]:
        return list(dict.fromkeys(row["structure"] for row in self.rows))

    @property
    def variants(self) -> list[str]:
        """Those that were run, in the order of the study; none where the network without attention is missing."""
        there = {row["variant"] for row in self.rows}
        return [name for name in VARIANTS if name in there] if BASE in there else []

    def seeds(self, variant: str) -> list[str]:
        return sorted({row["seed"] for row in self.rows if row["variant"] == variant}, key=int)

    @property
    def repeated(self) -> bool:
        """Whether each network was trained more than once: else luck and attention cannot be told apart."""
        return bool(self.variants) and min(len(self.seeds(name)) for name in self.variants) > 1

    def sizes_ml(self, structure: str) -> dict[str, float]:
        """The volume of the reference of each case."""
        return {row["case"]: float(row["reference_ml"]) for row in self.rows if row["structure"] == structure}

    def scores(self, score: str, structure: str, cases: Iterable[str] | None = None) -> dict[str, Scores]:
        """For each variant the scores `(cases, seeds)`; `ALL` is the mean over the structures that a case has.

        An HD95 without an end, where a structure was not found, counts as the largest that is finite in these rows.
        """
        names = sorted({row["case"] for row in self.rows} if cases is None else cases)
        found: dict[tuple[str, str, str], list[float]] = {}
        for row in self.rows:
            if structure in (ALL, row["structure"]):
                found.setdefault((row["variant"], row["case"], row["seed"]), []).append(float(row[score] or "nan"))
        finite = [one for values in found.values() for one in values if np.isfinite(one)]
        worst = max(finite, default=0.0)
        return {
            variant: np.array(
                [[_mean(found.get((variant, case, seed), []), worst) for seed in self.seeds(variant)] for case in names]
            )
            for variant in self.variants
        }

    def differences(self, score: str, structure: str, cases: Iterable[str] | None = None) -> dict[str, Difference]:
        """Each variant against none, corrected for the number of variants."""
        return family(self.scores(score, structure, cases), BASE) if len(self.variants) > 1 else {}


def _mean(values: Sequence[float], worst: float) -> float:
    """The mean over structures; nan where none has a score."""
    finite = [min(one, worst) for one in values if not np.isnan(one)]
    return float(np.mean(finite)) if finite else float("nan")


def parts(rows: Rows, scene: str | None = "clean") -> list[Part]:
    """The parts of the table that have a network without attention, in the order of the study."""
    keys = dict.fromkeys((row["data"], row["budget"], row["scene"]) for row in rows)
    order = list(DATA)
    chosen = sorted(
        (key for key in keys if scene in (None, key[2])), key=lambda key: (order.index(key[0]), key[1] == "full")
    )
    found = [Part(*key, [row for row in rows if (row["data"], row["budget"], row["scene"]) == key]) for key in chosen]
    return [part for part in found if part.variants and part.budget != "quick"]


def interval(one: Difference, digits: int = 3) -> str:
    """`+0.004 (-0.002 to +0.010)`, and the same without an interval for a single case."""
    if np.isnan(one.mean):
        return "-"
    text = f"{one.mean:+.{digits}f}"
    return text if np.isnan(one.low) else f"{text} ({one.low:+.{digits}f} to {one.high:+.{digits}f})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def differences(part: Part) -> str:
    """Each network against none: the mean over a case's structures, with intervals, Holm's p and the effect."""
    scores = {score: part.differences(score, ALL) for score in TITLES}
    base = {score: float(np.nanmean(part.scores(score, ALL)[BASE])) for score in TITLES}
    head = [
        "network",
        "seeds",
        *(f"{TITLES[score]}" for score in TITLES),
        "p (Dice, Holm)",
        "effect (Dice)",
        "SD of seeds",
    ]
    first = [BASE, len(part.seeds(BASE)), *(f"{base[score]:.{DIGITS.get(score, 3)}f}" for score in TITLES), "", ""]
    spread = part.scores("dice", ALL)[BASE]
    first.append(f"{np.nanmean(spread, axis=0).std(ddof=1):.3f}" if spread.shape[1] > 1 else "-")
    lines: list[list[object]] = [first]
    for name, dice in scores["dice"].items():
        cells = [interval(scores[score][name], DIGITS.get(score, 3)) for score in TITLES]
        sd = "-" if np.isnan(dice.seed_sd) else f"{dice.seed_sd:.3f}"
        lines.append([name, dice.seeds, *cells, _p(dice.p_holm), f"{dice.effect:+.2f}", sd])
    return markdown(head, lines)


def by_structure(part: Part) -> str:
    """The difference in Dice of each structure, smallest structure first."""
    names = sorted(part.structures, key=lambda name: np.median(list(part.sizes_ml(name).values())))
    found = {name: part.differences("dice", name) for name in names}
    head = ["network", *(f"{name}, {np.median(list(part.sizes_ml(name).values())):.3g} ml" for name in names)]
    return markdown(head, ([variant, *(interval(found[name][variant]) for name in names)] for variant in _others(part)))


def by_size(part: Part) -> str:
    """The difference in Dice by the volume of the structure: thirds of the cases, or the data set's own classes."""
    columns = {}
    for structure in part.structures:
        for title, cases in size_classes(part, structure).items():
            columns[f"{structure}, {title} (n = {len(cases)})"] = part.differences("dice", structure, cases)
    rows = ([name, *(interval(one[name]) for one in columns.values())] for name in _others(part))
    return markdown(["network", *columns], rows)


def size_classes(part: Part, structure: str) -> dict[str, list[str]]:
    """The cases of each size class of a structure, by its title, smallest first; classes without cases are left out."""
    sizes = part.sizes_ml(structure)
    edges = DATA[part.data].edges_ml
    limits: Sequence[float] = edges if edges is not None else np.quantile(list(sizes.values()), [1 / 3, 2 / 3]).tolist()
    classes: dict[str, list[str]] = {}
    for low, high in zip([0.0, *limits], [*limits, np.inf], strict=True):
        title = (
            f"below {high:.3g} ml"
            if low == 0
            else f"from {low:.3g} ml"
            if np.isinf(high)
            else f"{low:.3g} to {high:.3g} ml"
        )
        cases = [case for case, ml in sizes.items() if low <= ml < high]
        if cases:
            classes[title] = cases
    return classes


def scenes(clean: Part, disturbed: Sequence[Part]) -> str:
    """The Dice of none on each kind of images, and the difference of each network to it there."""
    kinds = {"clean": clean, **{part.scene: part for part in disturbed}}
    base = {name: float(np.nanmean(part.scores("dice", ALL)[BASE])) for name, part in kinds.items()}
    found = {name: part.differences("dice", ALL) for name, part in kinds.items()}
    rows: list[list[object]] = [[BASE, *(f"{base[name]:.3f}" for name in kinds)]]
    for variant in _others(clean):
        rows.append([variant, *(interval(found[name][variant]) if variant in found[name] else "-" for name in kinds)])
    return markdown(["network", *kinds], rows)


def without(part: Part) -> str:
    """What was marked in scans that lack the structure, in ml: the mean over seeds, and the range."""
    cases = sorted({row["case"] for row in part.rows})
    rows = []
    for variant in part.variants:
        each = [
            [float(row["prediction_ml"]) for row in part.rows if (row["variant"], row["case"]) == (variant, case)]
            for case in cases
        ]
        rows.append([variant, *(f"{np.mean(one):.0f} ({min(one):.0f} to {max(one):.0f})" for one in each)])
    return markdown(["network", *(f"{case}, ml" for case in cases)], rows)


def runs(found: Sequence[Part]) -> str:
    """What was run: cases, seeds, steps, minutes, commit."""
    head = [
        "data",
        "budget",
        "networks",
        "seeds",
        "unseen cases",
        "steps",
        "CPU minutes of a training",
        "commit",
        "hardware",
    ]
    rows = []
    for part in found:
        of = partial(_of, part)
        minutes: NDArray[Any] = np.array([float(row["cpu_minutes"]) for row in part.rows])
        spread = f"{minutes.min():.1f} to {minutes.max():.1f}"
        cells = [", ".join(of(name)) for name in ("steps", "commit", "hardware")]
        numbers = [len(part.variants), ", ".join(of("seed")), len(of("case"))]
        rows.append([part.data, part.budget, *numbers, cells[0], spread, *cells[1:]])
    return markdown(head, rows)


def _of(part: Part, name: str) -> list[str]:
    return sorted({row[name] for row in part.rows})


def _others(part: Part) -> list[str]:
    return [name for name in part.variants if name != BASE]


def _p(p: float) -> str:
    return "-" if np.isnan(p) else "below 0.001" if p < 0.001 else f"{p:.3f}"
