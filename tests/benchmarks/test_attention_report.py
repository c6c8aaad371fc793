"""The tables of docs/attention.md from made-up rows whose answer is known."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from attention_report import answer, blocks_of, write_page
from attention_scores import keep
from attention_tables import ALL, Part, by_size, differences, parts, size_classes

PAGE = Path(__file__).parents[2] / "docs" / "attention.md"


def row(variant: str, seed: int, case: int, structure: str, dice: float, scene: str = "clean") -> dict[str, object]:
    scores = {"dice": dice, "nsd": dice, "boundary_dice": dice / 2, "hd95_mm": float("inf") if case == 0 else 2.0}
    volume = {"prediction_ml": 1.0, "reference_ml": 1.0 + case}
    about = {"steps": 120, "minutes": 3.0, "cpu_minutes": 2.0, "processes": 1, "commit": "abc", "hardware": "a CPU"}
    key = {"data": "hippocampus", "budget": "small", "variant": variant, "seed": seed, "scene": scene}
    return {**key, "case": f"case_{case}", "structure": structure, **scores, **volume, **about}


def table(scene: str = "clean") -> list[dict[str, object]]:
    """gate is better by 0.1 in the structure "front" of each case; channel differs from none by chance."""
    generator, found = np.random.default_rng(0), []
    for case in range(12):
        level = generator.uniform(0.6, 0.8)
        for seed in (1, 2, 3):
            for structure in ("front", "back"):
                gain = {"none": 0.0, "gate": 0.1 * (structure == "front"), "channel": 0.0}
                for variant in gain:
                    noise = generator.normal(0, 0.005)
                    found.append(row(variant, seed, case, structure, level + gain[variant] + noise, scene))
    return found


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    keep(tmp_path / "scores.csv", [*table(), *table("noise")])
    return tmp_path


@pytest.fixture
def part(kept: Path) -> Part:
    from attention_rows import read_rows

    (found,) = parts(read_rows(kept / "scores.csv"))
    return found


def test_only_what_differs_is_called_apart_from_none(part):
    assert re.search(r"apart from 0: gate \(\+0\.0(49|50|51)\)\.$", answer(part))


def test_of_one_training_each_nothing_is_laid_to_the_attention(tmp_path):
    keep(tmp_path / "scores.csv", [one for one in table() if one["seed"] == 1 or one["variant"] == "none"])
    blocks = blocks_of(tmp_path)
    assert "no difference can be laid to the attention" in blocks["answer"]
    assert "apart from 0" not in blocks["answer"]
    assert "better" not in blocks["boundaries"]


def test_a_longer_training_stands_beside_the_short_one(tmp_path):
    more = [{**one, "budget": "long", "steps": 20} for one in table() if one["seed"] == 1]
    keep(tmp_path / "scores.csv", [*table(), *more])
    blocks = blocks_of(tmp_path)
    assert "| gate |" in blocks["longer"].splitlines()[2]
    assert blocks["longer"].count("+0.0") >= 2
    assert "long" not in blocks["answer"]


def test_disturbed_images_of_any_budget_are_shown_and_no_table_without_them(tmp_path):
    more = [{**one, "budget": "full"} for one in (*table(), *table("noise")) if one["seed"] == 1]
    keep(tmp_path / "scores.csv", [*table(), *more])
    scenes = blocks_of(tmp_path)["scenes"]
    assert scenes.startswith("**hippocampus, full budget**")
    assert "| network | clean | noise |" in scenes
    assert "**hippocampus**" not in scenes


def test_the_difference_of_a_structure_is_its_own(part):
    front, back = (part.differences("dice", name)["gate"] for name in ("front", "back"))
    assert front.mean == pytest.approx(0.1, abs=0.005)
    assert back.mean == pytest.approx(0.0, abs=0.005)
    assert front.cases == 12


def test_a_structure_that_was_not_found_counts_as_the_largest_finite_distance(part):
    assert np.isfinite(part.scores("hd95_mm", ALL)["none"]).all()


def test_each_size_class_has_its_cases(part):
    classes = size_classes(part, "front")
    assert [len(cases) for cases in classes.values()] == [4, 4, 4]
    assert "case_0" in next(iter(classes.values()))
    assert "(n = 4)" in by_size(part)


def test_a_variant_with_fewer_seeds_is_compared_all_the_same(kept):
    from attention_rows import read_rows

    rows = [one for one in read_rows(kept / "scores.csv") if one["variant"] != "gate" or one["seed"] == "1"]
    (part,) = parts(rows)
    lines = differences(part).splitlines()
    assert lines[3].startswith("| gate | 1 |")
    assert part.differences("dice", ALL)["gate"].mean == pytest.approx(0.05, abs=0.005)


def test_without_the_network_without_attention_there_is_no_table(kept):
    from attention_rows import read_rows

    assert parts([one for one in read_rows(kept / "scores.csv") if one["variant"] != "none"]) == []


def test_the_page_has_each_block_and_its_text_stays(tmp_path, kept):
    docs = tmp_path / "docs"
    (docs / "attention").mkdir(parents=True)
    (docs / "attention" / "scores.csv").write_text((kept / "scores.csv").read_text())
    (docs / "attention.md").write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    write_page(docs)
    text = (docs / "attention.md").read_text(encoding="utf-8")
    assert "\n- **hippocampus** (12 unseen cases, 3 seeds)" in text
    assert "| noise |" in text
    assert "](attention/forest.png)" in text
    assert "](attention/maps_hippocampus.png)" not in text  # no map was made
    assert (docs / "attention" / "forest.png").stat().st_size > 5000
    block = re.compile(r"(<!-- begin (\w+) -->\n).*?(?=<!-- end \2 -->)", re.DOTALL)
    assert block.sub(r"\1", text) == block.sub(r"\1", PAGE.read_text(encoding="utf-8"))
    write_page(docs)
    assert (docs / "attention.md").read_text(encoding="utf-8") == text


def test_every_block_of_the_page_is_written(kept):
    names = re.findall(r"<!-- begin (\w+) -->", PAGE.read_text(encoding="utf-8"))
    assert sorted(names) == sorted(blocks_of(kept))


def test_each_data_set_has_its_own_table_of_costs_and_of_maps(kept):
    cost = "data,variant,parameters,gflop,way,cpu_s,peak_mib,window,batch,passes,hardware\n"
    lines = (
        f"{data},{one},100,1.5,train,{s},9,8x8x8,2,3,a CPU\n"
        for data, s in (("hippocampus", 0.5), ("sarcoma", 2.0))
        for one in ("none", "gate")
    )
    (kept / "cost.csv").write_text(cost + "".join(lines))
    (kept / "maps.csv").write_text(
        "data,budget,variant,seed,case,figure,order,fraction,value\n"
        + "".join(
            f"{data},small,gate,1,a,entropy,,,{value}\n" for data, value in (("hippocampus", 0.9), ("sarcoma", 0.4))
        )
    )
    blocks = blocks_of(kept)
    for name, values in {"cost": ("0.500 (1.00)", "2.000 (1.00)"), "maps": ("0.90", "0.40")}.items():
        first, second = blocks[name].split("**sarcoma**")
        assert first.startswith("**hippocampus**")
        assert [value in first for value in values] == [True, False]
        assert [value in second for value in values] == [False, True]
