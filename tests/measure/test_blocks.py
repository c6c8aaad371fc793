"""Label numbers of any size: nothing is allocated by the number."""

from __future__ import annotations

import numpy as np
import pytest

from monai_attn.errors import LabelError
from monai_attn.labels import LabelTable
from monai_attn.measure import compare, measure_structures
from monai_attn.measure.blocks import find_blocks, label_blocks, label_values
from monai_attn.volume import Volume

HUGE = LabelTable.of_names({312782546: "isocortex", 614454277: "striatum"})


def allen(kind=np.uint32, order="C") -> Volume:
    """Label numbers of the Allen brain atlas."""
    array = np.zeros((6, 7, 8), kind, order=order)
    array[1:4, 1:6, 1:7] = 312782546
    array[4:5, 1:4, 1:7] = 614454277
    return Volume(array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.uint32, np.int32, np.int64, np.uint64])
def test_structures_with_huge_numbers_are_measured_and_compared(kind, order):
    labels = allen(kind, order)
    assert [one.voxels for one in measure_structures(labels, HUGE)] == [90, 18]
    assert [one.dice for one in compare(labels, labels, HUGE)] == [1, 1]
    assert label_values(labels.array) == [312782546, 614454277]


@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_are_the_same_for_small_and_huge_numbers(order):
    huge = allen(order=order).array
    small = np.where(huge == 312782546, 1, np.where(huge > 0, 2, 0)).astype(np.uint8, order=order)
    assert list(find_blocks(huge).values()) == list(find_blocks(small).values())
    assert find_blocks(small) == {
        1: (slice(1, 4), slice(1, 6), slice(1, 7)),
        2: (slice(4, 5), slice(1, 4), slice(1, 7)),
    }
    assert find_blocks(np.zeros((2, 2, 2), int)) == {}


def test_a_table_of_huge_numbers_and_a_map_of_small_ones():
    blocks = label_blocks(np.ones((2, 2, 2), np.uint8), LabelTable.of_names({1: "a", 614454277: "b"}))
    assert blocks == {1: (slice(0, 2),) * 3, 614454277: None}


def test_huge_numbers_that_the_table_lacks_are_refused_with_the_numbers():
    with pytest.raises(LabelError, match=r"holds \[312782546, 614454277\], which the label table \[0, 1\] does not"):
        label_blocks(allen().array, LabelTable.of_names({1: "a"}))
