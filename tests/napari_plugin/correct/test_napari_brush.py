"""The brush in millimetres: what a drag of the mouse paints, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from corrected import drag, opened, phantom, show_middle
from napari.layers import Labels

from monai_attn.edit import Brush, paint
from monai_attn.napari.correct.brush import HandBrush, gate_images
from monai_attn.napari.layers.styles import restyle
from monai_attn.napari.layers.volumes import displayed_point, volume_of
from monai_attn.volume import Volume

TURN = (20, -35, 50)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("monai_attn.napari.correct.brush.show_warning", said.append)
    return said


def brush_on(mask: Volume) -> tuple[HandBrush, Labels]:
    viewer, image, layer = opened(mask)
    brush = HandBrush(viewer)
    brush.radius_mm, brush.gate_image = 4.0, image
    brush.attach()
    layer.selected_label = 3
    layer.mode = "paint"
    return brush, layer


@pytest.mark.parametrize("ball", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_click_paints_a_ball_or_a_disc_of_true_millimetres(ball: bool, order: tuple[int, int, int]) -> None:
    mask = phantom(turn_deg=TURN)
    brush, layer = brush_on(mask)
    brush.viewer.dims.order = order
    brush.ball = ball
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    painted = volume_of(layer, brush.viewer.layers)
    middle = np.array(mask.shape) // 2
    away_mm = np.linalg.norm(mask.to_world(np.stack(np.indices(mask.shape), -1)) - mask.to_world(middle), axis=-1)
    expected = away_mm <= 4.0 * (1 + 1e-5)
    found = painted.array == 3
    if ball:
        assert np.array_equal(found, expected)
    else:
        thin = [axis for axis in range(3) if len(set(np.nonzero(found)[axis])) == 1]
        assert len(thin) == 1
        assert np.array_equal(found, expected & (np.indices(mask.shape)[thin[0]] == middle[thin[0]]))


def test_a_drag_is_one_undo_step_without_gaps() -> None:
    mask = phantom(turn_deg=TURN)
    brush, layer = brush_on(mask)
    before = layer.data.copy()
    start, end = (np.array([4, y, 7]) for y in (4, 20))
    places = [displayed_point(mask, mask.to_world(index)) for index in (start, end)]
    drag(brush.viewer, layer, *places)
    expected = paint(mask, 3, (start, end), Brush(4.0, 2)).applied_to(mask)
    assert np.array_equal(volume_of(layer).array, expected.array)
    layer.undo()
    assert np.array_equal(layer.data, before)


def test_a_gated_brush_paints_only_the_intensities_in_its_range() -> None:
    mask = phantom(turn_deg=TURN)
    brush, layer = brush_on(mask)
    brush.ball, brush.radius_mm, brush.gate = True, 12.0, (50.0, 150.0)
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(volume_of(layer).array == 3, mask.array > 0)


def test_erasing_takes_away_all_labels_but_locked_ones() -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    restyle(layer, 2, locked=True)
    brush.ball, brush.radius_mm = True, 30.0
    layer.mode = "erase"
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(volume_of(layer).array, np.where(mask.array == 2, 2, 0))


@pytest.mark.parametrize(("mode", "value"), [("paint", 2), ("paint", 3), ("erase", 1), ("erase", 2)])
def test_preserve_labels_holds_our_brush_as_it_holds_the_one_of_napari(mode: str, value: int) -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    brush.ball, brush.radius_mm = True, 60.0  # the whole mask
    layer.selected_label, layer.mode, layer.preserve_labels = value, mode, True
    before = volume_of(layer).array.copy()
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    ours = volume_of(layer).array.copy()
    touched = 0 if mode == "paint" else value
    assert np.array_equal(ours, np.where(before == touched, value if mode == "paint" else 0, before))
    layer.undo()
    brush.detach()
    layer.n_edit_dimensions, layer.brush_size = 3, 200  # napari's own
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(volume_of(layer).array, ours)


def test_a_locked_label_is_not_painted_and_the_user_is_told(warnings: list[str]) -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    restyle(layer, 3, locked=True)
    before = layer.data.copy()
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(layer.data, before)
    assert warnings == ["vein (3) is locked. Unlock it in the Structures table to change it."]


def test_a_range_without_an_image_is_refused(warnings: list[str]) -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    brush.gate, brush.gate_image = (50.0, 150.0), None
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert warnings == [
        "The brush paints only intensities of 50 to 150, but no image on the grid of 'mask' is chosen. "
        "Choose one, or switch the range off."
    ]


def test_nothing_is_painted_on_a_mask_that_was_moved_in_napari(warnings: list[str]) -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    before = layer.data.copy()
    layer.translate = np.add(layer.translate, (0, 20, 0))
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(layer.data, before)
    assert "'mask' was moved in napari" in warnings[0]


def test_only_images_on_the_grid_of_the_mask_can_gate() -> None:
    mask = phantom()
    viewer, image, layer = opened(mask)
    viewer.add_image(np.zeros((9, 9, 9)), name="no place")
    assert gate_images(viewer, layer) == [image]


def test_the_brush_follows_the_active_layer_and_gives_napari_its_own_back() -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    names = [getattr(callback, "__name__", "") for callback in layer.mouse_drag_callbacks]
    assert "drag" in names
    assert "draw" not in names
    brush.detach()
    names = [getattr(callback, "__name__", "") for callback in layer.mouse_drag_callbacks]
    assert "drag" not in names
    assert names.count("draw") == 1
    assert layer.mode == "paint"
    brush.attach()
    brush.viewer.layers.remove(layer)
    assert brush.layer is None


def test_leaving_and_entering_paint_mode_keeps_one_brush() -> None:
    mask = phantom()
    _kept, layer = brush_on(mask)
    for mode in ("erase", "pan_zoom", "fill", "paint"):
        layer.mode = mode
    names = [getattr(callback, "__name__", "") for callback in layer.mouse_drag_callbacks]
    assert names.count("drag") == 1
    assert "draw" not in names
    layer.mode = "fill"
    names = [getattr(callback, "__name__", "") for callback in layer.mouse_drag_callbacks]
    assert "draw" in names  # filling is napari's


def test_the_cursor_has_the_size_of_the_brush() -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    brush.radius_mm = 6.0
    brush.show_size()
    assert layer.cursor_size == 12.0
    assert layer.brush_size == 15  # of 0.8 mm


def test_a_drag_during_the_outline_of_the_right_button_paints_nothing() -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    before = layer.data.copy()
    layer._overlays["brush_stroke"].active = True
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(layer.data, before)
    layer._overlays["brush_stroke"].active = False
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert not np.array_equal(layer.data, before)


def test_right_button_and_pan_zoom_paint_nothing() -> None:
    mask = phantom()
    brush, layer = brush_on(mask)
    before = layer.data.copy()
    drag(brush.viewer, layer, show_middle(brush.viewer, mask), button=2)
    layer.mode = "pan_zoom"
    drag(brush.viewer, layer, show_middle(brush.viewer, mask))
    assert np.array_equal(layer.data, before)
