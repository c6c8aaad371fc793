"""Writes the tables, the answer and the pictures of docs/attention.md from the CSV files in docs/attention alone.

What stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is replaced; the other text is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from attention_explain_tables import curve_values, explanations
from attention_pictures import cost_against_dice, curves, forest
from attention_rows import read_rows
from attention_statistics import Difference
from attention_table import DATA
from attention_tables import (
    ALL,
    BASE,
    Part,
    by_size,
    by_structure,
    differences,
    interval,
    markdown,
    parts,
    runs,
    scenes,
    without,
)

NOTHING = "No run of this is kept yet."
ONCE = (
    "Not every network was trained twice yet. The intervals hold what other patients would change, not what another "
    "training would. So no difference can be laid to the attention yet."
)

FOREST = "Difference in Dice of each network to the one without attention"
COST = ("cost", "Mean Dice against the CPU seconds of one window")
MAPS = (
    ("deletion", "Deletion curves of each network"),
    ("insertion", "Insertion curves of each network"),
    ("maps", "Maps of the best and the worst case"),
)
"""The first word of a picture's name, which the data set follows, and its words. One that was not made is not named."""


def write_page(docs: Path) -> None:
    """Replace the blocks of docs/attention.md, and its pictures."""
    kept, page = docs / "attention", docs / "attention.md"
    blocks = blocks_of(kept)
    text = page.read_text(encoding="utf-8")
    for name, content in blocks.items():
        block = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        found = block.search(text)
        if not found:
            raise SystemExit(f"{page.name} has no block {name!r}.")
        text = f"{text[: found.start()]}{found[1]}{content.strip()}\n{found[2]}{text[found.end() :]}"
    page.write_text(text, encoding="utf-8")


def blocks_of(kept: Path) -> dict[str, str]:
    """The content of each block; pictures are written on the way."""
    rows = read_rows(kept / "scores.csv")
    clean = parts(rows)
    costs, maps = read_rows(kept / "cost.csv"), read_rows(kept / "maps.csv")
    small = [part for part in clean if part.budget == "small" and len(part.variants) > 1]
    blocks = {
        "answer": "\n".join(f"- {answer(part)}" for part in small) or NOTHING,
        "longer": longer(clean),
        "runs": runs(clean),
        "differences": sections(clean, differences),
        "structures": sections([part for part in small if len(part.structures) > 1], by_structure),
        "sizes": sections(small, by_size),
        "scenes": sections(
            [part for part in clean if of_part(rows, part)], lambda part: scenes(part, of_part(rows, part))
        ),
        "without": sections([part for part in _scene(rows, "without") if part.budget == "small"], without),
        "boundaries": boundaries(small),
    }
    if small:
        forest(kept / "forest.png", small)
        blocks["differences"] += f"\n\n![{FOREST}]({kept.name}/forest.png)"
    for part in small:
        _cost_picture(kept, part, costs)
    blocks["cost"] = _of_each(costs, lambda data, rows: cost(rows) + _named(kept, data, COST))
    blocks["maps"] = _of_each(maps, lambda data, rows: _maps(kept, data, rows))
    return blocks


def _of_each(rows: Sequence[Mapping[str, str]], block: Callable[[str, list[Mapping[str, str]]], str]) -> str:
    """What `block` says of the rows of each data set, one below the other."""
    names = dict.fromkeys(row["data"] for row in rows)
    return "\n\n".join(block(name, [row for row in rows if row["data"] == name]) for name in names) or NOTHING


def _named(kept: Path, data: str, *pictures: tuple[str, str]) -> str:
    """The pictures of a data set that are there, as Markdown."""
    files = [(f"{name}_{data}.png", words) for name, words in pictures]
    return "".join(f"\n\n![{words}, {data}]({kept.name}/{file})" for file, words in files if (kept / file).exists())


def _cost_picture(kept: Path, part: Part, costs: Sequence[Mapping[str, str]]) -> None:
    seconds = {
        row["variant"]: float(row["cpu_s"]) for row in costs if (row["data"], row["way"]) == (part.data, "openvino f32")
    }
    if seconds:
        words = "CPU seconds of one window, OpenVINO f32"
        cost_against_dice(kept / f"{COST[0]}_{part.data}.png", part, seconds, words)


def _maps(kept: Path, data: str, rows: Sequence[Mapping[str, str]]) -> str:
    """The table and the pictures of the maps of a data set."""
    for what, title in (("deletion", "voxels taken away, %"), ("insertion", "voxels given back, %")):
        found = curve_values(rows, what)
        if found:
            curves(kept / f"{what}_{data}.png", found, title)
    return f"**{data}**\n\n{explanations(rows)}{_named(kept, data, *MAPS)}"


def answer(part: Part) -> str:
    """One sentence or two for a data set: how large the differences are, and how sure."""
    found = part.differences("dice", ALL)
    base = float(np.nanmean(part.scores("dice", ALL)[BASE]))
    best, worst = (pick(found, key=lambda name: found[name].mean) for pick in (max, min))
    sure = [name for name, one in found.items() if one.p_holm < 0.05]
    cases = max(one.cases for one in found.values())
    seeds = sorted({len(part.seeds(name)) for name in part.variants})
    how_many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    how_many += " seed" if seeds == [1] else " seeds"
    words = (
        f"**{part.title}** ({cases} unseen cases, {how_many}): the mean Dice without attention is {base:.3f}. "
        f"The networks differ from it by {interval(found[worst])} ({worst}) up to {interval(found[best])} ({best})."
    )
    if not part.repeated:
        return f"{words} {ONCE}"
    if not sure:
        return f"{words} After Holm's correction no difference lies apart from 0."
    which = ", ".join(f"{name} ({found[name].mean:+.3f})" for name in sure)
    return f"{words} After Holm's correction these lie apart from 0: {which}."


def longer(found: Sequence[Part]) -> str:
    """The differences of the networks that were trained for longer too, beside those of the small budget."""
    lines = []
    for part in (one for one in found if one.budget == "small"):
        for more in (one for one in found if one.data == part.data and one.budget != "small" and len(one.variants) > 1):
            few, many = (one.differences("dice", ALL) for one in (part, more))
            lines += [
                [part.data, name, _steps(part), interval(few[name]), _steps(more), _none(more), interval(many[name])]
                for name in many
                if name in few
            ]
    head = ["data", "network", "steps", "Dice against none", "steps", "Dice of none", "Dice against none"]
    return markdown(head, lines) if lines else NOTHING


def _steps(part: Part) -> str:
    return ", ".join(sorted({row["steps"] for row in part.rows}, key=int))


def _none(part: Part) -> str:
    return f"{np.nanmean(part.scores('dice', ALL)[BASE]):.3f}"


def sections(found: Sequence[Part], table: Callable[[Part], str]) -> str:
    """A table for each part below its name."""
    return "\n\n".join(f"**{part.title}**\n\n{table(part)}" for part in found if len(part.variants) > 1) or NOTHING


def _scene(rows: Sequence[Mapping[str, str]], scene: str) -> list[Part]:
    return parts(rows, scene)


def of_part(rows: Sequence[Mapping[str, str]], part: Part) -> list[Part]:
    """The same data and budget on disturbed images."""
    kinds = DATA[part.data].scenes
    return [one for scene in kinds for one in parts(rows, scene) if (one.data, one.budget) == (part.data, part.budget)]


def boundaries(found: Sequence[Part]) -> str:
    """Whether boundaries gain where the Dice does not: for each score the networks that differ after correction."""
    scores = ("dice", "boundary_dice", "nsd", "hd95_mm")
    lines = []
    for part in (one for one in found if one.repeated):
        of = {score: part.differences(score, ALL) for score in scores}
        cells = [_count(of[score], better=-1 if score == "hd95_mm" else 1) for score in scores]
        lines.append([part.title, *cells])
    head = ["data", "Dice", "boundary Dice", "NSD", "HD95"]
    return markdown(head, lines) if lines else NOTHING


def _count(found: Mapping[str, Difference], better: int) -> str:
    sure = {name: one.mean * better for name, one in found.items() if one.p_holm < 0.05}
    up, down = ([name for name, mean in sure.items() if mean * sign > 0] for sign in (1, -1))
    return f"better: {', '.join(up) or '-'}; worse: {', '.join(down) or '-'}"


def cost(rows: Sequence[Mapping[str, str]]) -> str:
    """What each network of a data set costs on the same window, and against none."""
    ways = list(dict.fromkeys(row["way"] for row in rows))
    mine = {(row["variant"], row["way"]): row for row in rows}
    lines = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        first = next(row for row in rows if row["variant"] == variant)
        cells = [_cost(mine, variant, way) for way in ways]
        lines.append([variant, f"{int(first['parameters']):,}", f"{float(first['gflop']):.2f}", *cells])
    batch = next((row["batch"] for row in rows if row["way"] == "train"), "1")
    row = rows[0]
    title = f"**{row['data']}**, window {row['window']}, training step of {batch} windows, {row['hardware']}"
    head = ["network", "parameters", "GFLOP", *(f"{way}: CPU s (times none), MiB" for way in ways)]
    return f"{title}\n\n{markdown(head, lines)}"


def _cost(rows: Mapping[tuple[str, str], Mapping[str, str]], variant: str, way: str) -> str:
    one, base = rows.get((variant, way)), rows.get((BASE, way))
    if one is None:
        return "-"
    times = f" ({float(one['cpu_s']) / float(base['cpu_s']):.2f})" if base else ""
    return f"{float(one['cpu_s']):.3f}{times}, {float(one['peak_mib']):.0f}"
