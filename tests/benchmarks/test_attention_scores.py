"""The rows of `benchmarks/attention.py`."""

from __future__ import annotations

import numpy as np
import pytest
from attention_rows import read_rows
from attention_scores import COLUMNS, boundary_dice, keep, rim


def cube(edge: int, size: int = 16) -> np.ndarray:
    mask = np.zeros((size, size, size), bool)
    mask[2 : 2 + edge, 2 : 2 + edge, 2 : 2 + edge] = True
    return mask


@pytest.mark.parametrize(("band_mm", "left"), [(0.1, 6), (1.0, 6), (2.0, 4), (9.0, 0)])
def test_a_rim_is_a_cube_without_its_inside(band_mm, left):
    assert rim(cube(8), (1, 1, 1), band_mm).sum() == 8**3 - left**3


def test_a_rim_is_measured_in_mm():
    assert rim(cube(8), (1, 1, 4), 2.0).sum() == 8**3 - 4 * 4 * 6  # two voxels in the plane, one across


def test_the_rim_goes_on_at_the_end_of_the_image():
    whole = np.ones((6, 6, 6), bool)
    assert rim(whole, (1, 1, 1), 1.0).sum() == 6**3 - 4**3


def test_the_boundary_dice_sees_what_the_dice_of_a_large_mask_does_not():
    one, other = cube(12), cube(12)
    other[13] = False  # a layer less
    overlap = 2 * (one & other).sum() / (one.sum() + other.sum())
    assert overlap > 0.95
    assert boundary_dice(one, other, (1, 1, 1), 1.0) < 0.85
    assert boundary_dice(one, one, (1, 1, 1), 1.0) == 1.0
    assert np.isnan(boundary_dice(one & False, one & False, (1, 1, 1), 1.0))


def row(seed: int, case: str, dice: float) -> dict[str, object]:
    key = {"data": "phantoms", "budget": "small", "variant": "none", "seed": seed, "scene": "clean"}
    return {**key, "case": case, "structure": "cyst, left", "dice": dice}


def test_rows_of_a_run_replace_those_of_the_same_run_only(tmp_path):
    file = tmp_path / "scores.csv"
    keep(file, [row(1, "a", 0.5), row(1, "b", float("nan"))])
    keep(file, [row(2, "a", 0.6)])
    keep(file, [row(1, "a", 0.7)])
    kept = read_rows(file)
    assert list(kept[0]) == list(COLUMNS)
    assert [(one["seed"], one["case"], one["dice"], one["structure"]) for one in kept] == [
        ("2", "a", "0.6000", "cyst, left"),
        ("1", "a", "0.7000", "cyst, left"),
    ]
