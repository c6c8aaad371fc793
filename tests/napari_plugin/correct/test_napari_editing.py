"""Corrections of a layer: the right voxels on the native grid, one undo step, locked labels untouched."""

from __future__ import annotations

import numpy as np
import pytest
from corrected import opened, phantom, show_middle

from monai_attn.edit import Change, grow
from monai_attn.errors import LabelError
from monai_attn.napari.correct.editing import (
    OPERATIONS,
    Choices,
    Correction,
    apply_change,
    correction_sentence,
    displayed_index,
    native_axis,
    native_index,
)
from monai_attn.napari.layers.styles import restyle
from monai_attn.napari.layers.volumes import volume_of
from monai_attn.volume import Volume

TURNS = [(0, 0, 0), (20, -35, 50), (90, 0, 0), (0, 80, 10)]
FLIPS = [(-1, 1, 1), (1, -1, -1)]


@pytest.mark.parametrize("turn_deg", TURNS)
@pytest.mark.parametrize("flip", FLIPS)
def test_a_change_reaches_the_same_voxels_of_the_layer(
    turn_deg: tuple[float, float, float], flip: tuple[int, int, int]
) -> None:
    mask = phantom(turn_deg=turn_deg, flip=flip)
    viewer, _, layer = opened(mask)
    generator = np.random.default_rng(0)
    change = Change((slice(2, 8), slice(3, 9), slice(1, 5)), generator.random((6, 6, 4)) > 0.5, 3)
    assert apply_change(layer, change, mask) == change.voxels
    assert np.array_equal(volume_of(layer, viewer.layers).array, change.applied_to(mask).array)
    assert len(displayed_index(change, mask)) == 3


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_one_undo_step(name: str) -> None:
    mask = phantom(turn_deg=(20, -35, 50))
    array = mask.array.copy()
    array[:, :, 6] = np.where(array[:, :, 6] == 1, 0, array[:, :, 6])  # a slice to be interpolated
    array[1:3, 1:3, 1:3] = 1  # a second piece
    middle = np.array(mask.shape) // 2
    array[middle[0] - 5, middle[1], middle[2]] = 0  # a hole
    mask = mask.with_array(array)
    viewer, _, layer = opened(mask)
    before = layer.data.copy()
    steps = []
    layer.events.paint.connect(steps.append)
    correction = Correction.of(name, layer, Choices(1.5), viewer.layers)
    changed = apply_change(layer, correction.compute(), correction.labels)
    assert changed > 0
    assert len(steps) == 1
    after = layer.data.copy()
    assert np.count_nonzero(before != after) == changed
    assert np.array_equal(before == 2, after == 2)
    layer.undo()
    assert np.array_equal(layer.data, before)
    layer.redo()
    assert np.array_equal(layer.data, after)


def test_growing_replaces_other_labels_when_told_and_locked_ones_never() -> None:
    viewer, _, layer = opened(phantom())
    layer.selected_label = 2
    grown = Correction.of("grow", layer, Choices(2.0), viewer.layers).compute()
    assert grown.voxels == 0  # the liver is all around
    over = Choices(2.0, replace_others=True)
    assert Correction.of("grow", layer, over, viewer.layers).compute().voxels > 0
    restyle(layer, 1, locked=True)
    assert Correction.of("grow", layer, over, viewer.layers).compute().voxels == 0


def test_a_locked_label_and_the_background_are_refused() -> None:
    viewer, _, layer = opened(phantom())
    restyle(layer, 1, locked=True)
    with pytest.raises(LabelError, match=r"liver \(1\) is locked\. Unlock it in the Structures table"):
        Correction.of("grow", layer, Choices(), viewer.layers)
    layer.selected_label = 0
    with pytest.raises(LabelError, match="The selected label is 0, the background"):
        Correction.of("grow", layer, Choices(), viewer.layers)


def test_a_label_that_the_type_of_the_layer_cannot_hold_is_refused() -> None:
    mask = phantom()
    _, _, layer = opened(mask)
    with pytest.raises(LabelError, match="holds uint8, which has no label 300"):
        apply_change(layer, Change((slice(0, 1),) * 3, np.ones((1, 1, 1), bool), 300), mask)


def test_the_axis_of_the_slices_shown_is_found_on_the_native_grid() -> None:
    for turn, axes in (((0, 0, 0), (2, 1, 0)), ((90, 0, 0), (1, 2, 0)), ((0, 90, 0), (0, 1, 2))):
        _, _, layer = opened(phantom(turn_deg=turn))
        assert tuple(native_axis(layer, shown) for shown in range(3)) == axes


def test_a_place_of_the_world_is_an_index_of_the_native_grid() -> None:
    mask = phantom(turn_deg=(20, -35, 50))
    viewer, _, _ = opened(mask)
    place = show_middle(viewer, mask, (3.25, 4.5, 5.75))
    assert native_index(mask, place) == pytest.approx((3.25, 4.5, 5.75), abs=1e-9)


def test_the_sentence_says_what_changed() -> None:
    grid = Volume(np.zeros((3, 3, 3), np.uint8), np.diag([10.0, 10, 10, 1]))
    change = Change((slice(0, 1), slice(0, 1), slice(0, 2)), np.ones((1, 1, 2), bool), 1)
    assert correction_sentence("grow", change, grid, "liver (1)") == "grow: liver (1) +2.00 ml (2 voxels)."
    none = Change(change.block, np.zeros((1, 1, 2), bool), 1)
    assert correction_sentence("fill holes", none, grid, "liver (1)") == "fill holes: nothing to change in liver (1)."


def test_the_sentence_says_when_other_labels_are_in_the_way() -> None:
    array = np.full((7, 7, 7), 2, np.uint8)
    array[3, 3, 3] = 1
    labels = Volume(array)
    change = grow(labels, 1, 1.0)
    assert (change.voxels, change.in_the_way) == (0, 6)
    assert correction_sentence("grow", change, labels, "liver (1)") == (
        "grow: liver (1) stays as it is, 6 voxels belong to other labels. "
        'Tick "may replace other labels", or unlock them.'
    )
    array[3, 3, 4] = 0
    change = grow(Volume(array), 1, 1.0)
    said = correction_sentence("grow", change, labels, "liver (1)")
    assert said == "grow: liver (1) +0.00 ml (1 voxel); 5 voxels belong to other labels and stay so."
    assert grow(Volume(array), 1, 1.0, protected=()).in_the_way == 0
    assert grow(Volume(array), 1, 1.0, protected={2}).in_the_way == 5
