"""Masks that no label of the training resembles are marked."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn.labels import LabelTable
from monai_attn.preflight import MadeFor, StructureRange, check_mask
from monai_attn.volume import Volume

TABLE = LabelTable.of_names({1: "head", 2: "tail"})
RANGE = StructureRange(volume_ml=(1.0, 2.0), largest_piece=(0.95, 1.0), border=(0.0, 0.02))
MADE_FOR = MadeFor(150, {}, {1: RANGE, 2: RANGE})


def labels(*blocks: tuple[int, slice, slice, slice]) -> Volume:
    array = np.zeros((60, 40, 30), np.uint8)
    for value, *block in blocks:
        array[tuple(block)] = value
    return Volume(array)


def cube(value: int, start: int, edge: int = 11) -> tuple[int, slice, slice, slice]:
    """1.331 ml, unless the edge is another."""
    return (value, slice(start, start + edge), slice(5, 5 + edge), slice(5, 5 + edge))


def warnings(*blocks: tuple[int, slice, slice, slice], region: bool = False) -> list[str]:
    return check_mask(MADE_FOR, labels(*blocks), TABLE, region=region)


def test_a_mask_as_in_training_has_no_warning():
    assert warnings(cube(1, 5), cube(2, 25)) == []


def test_nothing_is_said_where_the_training_is_not_known():
    assert check_mask(None, labels(), TABLE) == []


def test_an_empty_mask_and_a_missing_structure_are_marked():
    assert warnings() == ["Nothing was found: the mask is empty, and every training image held a structure."]
    assert warnings(cube(1, 5)) == ["No tail was found, and the training images held at least 1 ml."]


def test_a_volume_far_outside_the_training_is_marked_and_one_near_it_is_not():
    (small,) = warnings(cube(1, 5), cube(2, 25, edge=8))
    assert "The tail has 0.512 ml; in the training images it had 1 to 2 ml" in small
    (large,) = warnings(cube(1, 5), cube(2, 25, edge=15))
    assert "The tail has 3.38 ml" in large
    assert warnings(cube(1, 5, edge=13), cube(2, 25)) == []  # 2.2 ml


def test_a_structure_at_the_border_is_marked():
    (cut,) = warnings(cube(1, 0), cube(2, 25), region=True)
    assert "The head touches the border of the region with 9.1 % of its voxels" in cut


@pytest.mark.parametrize(("certainty", "marked"), [(0.95, False), (0.88, False), (0.87, True), (0.3, True)])
def test_a_structure_that_the_network_doubts_more_than_in_known_cases_is_marked(certainty, marked):
    known = MADE_FOR.with_certainty({1: {"t1": (0.9, 0.97), "ct": (0.5, 0.6)}})  # doubt: 10 %, times 1.25
    mask = labels(cube(1, 5), cube(2, 25))
    said = check_mask(known, mask, TABLE, certainty={1: certainty, 2: 0.1}, images=["t1"])
    assert len(said) == marked
    if marked:
        assert said[0] == (
            f"The network is unsure of the head: the mean probability of its voxels is {100 * certainty:.0f} %; in "
            "known cases it is 90 to 97 %."
        )
    for images in (["ct"], ["t1", "ct"], []):  # another choice of images has another range, or none
        assert not check_mask(known, mask, TABLE, certainty={1: 0.6}, images=images)


def test_a_structure_in_pieces_is_marked():
    (pieces,) = warnings(cube(1, 5), cube(2, 20, edge=9), cube(2, 40, edge=10))
    assert "The tail is in pieces, of which the largest holds 58 %" in pieces
