"""The figures of attention maps, on maps with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attention_explain_figures import FRACTIONS, agreement, changed, entropy, order_of, share_inside
from attention_explain_tables import area, curve_values, explanations

GENERATOR = np.random.default_rng(0)


def test_a_map_of_the_structure_lies_inside_and_a_flat_one_as_its_volume():
    inside = np.zeros((8, 8, 8), bool)
    inside[2:6, 2:6, 2:6] = True
    assert share_inside(inside.astype(float), inside) == 1.0
    assert share_inside(np.ones(inside.shape), inside) == pytest.approx(inside.mean())


def test_a_flat_map_has_the_largest_entropy():
    half = np.concatenate([np.ones(32), np.zeros(32)]).reshape(4, 4, 4)
    assert entropy(half) == pytest.approx(np.log(32) / np.log(64))
    assert entropy(half) < entropy(np.ones((4, 4, 4))) == pytest.approx(1.0)


def test_a_flat_map_agrees_with_nothing():
    assert np.isnan(agreement(np.ones(9), np.arange(9.0)))
    assert agreement(np.arange(9.0), 2 * np.arange(9.0) + 1) == pytest.approx(1.0)


def test_the_order_of_a_flat_map_is_random():
    flat = order_of(np.zeros(1000), np.random.default_rng(0))
    assert sorted(flat) == list(range(1000))
    assert abs(np.corrcoef(flat, np.arange(1000))[0, 1]) < 0.1


def test_deletion_ends_without_the_image_and_insertion_ends_with_it():
    x = torch.from_numpy(GENERATOR.normal(size=(1, 2, 6, 6, 6)).astype(np.float32))
    order = order_of(x[0, 0].numpy(), np.random.default_rng(0))
    assert torch.equal(changed(x, order, 0.0, "deletion"), x)
    assert torch.equal(changed(x, order, 1.0, "insertion"), x)
    gone = changed(x, order, 1.0, "deletion")
    assert float(gone.std(dim=(2, 3, 4)).max()) < 1e-6
    first = int(order[0])
    half = changed(x, order, 0.5, "deletion")
    assert half.flatten(2)[0, 0, first] == pytest.approx(float(x[0, 0].mean()), abs=1e-6)
    assert half.flatten(2)[0, 0, int(order[-1])] == x.flatten(2)[0, 0, int(order[-1])]


def test_a_network_that_sees_only_the_structure_falls_faster_by_its_map_than_by_chance():
    """The prediction of this "network" is where the image is bright, so the image itself is the map that explains."""
    image = torch.zeros(1, 1, 10, 10, 10)
    image[:, :, 3:6, 3:6, 3:6] = 1
    left = {}
    for name, found in {"map": image[0, 0].numpy(), "random": np.zeros((10, 10, 10))}.items():
        order = order_of(found, np.random.default_rng(0))
        left[name] = [int((changed(image, order, fraction, "deletion") > 0.5).sum()) for fraction in FRACTIONS]
    assert left["map"][2] == 0  # 5 % of the voxels are more than the structure has
    assert left["random"][2] > 20


def rows() -> list[dict[str, str]]:
    base = {"variant": "gate", "seed": "1", "case": "a", "order": "", "fraction": ""}
    found = [
        {**base, "figure": "share inside", "value": "0.3"},
        {**base, "figure": "volume of the structure", "value": "0.1"},
    ]
    for order, level in {"map": 0.2, "gradient": 0.4, "random": 0.6}.items():
        for fraction in FRACTIONS:
            found.append({**base, "figure": "deletion", "order": order, "fraction": str(fraction), "value": str(level)})
    return found


def test_the_table_has_the_area_of_each_order_and_what_is_missing_as_a_dash():
    assert area(rows(), "deletion", "gradient") == pytest.approx(0.4)
    assert curve_values(rows(), "deletion")["gate"]["map"] == [0.2] * len(FRACTIONS)
    (line,) = explanations(rows()).splitlines()[2:]
    assert "30.0% (3.00)" in line
    assert "0.20, 0.40, 0.60" in line
    assert "-, -, -" in line  # no insertion
