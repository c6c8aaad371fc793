"""Regions: what is drawn or seen, in patient millimetres."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn import Box, Volume
from monai_attn.errors import GeometryError
from monai_attn.napari.layers.volumes import displayed_point, image_layer, placement
from monai_attn.napari.segment.region import (
    REGION,
    box_text,
    region_layer,
    region_of_points,
    region_of_shape,
    region_of_view,
)


def grid(tilt_deg: float = 0.0) -> Volume:
    """60 x 70 x 20 voxels of 1 x 1 x 3 mm, first axis from right to left, nodding by `tilt_deg`."""
    nod = np.radians(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-1.0, 1.0, 3.0])
    affine[:3, 3] = (30, -40, -25)
    return Volume(np.random.default_rng(0).random((60, 70, 20)).astype(np.float32), affine)


def rectangle(grid: Volume, lower_ras, upper_ras) -> np.ndarray:
    """The four corners, in napari's world, of a rectangle in the axial plane of its lower corner."""
    (r0, a0, s), (r1, a1, _) = lower_ras, upper_ras
    return np.array([displayed_point(grid, point) for point in [(r0, a0, s), (r1, a0, s), (r1, a1, s), (r0, a1, s)]])


def test_a_rectangle_is_a_box_through_all_slices_or_as_thick_as_said():
    image = grid()
    corners = rectangle(image, (-10, -20, 5), (20, 15, 5))
    whole = region_of_points(corners, image)
    np.testing.assert_allclose(whole.lower_mm, (-10, -20, -25), atol=1e-6)
    np.testing.assert_allclose(whole.upper_mm, (20, 15, -25 + 19 * 3), atol=1e-6)
    thick = region_of_points(corners, image, thickness_mm=12)
    np.testing.assert_allclose((thick.lower_mm[2], thick.upper_mm[2]), (-1, 11), atol=1e-6)


def test_on_an_oblique_image_the_box_holds_all_that_was_drawn():
    image = grid(20)
    inside = image.to_world([[20, 25, 8], [40, 25, 8], [40, 45, 8], [20, 45, 8]])
    shown = [displayed_point(image, point) for point in inside]
    box = region_of_points(shown, image, thickness_mm=6)
    i, j, k = image.slices_of(box)
    assert i.start <= 20
    assert i.stop > 40
    assert j.start <= 25
    assert j.stop > 45
    assert k.start <= 8 < k.stop
    assert k.stop - k.start < image.shape[2]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_shape_drawn_in_any_plane_is_extruded_across_it(order):
    viewer, image = ViewerModel(), grid()
    data, keywords, _ = image_layer(image, name="image")
    viewer.add_image(data, **keywords)
    viewer.dims.order = order
    _, keywords, _ = region_layer()
    layer = viewer.add_shapes(**keywords)
    assert layer.name == REGION
    across = order[0]
    corners = np.array([[4.0, -6.0, 8.0]] * 4)
    first, second = (axis for axis in range(3) if axis != across)
    corners[[1, 2], first] += 12
    corners[[2, 3], second] += 9
    layer.add([corners], shape_type="rectangle")
    box = region_of_shape(layer, image)
    scale, translate = placement(image)
    extent = {
        0: (translate[0], translate[0] + 19 * scale[0]),
        1: (-(translate[1] + 69 * scale[1]), -translate[1]),
        2: (-(translate[2] + 59 * scale[2]), -translate[2]),
    }[across]
    axis = 2 - across  # S, P, L to R, A, S
    assert (box.lower_mm[axis], box.upper_mm[axis]) == pytest.approx(extent)
    sizes = sorted(np.subtract(box.upper_mm, box.lower_mm)[[n for n in range(3) if n != axis]])
    assert sizes == pytest.approx([9, 12])


def test_the_selected_shape_counts_else_the_last_and_none_is_an_error():
    image = grid()
    layer = ViewerModel().add_shapes(**region_layer()[1])
    with pytest.raises(GeometryError, match=r"has no shape\. Draw a rectangle"):
        region_of_shape(layer, image)
    layer.add([rectangle(image, (0, 0, 2), (5, 5, 2))], shape_type="rectangle")
    layer.add([rectangle(image, (-20, -20, 2), (20, 20, 2))], shape_type="rectangle")
    layer.selected_data = set()
    assert region_of_shape(layer, image).upper_mm[0] == pytest.approx(20)
    layer.selected_data = {0}
    assert region_of_shape(layer, image).upper_mm[0] == pytest.approx(5)


def test_what_is_on_the_screen_is_a_region_around_the_shown_slice():
    viewer, image = ViewerModel(), grid()
    data, keywords, _ = image_layer(image, name="image")
    layer = viewer.add_image(data, **keywords)
    viewer.dims.set_point(0, 2.0)
    layer.corner_pixels = np.array([[0, 10, 20], [19, 30, 50]])
    box = region_of_view(viewer, layer, image, thickness_mm=9)
    assert np.subtract(box.upper_mm, box.lower_mm) == pytest.approx((30, 20, 9))
    assert (box.lower_mm[2] + box.upper_mm[2]) / 2 == pytest.approx(2.0, abs=1.5)
    layer.corner_pixels = np.array([[0, 10, 20], [19, 10, 50]])
    with pytest.raises(GeometryError, match="is not on the screen"):
        region_of_view(viewer, layer, image)


def test_a_box_is_told_with_its_size():
    assert box_text(Box((0, 0, 0), (10, 20, 30))).endswith("(10 x 20 x 30 mm)")
