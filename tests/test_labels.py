"""The label table."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn.errors import LabelError
from monai_attn.labels import Code, Label, LabelTable, default_colour, pairs_of


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
        (lambda: LabelTable.from_json([{"value": 1, "name": None}]), "needs a value and a name"),
        (lambda: LabelTable.of_names({1: "a"})[4], r"No label has the value 4; the table knows \[1\]"),
        (lambda: LabelTable.of_names({1: "a"}).check(np.array([0, 1, 7])), r"holds \[7\]"),
    ],
)
def test_what_is_wrong_is_said_with_its_value(make, message):
    with pytest.raises(LabelError, match=message):
        make()


STRANGE = {
    "infinity": {"value": float("inf"), "name": "x"},
    "nan": {"value": float("nan"), "name": "x"},
    "30 digits": {"value": 10**30, "name": "x"},
    "a fraction": {"value": 1.5, "name": "x"},
    "below 0": {"value": -1, "name": "x"},
    "half a character": {"value": 1, "name": "\ud800"},
    "no row": "x",
    "nothing": None,
    "a code that is a list": {"value": 1, "name": "x", "code": [1]},
    "a code with more": {"value": 1, "name": "x", "code": {"value": "1", "scheme": "S", "meaning": "M", "more": "x"}},
    "a colour that is a number": {"value": 1, "name": "x", "colour": 5},
    "a long text": {"value": "9" * 6000, "name": "x"},
}


@pytest.mark.parametrize("row", STRANGE.values(), ids=list(STRANGE))
def test_labels_that_cannot_be_are_refused_plainly(row):
    with pytest.raises(LabelError) as caught:
        LabelTable.from_json([row])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("rows", [{"a": 1}, "liver", 5, None])
def test_labels_that_are_no_list_are_refused_plainly(rows):
    with pytest.raises(LabelError, match="must be a list"):
        LabelTable.from_json(rows)


def test_a_whole_number_as_text_or_as_float_is_a_value():
    table = LabelTable.from_json([{"value": "3", "name": "x"}, {"value": 4.0, "name": "y"}])
    assert [label.value for label in table] == [3, 4]


def test_the_largest_values_that_files_hold_are_allowed():
    assert LabelTable.of_names({2**32 - 1: "x"})[2**32 - 1].name == "x"
    with pytest.raises(LabelError, match="above 4294967295"):
        LabelTable.of_names({2**32: "x"})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("LeftThalamus", "RightThalamus"),
        ("ParotidLeft", "ParotidRight"),
        ("CTVLeft", "CTVRight"),
        ("ThalamusL", "ThalamusR"),
        ("LKidney", "RKidney"),
        ("ParotidLT", "ParotidRT"),
        ("Rib1L", "Rib1R"),
        ("HippocampusLH", "HippocampusRH"),
        ("thalamus_lh", "thalamus_rh"),
        ("lh.precuneus", "rh.precuneus"),
        ("lkidney", "rkidney"),
        ("kidneyl", "kidneyr"),
        ("leftkidney", "rightkidney"),
        ("lkidney cyst", "rkidney cyst"),
        ("Left kidney", "right Kidney"),
        ("L", "R"),
    ],
)
def test_left_and_right_are_a_pair_however_they_are_written(left, right):
    assert pairs_of(LabelTable.of_names({1: "liver", 2: right, 3: "vessel", 4: left})) == ((4, 2),)


@pytest.mark.parametrize(
    "names",
    [
        ("liver", "iver"),
        ("liver", "femoral vessel"),
        ("LeftThalamus", "RightParotid"),
        ("lkidney", "kidneyr"),
        ("LV", "RV"),  # the ventricles of a heart are no mirror images of each other
        ("left to right shunt", "shunt"),
    ],
)
def test_a_letter_l_or_r_alone_makes_no_pair(names):
    assert pairs_of(LabelTable.of_names(dict(enumerate(names, start=1)))) == ()
