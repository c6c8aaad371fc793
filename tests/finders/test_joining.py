"""Several regions in one label map: values, names, sides, and the rule where two regions meet."""

from __future__ import annotations

import numpy as np
import pytest
from heads import finder

from monai_attn.errors import InputError
from monai_attn.finders import JoinedLabels, PartNote, box_around, collect_part, find_in_mask, region_labels
from monai_attn.labels import LabelTable
from monai_attn.volume import Box, Volume

TABLE = LabelTable.of_names({1: "anterior hippocampus", 2: "posterior hippocampus"})
OBLIQUE = np.array([[0.0, -2.0, 0.3, 5.0], [1.5, 0.0, 0.0, -9.0], [0.0, 0.2, 3.0, 2.0], [0, 0, 0, 1]])


def test_the_finders_entry_states_values_names_and_sides():
    labels = region_labels(["left", "right"], TABLE, finder().entry)
    said = [(one.value, one.name, one.laterality) for region in labels.values() for one in region.values()]
    assert said == [
        (1, "left anterior hippocampus", "left"),
        (2, "left posterior hippocampus", "left"),
        (3, "right anterior hippocampus", "right"),
        (4, "right posterior hippocampus", "right"),
    ]
    assert [one.value for one in region_labels(["right"], TABLE, finder().entry)["right"].values()] == [3, 4]


def test_names_that_the_entry_does_not_state_are_numbered_in_their_order():
    labels = region_labels(["right", "third"], TABLE, finder().entry)
    said = [(one.value, one.name) for region in labels.values() for one in region.values()]
    assert said == [
        (1, "right anterior hippocampus"),
        (2, "right posterior hippocampus"),
        (3, "third anterior hippocampus"),
        (4, "third posterior hippocampus"),
    ]


@pytest.mark.parametrize("order", [["left", "right"], ["right", "left"]])
def test_where_both_regions_have_a_label_the_nearer_middle_wins_on_an_oblique_grid(order):
    image = Volume(np.zeros((20, 24, 9), np.uint8), OBLIQUE)
    middle = image.to_world([9.5, 11.5, 4.0])
    boxes = {
        "left": box_around(middle - [6, 0, 0], (26, 30, 30)),
        "right": box_around(middle + np.array([6, 0, 0]), (26, 30, 30)),
    }
    joined = JoinedLabels(image, boxes, region_labels(["left", "right"], TABLE))
    for name in order:
        block = image.slices_of(boxes[name])
        joined.add(name, block, np.ones(image.array[block].shape, np.uint8))
    place = image.to_world(np.argwhere(joined.array == 1))
    middles = {name: (np.array(box.lower_mm) + box.upper_mm) / 2 for name, box in boxes.items()}
    to_left, to_right = (np.linalg.norm(place - middles[name], axis=1) for name in ("left", "right"))
    block = image.slices_of(boxes["right"])
    inside = np.zeros(image.shape, bool)
    inside[block] = True
    shared = inside[joined.array == 1]
    assert shared.any()
    assert (to_left <= to_right + 1e-9)[shared].all()


def test_a_label_wins_over_background_in_both_orders():
    image = Volume(np.zeros((9, 1, 1), np.uint8))
    boxes = {"a": Box((0, 0, 0), (5, 0, 0)), "b": Box((3, 0, 0), (8, 0, 0))}
    for order in (["a", "b"], ["b", "a"]):
        joined = JoinedLabels(image, boxes, region_labels(["a", "b"], LabelTable.of_names({1: "cyst"})))
        arrays = {"a": np.array([0, 0, 0, 1, 1, 1], np.uint8), "b": np.zeros(6, np.uint8)}
        for name in order:
            joined.add(name, image.slices_of(boxes[name]), arrays[name].reshape(6, 1, 1))
        assert joined.array.ravel().tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]


def test_a_note_comes_back_from_its_text_and_parts_may_come_in_any_order():
    boxes = {"left": Box((0, 0, 0), (1, 3, 3)), "right": Box((2, 0, 0), (3, 3, 3))}
    labels = region_labels(list(boxes), TABLE)
    notes = {
        name: PartNote.from_text(PartNote(name, boxes, labels, (4, 4, 4), np.eye(4), {"finder": {}}).to_text())
        for name in boxes
    }
    assert notes["left"].labels == labels
    parts: dict[str, np.ndarray] = {}
    assert collect_part(parts, notes["right"], np.full((2, 4, 4), 2, np.uint8)) is None
    joined = collect_part(parts, notes["left"], np.full((2, 4, 4), 1, np.uint8))
    assert joined is not None
    assert joined.array[:, 0, 0].tolist() == [1, 1, 4, 4]


def test_a_mask_gives_the_box_of_the_next_bundle_around_its_largest_piece():
    labels = np.zeros((30, 20, 20), np.uint8)
    labels[4:10, 5:12, 6:9] = 1
    labels[25, 1, 1] = 1  # a speck
    mask = Volume(labels, np.diag([2.0, 1.0, 1.5, 1.0]))
    table = LabelTable.of_names({1: "kidney", 2: "spleen"})
    found = find_in_mask(mask, table, margin_mm=4)
    assert found.regions == {"kidney": Box((3.0, 0.5, 4.25), (23.0, 15.5, 16.75))}
    assert found.problems == ("The mask holds no spleen, so there is no region for it.",)
    sized = find_in_mask(mask, table, size_mm=(10, 10, 10), names=["kidney"]).regions["kidney"]
    assert sized == Box.around((13, 8, 10.5), (10, 10, 10))
    with pytest.raises(InputError, match="has no structure 'liver'; it has kidney, spleen"):
        find_in_mask(mask, table, names=["liver"])
    with pytest.raises(InputError, match="0 mm or more, not -1"):
        find_in_mask(mask, table, margin_mm=-1)


def test_several_regions_of_a_bundle_without_label_names_are_refused():
    assert region_labels(["a"], LabelTable(), None) == {"a": {}}
    with pytest.raises(InputError, match=r"names no labels.*2 regions.*--labels FILE"):
        region_labels(["a", "b"], LabelTable(), None)


def test_a_value_without_a_name_is_not_lost_in_silence():
    boxes = {"a": Box((0, 0, 0), (4, 4, 4)), "b": Box((4, 4, 4), (8, 8, 8))}
    labels = region_labels(list(boxes), LabelTable.of_names({1: "cyst"}))
    joined = JoinedLabels(Volume(np.zeros((8, 8, 8), np.uint8)), boxes, labels)
    block = (slice(0, 4),) * 3
    joined.add("a", block, np.ones((4, 4, 4), np.uint8))
    with pytest.raises(InputError, match="region 'a' has label 3, which the bundle does not name; it names 1"):
        joined.add("a", block, np.full((4, 4, 4), 3, np.uint8))


def test_large_values_of_a_bundle_are_numbered_on_without_a_limit():
    labels = region_labels(["a", "b"], LabelTable.of_names({40_000: "cyst"}))
    boxes = {"a": Box((0, 0, 0), (4, 4, 4)), "b": Box((4, 4, 4), (8, 8, 8))}
    joined = JoinedLabels(Volume(np.zeros((8, 8, 8), np.uint8)), boxes, labels)
    joined.add("b", (slice(4, 8),) * 3, np.full((4, 4, 4), 40_000, np.uint16))
    assert joined.array.max() == 80_000
