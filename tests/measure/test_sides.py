"""Left against right: pairs by laterality, the asymmetry index, and volumes scaled to the head."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monai_attn.labels import Code, Label, LabelTable
from monai_attn.measure import Sides, measure_sides, measure_structures, rows
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

CODE = Code("5366008", "SCT", "Hippocampus")


def head() -> tuple[Volume, LabelTable]:
    array = np.zeros((10, 10, 10), np.uint8)
    for value, voxels in {1: 10, 2: 20, 3: 30, 4: 20, 5: 40}.items():
        array.reshape(-1)[value * 100 : value * 100 + voxels] = value
    table = LabelTable(
        (
            Label(1, "left front", "#ff0000", CODE, "left"),
            Label(2, "left back", "#ff0000", CODE, "left"),
            Label(3, "right front", "#ff0000", CODE, "right"),
            Label(4, "right back", "#ff0000", CODE, "right"),
            Label(5, "left lung", "#ff0000", None, "left"),
        )
    )
    return Volume(array, np.diag([10.0, 10.0, 10.0, 1.0])), table


def test_pairs_are_compared_and_the_parts_of_one_code_summed():
    labels, table = head()
    sides = measure_sides(measure_structures(labels, table), table)
    assert [(one.name, one.left_ml, one.right_ml) for one in sides] == [
        ("front", pytest.approx(10), pytest.approx(30)),
        ("back", pytest.approx(20), pytest.approx(20)),
        ("hippocampus, all parts", pytest.approx(30), pytest.approx(50)),
    ]
    assert [one.asymmetry_percent for one in sides] == pytest.approx([100, 0, 50])


def test_volumes_are_scaled_to_the_head_only_where_asked_for():
    labels, table = head()
    segmentation = Segmentation(labels, table, {"finder": {"head_scale": 1.25}})
    assert [one.head_scale for one in segmentation.sides()] == [None] * 3
    front = segmentation.sides(head_size=True)[0]
    assert (front.left_scaled_ml, front.right_scaled_ml, front.head_scale) == pytest.approx((8, 24, 1.25))
    row = rows([front], case="case")[0]
    assert (row["kind"], row["left_ml"], row["left_scaled_ml"]) == ("sides", pytest.approx(10), pytest.approx(8))
    assert "head_scale" not in rows(segmentation.sides())[0]


def test_an_empty_side_has_an_index_of_200_and_no_pair_gives_no_row():
    assert Sides.of("x", 0, 2).asymmetry_percent == 200
    assert math.isnan(Sides.of("x", 0, 0).asymmetry_percent)
    labels, _ = head()
    table = LabelTable.of_names({value: f"label {value}" for value in range(1, 6)})
    assert measure_sides(measure_structures(labels, table), table) == []


def test_a_laterality_goes_through_json_and_another_is_refused():
    _, table = head()
    assert LabelTable.from_json(table.to_json()) == table
    assert "laterality" not in LabelTable.of_names({1: "liver"}).to_json()[0]
    with pytest.raises(ValueError, match="its laterality is left, right or empty, not 'links'"):
        Label(1, "x", "#ff0000", laterality="links")


@pytest.mark.parametrize(
    "names", [("LeftThalamus", "RightThalamus"), ("Left-Thalamus", "Right-Thalamus"), ("Thalamus_L", "Thalamus_R")]
)
def test_sides_are_found_in_names_of_several_programs(names):
    left, right = names
    table = LabelTable((Label(1, left, "#ff0000", laterality="left"), Label(2, right, "#00ff00", laterality="right")))
    array = np.zeros((4, 4, 4), np.uint8)
    array[0], array[1:3] = 1, 2
    (found,) = measure_sides(measure_structures(Volume(array), table), table)
    assert (found.name, found.left_ml, found.right_ml) == ("thalamus", pytest.approx(0.016), pytest.approx(0.032))
