"""Planes, conventions and letters, on a ViewerModel."""

import itertools

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn.napari.layers.volumes import image_layer
from monai_attn.napari.look.planes import (
    WORLD_ORDER,
    Edges,
    canvas_directions,
    edge_letters,
    letters_of,
    orient,
    show_3d,
    show_plane,
    shown_plane,
)
from monai_attn.volume import Volume


def viewer_of(volume: Volume) -> ViewerModel:
    viewer = ViewerModel()
    data, keywords, _ = image_layer(volume, name="image")
    viewer.add_image(data, **keywords)
    return viewer


def turned(degrees: float, about: int) -> Volume:
    """An anisotropic volume turned about one patient axis (0 R, 1 A, 2 S)."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    i, j = (axis for axis in range(3) if axis != about)
    affine[i, i] = affine[j, j] = cos
    affine[i, j], affine[j, i] = -sin, sin
    affine[:3, :3] = affine[:3, :3] @ np.diag([1, 1.5, 4])
    return Volume(np.zeros((20, 16, 8), np.int16), affine)


def edges(viewer: ViewerModel, grid: Volume | None = None) -> Edges:
    return edge_letters(*canvas_directions(viewer, grid))


@pytest.fixture
def viewer() -> ViewerModel:
    return viewer_of(turned(0, 2))


@pytest.mark.parametrize(
    ("plane", "radiological", "expected"),
    [
        ("axial", True, Edges("R", "L", "P", "A")),
        ("axial", False, Edges("L", "R", "P", "A")),
        ("coronal", True, Edges("R", "L", "I", "S")),
        ("coronal", False, Edges("L", "R", "I", "S")),
        ("sagittal", True, Edges("A", "P", "I", "S")),
        ("sagittal", False, Edges("A", "P", "I", "S")),
    ],
)
def test_each_plane_has_superior_or_anterior_up_and_the_convention_turns_left_and_right(
    viewer, plane, radiological, expected
):
    show_plane(viewer, plane, radiological=radiological)
    assert edges(viewer) == expected
    assert shown_plane(viewer) == plane


@pytest.mark.parametrize("plane", WORLD_ORDER)
def test_a_transposed_plane_still_has_its_name_and_true_letters(viewer, plane):
    show_plane(viewer, plane)
    before = edges(viewer)
    viewer.dims.transpose()
    orient(viewer)
    after = edges(viewer)
    assert shown_plane(viewer) == plane
    assert {after.left, after.right} == {before.top, before.bottom}
    assert {after.top, after.bottom} == {before.left, before.right}


def test_the_letters_follow_the_camera_even_when_napari_turns_it():
    viewer = viewer_of(turned(0, 2))
    show_plane(viewer, "axial")
    viewer.scene.camera.orientation2d = ("up", "left")
    assert edges(viewer) == Edges("L", "R", "A", "P")


@pytest.mark.parametrize("radiological", [True, False])
def test_3d_looks_from_the_front_with_the_head_up_and_the_right_on_the_left(viewer, radiological):
    show_3d(viewer, radiological=radiological)
    assert edges(viewer) == Edges("R", "L", "I", "S")
    assert shown_plane(viewer) == "3-D"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_3d_from_any_order_of_axes_is_never_mirrored(viewer, order):
    viewer.dims.order = order
    viewer.dims.ndisplay = 3
    orient(viewer)
    viewer.scene.camera.angles = (13, 40, -70)
    right, up = canvas_directions(viewer)
    away = np.zeros(3)
    away[[2 - axis for axis in viewer.dims.displayed]] = viewer.scene.camera.view_direction
    away *= [-1, -1, 1]
    assert np.cross(away, up) == pytest.approx(right)


def test_3d_seen_from_the_patients_left_has_anterior_on_the_left(viewer):
    show_3d(viewer)
    viewer.scene.camera.set_view_direction((0, 0, -1), (1, 0, 0))
    assert edges(viewer) == Edges("A", "P", "I", "S")


def test_the_letters_of_an_oblique_image_name_where_it_leans(viewer):
    grid = turned(25, 0)  # about the axis from right to left: its S axis leans backwards
    oblique = viewer_of(grid)
    show_plane(oblique, "sagittal")
    assert edges(oblique, grid) == Edges("AS", "PI", "IA", "SP")
    assert edges(oblique) == Edges("A", "P", "I", "S")


def test_a_direction_within_14_degrees_of_an_axis_has_one_letter():
    lean = np.radians([14, 15])
    assert [letters_of((0, np.cos(a), np.sin(a))) for a in lean] == ["A", "AS"]
    assert letters_of((0, 0, 0)) == ""


def test_a_plane_keeps_the_point_looked_at_also_when_it_comes_from_3d(viewer):
    point = (12.0, -6.0, -11.0)
    viewer.dims.point = point
    for plane in ("coronal", "sagittal", "axial"):
        show_3d(viewer)
        viewer.scene.camera.center = (3, 2, 1)
        show_plane(viewer, plane)
        assert viewer.dims.point == pytest.approx(point)


def test_a_time_series_keeps_its_time_axis_and_shows_the_patients_planes():
    viewer = viewer_of(turned(0, 2))
    viewer.add_image(np.zeros((5, 8, 16, 20)))
    show_plane(viewer, "coronal")
    assert viewer.dims.order == (0, 2, 1, 3)
    assert edges(viewer) == Edges("R", "L", "I", "S")
    viewer.dims.order = (1, 2, 0, 3)  # time upwards
    orient(viewer)
    assert (edges(viewer).top, shown_plane(viewer)) == ("", "")


def test_an_empty_viewer_and_a_flat_picture_do_no_harm():
    viewer = ViewerModel()
    show_plane(viewer, "coronal")
    show_3d(viewer)
    show_plane(viewer, "axial")
    viewer.add_image(np.zeros((4, 5)))
    orient(viewer)
    edges(viewer)
