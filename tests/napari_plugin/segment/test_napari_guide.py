"""Boxes that a click places: their size, where they are drawn, what the mouse holds of them, and their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from monai_attn import Box, Volume
from monai_attn.bundle.describe import describe_bundle
from monai_attn.napari.layers.volumes import displayed_point, image_layer
from monai_attn.napari.segment.boxes import BOXES, BoxTool
from monai_attn.napari.segment.guide import (
    Grip,
    bounds_of,
    box_of_bounds,
    dragged,
    grip_at,
    named_boxes,
    needs_box,
    trained_size_mm,
)

TILT = np.array([[-0.9, 0.1, 0.2, 61], [0.1, 1.1, -0.1, -72], [-0.1, 0.1, 2.4, -55], [0, 0, 0, 1]])


def grid(tilted: bool = False) -> Volume:
    straight = np.array([[2.0, 0, 0, -90], [0, 2.0, 0, -110], [0, 0, 2.0, -70], [0, 0, 0, 1]])
    return Volume(np.zeros((90, 110, 80), np.float32), TILT if tilted else straight)


def test_a_click_gives_the_size_of_the_training_and_only_where_the_image_is_larger() -> None:
    bundle = describe_bundle("hippocampus_mri")
    assert trained_size_mm(bundle) == (40, 54, 42)  # between 31 x 40 x 26 and 43 x 59 x 47 mm
    assert needs_box(bundle, grid())
    assert not needs_box(bundle, Volume(np.zeros((40, 55, 40), np.float32)))
    assert not needs_box(describe_bundle("soft_tissue_sarcoma"), grid())


@pytest.mark.parametrize("tilted", [False, True])
def test_a_box_is_drawn_where_it_is_and_comes_back(tilted: bool) -> None:
    box = Box((-12.5, -20, 3), (20, 31, 45))
    lower, upper = bounds_of(box, grid(tilted))
    np.testing.assert_allclose(upper - lower, (42, 51, 32.5))
    again = box_of_bounds((lower, upper), grid(tilted))
    np.testing.assert_allclose([again.lower_mm, again.upper_mm], [box.lower_mm, box.upper_mm], atol=1e-6)


def test_the_mouse_holds_the_nearest_face_or_the_box_and_only_in_its_slices() -> None:
    box = (np.array([0.0, 0.0, 0.0]), np.array([20.0, 40.0, 60.0]))
    axial = [1, 2]
    assert grip_at([box], (10, 1, 30), axial, 2) == Grip(0, 1, 0)
    assert grip_at([box], (10, 20, 61), axial, 2) == Grip(0, 2, 1)
    assert grip_at([box], (10, 20, 30), axial, 2) == Grip(0)
    assert grip_at([box], (10, 20, 63), axial, 2) is None
    assert grip_at([box], (21, 20, 30), axial, 2) is None
    assert grip_at([box], (21, 20, 30), axial, 2, slack_mm=1) == Grip(0)
    lower, upper = dragged(box, Grip(0, 2, 1), (5, 5, 12))
    assert (lower.tolist(), upper.tolist()) == ([0, 0, 0], [20, 40, 72])
    lower, upper = dragged(box, Grip(0, 2, 0), (0, 0, 500))
    assert (lower[2], upper[2]) == (56, 60)  # 4 mm stay


def test_two_boxes_are_left_and_right_of_the_middle_and_three_are_numbered() -> None:
    left, right, top = (Box.around(at, (9, 9, 9)) for at in ((-30, 0, 0), (30, 0, 0), (30, 0, 40)))
    assert list(named_boxes([right, left], grid())) == ["right", "left"]
    assert list(named_boxes([right, top], grid())) == ["region 1", "region 2"]
    assert list(named_boxes([right, left, top], grid())) == ["region 1", "region 2", "region 3"]


@dataclass
class Mouse:
    """An event as napari gives it to a mouse callback."""

    position: tuple[float, ...]
    pos: tuple[float, float] = (100, 100)
    button: int = 1
    type: str = "mouse_press"
    modifiers: tuple[str, ...] = ()
    handled: bool = False
    seen: list[Any] = field(default_factory=list)


def drag(tool: BoxTool, start: Any, end: Any) -> None:
    """Press, move and let go, as napari does with the callbacks of a viewer."""
    event = Mouse(tuple(start))
    steps = tool.mouse(tool.viewer, event)
    next(steps, None)
    if not np.array_equal(start, end):
        event.type, event.position, event.pos = "mouse_move", tuple(end), (150, 160)
        next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def assert_boxes(tool: BoxTool, *expected: Box) -> None:
    corners = [[box.lower_mm, box.upper_mm] for box in tool.boxes]
    np.testing.assert_allclose(corners, [[box.lower_mm, box.upper_mm] for box in expected], atol=1e-6)


def test_boxes_are_placed_drawn_in_every_plane_dragged_and_taken_away(model: Any) -> None:
    volume = grid()
    data, keywords, _ = image_layer(volume, name="head")
    image = model.add_image(data, **keywords)
    changes: list[int] = []
    tool = BoxTool(model, lambda: volume, lambda: (40, 54, 42), lambda: changes.append(1))
    tool.switch(True)
    assert tool.mouse in model.mouse_drag_callbacks
    at = np.array(displayed_point(volume, (-27, -20, -12)))
    model.dims.point = at
    drag(tool, at, at)
    assert_boxes(tool, Box.around((-27, -20, -12), (40, 54, 42)))
    assert model.layers.selection.active is image
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        model.dims.order = order
        assert len(model.layers[BOXES].data) == 1
        model.dims.point = at + 60
        assert len(model.layers[BOXES].data) == 0
        model.dims.point = at
    model.dims.order = (0, 1, 2)
    model.dims.ndisplay = 3
    assert len(model.layers[BOXES].data) == 12
    drag(tool, at + 50, at + 50)  # in 3-D nothing is placed
    assert len(tool.boxes) == 1
    model.dims.ndisplay = 2
    model.scene.camera.zoom = 4
    face = at + np.array((0, 0, 20))  # the patient's left face
    drag(tool, face, face + np.array((0, 3, 6)))
    assert_boxes(tool, Box((-53, -47, -33), (-7, 7, 9)))
    drag(tool, at, at + np.array((0, 5, 0)))
    assert_boxes(tool, Box((-53, -52, -33), (-7, 2, 9)))
    other = np.array(displayed_point(volume, (27, -20, -12)))
    drag(tool, other, other)
    assert len(tool.boxes) == 2
    drag(tool, other, other + np.array((0, 4, 0)))
    beside = np.array(displayed_point(volume, (27, 20, -12)))
    drag(tool, beside, beside)  # overlaps the second one, which it replaces
    assert len(tool.boxes) == 2
    drag(tool, beside + np.array((0, 0, 80)), beside + np.array((0, 0, 60)))  # outside: the camera pans
    assert len(tool.boxes) == 2
    assert len(changes) == 6
    tool.clear()
    assert BOXES not in model.layers
    tool.close()
    assert tool.mouse not in model.mouse_drag_callbacks
