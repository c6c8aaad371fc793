"""The label table."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn.errors import LabelError
from monai_attn.labels import Code, Label, LabelTable, default_colour


def test_a_table_goes_through_json_unchanged():
    code = Code("5366008", "SCT", "Hippocampus")
    table = LabelTable((Label(2, "posterior", "#00ff00", code), Label(1, "anterior", "#ff0000")))
    assert [label.value for label in table] == [1, 2]
    assert LabelTable.from_json(table.to_json()) == table


def test_names_get_different_colours_and_background_is_left_out():
    table = LabelTable.of_names({0: "background", **{value: f"organ {value}" for value in range(1, 31)}})
    assert len(table) == 30
    assert len({label.colour for label in table}) == 30
    assert table[3].colour == default_colour(3)
    assert all(0 <= part <= 1 for part in table[7].rgb)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LabelTable.of_names({1: "liver", 2: "liver"}), "name 'liver' twice"),
        (lambda: LabelTable((Label(1, "a", "#ffffff"), Label(1, "b", "#ffffff"))), "value 1 twice"),
        (lambda: Label(0, "air", "#ffffff"), "0 is background"),
        (lambda: Label(1, " ", "#ffffff"), "no name"),
        (lambda: Label(1, "a", "red"), "#rrggbb, not 'red'"),
        (lambda: LabelTable.from_json([{"name": "a"}]), "needs a value and a name"),
        (lambda: LabelTable.of_names({1: "a"})[4], r"No label has the value 4; the table knows \[1\]"),
        (lambda: LabelTable.of_names({1: "a"}).check(np.array([0, 1, 7])), r"holds \[7\]"),
    ],
)
def test_what_is_wrong_is_said_with_its_value(make, message):
    with pytest.raises(LabelError, match=message):
        make()
