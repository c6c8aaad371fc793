"""What a stroke changed, and structures that are locked against it."""

from __future__ import annotations

import numpy as np
import pytest
from inspected import TABLE, add_case
from napari.components import ViewerModel
from napari.layers import Labels

from monai_attn.errors import InputError, LabelError
from monai_attn.napari.layers.strokes import change_of, keep_locked, new_steps, step_counts
from monai_attn.napari.layers.styles import (
    Style,
    layer_table,
    locked_values,
    recolour,
    rename,
    restyle,
    shown_values,
    style_of,
    styled_colormap,
)
from monai_attn.napari.layers.volumes import origin_of
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.watch import Watch


def halves() -> tuple[Labels, list]:
    """Label 1 on the left, 2 on the right, background above; and a list that receives every step."""
    data = np.zeros((3, 8, 8), np.uint8)
    data[:, 4:, :4] = 1
    data[:, 4:, 4:] = 2
    layer = Labels(data)
    steps: list = []
    layer.events.paint.connect(lambda event: steps.append(event.value))
    return layer, steps


def brush(layer: Labels, value: int, at: tuple[int, int, int] = (1, 4, 4)) -> None:
    """A stroke with napari's own brush, as the mouse draws it."""
    layer.brush_size = 5
    with layer.block_history():
        layer.paint(at, value)


def test_a_stroke_tells_its_block_and_the_labels_that_won_and_lost() -> None:
    layer, steps = halves()
    before = layer.data.copy()
    brush(layer, 2)
    change = change_of(steps)
    assert change is not None
    assert change.values == {1, 2}
    changed = np.argwhere(before != layer.data)
    for axis, part in enumerate(change.region):
        assert part.start <= changed[:, axis].min()
        assert changed[:, axis].max() < part.stop
    assert change_of([]) is None


@pytest.mark.parametrize("value", [0, 2, 3])
def test_a_locked_structure_loses_nothing_to_brush_and_eraser_and_the_rest_of_the_stroke_stays(value: int) -> None:
    layer, steps = halves()
    before = layer.data.copy()
    free, _ = halves()
    brush(free, value)
    brush(layer, value)
    assert keep_locked(layer, steps, frozenset({1}))
    expected = np.where(before == 1, 1, free.data)
    np.testing.assert_array_equal(layer.data, expected)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    np.testing.assert_array_equal(layer.data, expected)


def test_a_locked_structure_gains_nothing_when_its_own_label_is_painted() -> None:
    layer, steps = halves()
    before = layer.data.copy()
    brush(layer, 1)
    assert (layer.data != before).any()
    assert keep_locked(layer, steps, frozenset({1}))
    np.testing.assert_array_equal(layer.data, before)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


@pytest.mark.gui
def test_a_locked_structure_is_held_while_another_mask_is_shown(qtbot) -> None:
    viewer = ViewerModel()
    image, layer = add_case(viewer)
    watch = Watch(Inspection(layer, viewer.layers, image), lambda: None)
    restyle(layer, 2, locked=True)
    watch.close()  # as where Structures shows another mask, or is closed
    before = layer.data.copy()
    layer.brush_size = 25
    for paint in (
        lambda: layer.paint(tuple(np.argwhere(before == 2)[0]), 5),
        lambda: layer.data_setitem(np.nonzero(before), 5),
    ):
        paint()
        assert not np.array_equal(layer.data, before)
        qtbot.wait(20)
        assert np.array_equal(layer.data == 2, before == 2)
        assert (layer.data == 5).sum() > (before == 5).sum()
        layer.undo()
        assert np.array_equal(layer.data, before)


def test_fill_and_set_items_are_held_back_too() -> None:
    layer, steps = halves()
    before = layer.data.copy()
    layer.fill((1, 6, 1), 2)
    assert keep_locked(layer, steps, frozenset({1}))
    np.testing.assert_array_equal(layer.data, before)
    steps.clear()
    layer.data_setitem((np.array([0, 0]), np.array([0, 7]), np.array([0, 0])), 2)
    assert keep_locked(layer, steps, frozenset({1}))
    assert (layer.data[0, 0, 0], layer.data[0, 7, 0]) == (2, 1)


def test_several_steps_are_put_back_together() -> None:
    layer, steps = halves()
    before = layer.data.copy()
    brush(layer, 3)
    brush(layer, 2)
    assert keep_locked(layer, steps, frozenset({1}))
    assert (layer.data[before == 1] == 1).all()
    layer.undo()
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_stroke_that_touches_no_locked_structure_stays_in_the_history_as_it_was() -> None:
    layer, steps = halves()
    brush(layer, 3, at=(1, 6, 6))
    atoms = list(steps[0])
    assert not keep_locked(layer, steps, frozenset({1}))
    assert steps[0] == atoms


def test_undo_and_redo_are_seen_though_napari_says_nothing() -> None:
    layer, _ = halves()
    brush(layer, 2)
    brush(layer, 3, at=(0, 6, 6))
    seen = step_counts(layer)
    assert new_steps(layer, seen) == []
    layer.undo()
    layer.undo()
    undone = change_of(new_steps(layer, seen))
    assert undone is not None
    assert undone.values == {1, 2, 3}
    seen = step_counts(layer)
    layer.redo()
    redone = change_of(new_steps(layer, seen))
    assert redone is not None
    assert redone.values == {1, 2}


def test_what_is_hidden_is_clear_and_what_is_alone_hides_the_others() -> None:
    def alphas(styles: dict[int, Style]) -> list[float]:
        colours = styled_colormap(TABLE, styles).color_dict
        return [float(colours[value][3]) for value in (1, 2, 5, None)]

    assert alphas({}) == [1, 1, 1, 1]
    assert alphas({2: Style(visible=False), 5: Style(opacity=0.25)}) == [1, 0, 0.25, 1]
    assert alphas({2: Style(solo=True), 5: Style(solo=True, visible=False, opacity=0.5)}) == [0, 1, 0.5, 0]
    assert shown_values(TABLE, {2: Style(visible=False)}) == [1, 5]


def test_a_style_stays_with_the_layer_and_colours_it() -> None:
    _, mask = add_case(ViewerModel())
    restyle(mask, 2, visible=False)
    restyle(mask, 5, opacity=0.5)
    restyle(mask, 1, locked=True)
    assert mask.get_color(2)[3] == 0
    assert mask.get_color(5)[3] == pytest.approx(0.5)
    assert locked_values(mask) == {1}
    assert style_of(mask, 2) == Style(visible=False)
    with pytest.raises(InputError, match="An opacity lies between 0 and 1"):
        restyle(mask, 5, opacity=1.5)


def test_a_new_name_and_a_new_colour_go_where_the_mask_is_saved_from() -> None:
    _, mask = add_case(ViewerModel())
    restyle(mask, 5, visible=False)
    rename(mask, 2, " metastases ")
    recolour(mask, 2, "#00ff00")
    origin = origin_of(mask)
    assert origin is not None
    assert origin.table == layer_table(mask)
    assert (layer_table(mask)[2].name, layer_table(mask)[2].colour) == ("metastases", "#00ff00")
    assert tuple(mask.get_color(2)) == (0, 1, 0, 1)
    assert mask.get_color(5)[3] == 0
    assert list(mask.features["name"]) == ["liver", "metastases", "spleen"]
    with pytest.raises(LabelError, match="the name 'liver' twice"):
        rename(mask, 2, "liver")
    with pytest.raises(LabelError, match="Label 2 has no name"):
        rename(mask, 2, "  ")
