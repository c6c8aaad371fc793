"""Text on the canvas: what it says, what it follows, and that it goes away."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import displayed_point, image_layer, labels_layer, world_of
from monai_attn.napari.look.canvas import CanvasNotes, canvas_notes
from monai_attn.napari.look.planes import show_3d, show_plane
from monai_attn.napari.look.readout import coordinates, cursor_text, value_text
from monai_attn.volume import Volume

TABLE = LabelTable.of_names({1: "liver", 7: "lesion"})


def tilted(degrees: float) -> np.ndarray:
    """Voxels of 1 x 1.5 x 3 mm, turned about the axis from right to left, far from the origin."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.array([[1, 0, 0, -40], [0, cos, -sin, 25], [0, sin, cos, -300], [0, 0, 0, 1.0]])
    return affine @ np.diag([1, 1.5, 3, 1])


def ct(degrees: float = 0.0) -> Volume:
    """HU that tell the voxel: 10000 i + 100 j + k."""
    i, j, k = np.indices((20, 16, 12))
    return Volume(10000 * i + 100 * j + k, tilted(degrees), modality="CT", unit="HU")


def add(viewer: ViewerModel, volume: Volume, name: str, **keywords):
    data, given, _ = image_layer(volume, name=name, contrast_limits=(-160, 240), **keywords)
    return viewer.add_image(data, **given)


def add_labels(viewer: ViewerModel, volume: Volume, name: str = "organs"):
    data, given, _ = labels_layer(volume, name=name, table=TABLE)
    return viewer.add_labels(data, **given)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.mark.parametrize("degrees", [0, 14, -30])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_readout_says_where_in_the_patient_a_voxel_lies_and_its_value(viewer, degrees, plane):
    image = ct(degrees)
    add(viewer, image, "CT")
    show_plane(viewer, plane)
    for index in [(3, 5, 7), (19, 15, 11), (0, 0, 0)]:
        point = image.to_world(index)
        viewer.dims.point = displayed_point(image, point)  # the cursor lies in the slice shown
        text = cursor_text(viewer, viewer.dims.point)
        assert text == f"{coordinates(point)}\nCT: {image.array[index]} HU"


def test_coordinates_are_letters_and_millimetres():
    assert coordinates((12.34, -4.0, -55.06)) == "R 12.3  P 4.0  I 55.1 mm"
    assert coordinates((-0.04, 0.04, 0)) == "R 0.0  A 0.0  S 0.0 mm"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (35, "HU", "35 HU"),
        (3.214, "g/ml", "SUV 3.21"),
        (0.125, "", "0.125"),
        (12345.678, "BQML", "12346 BQML"),
        (-999.6, "HU", "-1000 HU"),
        (float("nan"), "HU", "no value"),
    ],
)
def test_values_have_their_unit(value, unit, text):
    assert value_text(value, unit) == text


def test_the_readout_names_the_label_and_leaves_background_and_hidden_layers_out(viewer):
    image = ct()
    labels = np.zeros(image.shape, np.uint8)
    labels[3, 5, 7], labels[4, 5, 7] = 7, 9
    add(viewer, image, "CT")
    layer = add_labels(viewer, Volume(labels, image.affine))
    viewer.dims.point = displayed_point(image, image.to_world((3, 5, 7)))
    at = [displayed_point(image, image.to_world((i, 5, 7))) for i in (3, 4, 5)]
    assert [cursor_text(viewer, point).split("\n")[1] for point in at] == [
        "organs: lesion",
        "organs: label 9",
        "CT: 50507 HU",
    ]
    layer.visible = False
    assert "organs" not in cursor_text(viewer, at[0])


def test_there_is_no_readout_outside_in_3d_or_without_layers(viewer):
    assert cursor_text(viewer, (0, 0, 0)) == ""
    image = ct()
    add(viewer, image, "CT")
    inside = displayed_point(image, image.to_world((3, 5, 7)))
    assert cursor_text(viewer, np.add(inside, 1000)) == ""
    assert cursor_text(viewer, (np.nan, 0, 0)) == ""
    show_3d(viewer)
    assert cursor_text(viewer, inside) == ""


def test_the_canvas_says_plane_place_window_and_edges_and_follows_the_viewer(viewer):
    notes = canvas_notes(viewer)
    assert notes.text("left") == notes.text("place") == notes.text("window") == ""
    image = ct()
    layer = add(viewer, image, "CT")
    viewer.dims.point = world_of(image.to_world((10, 8, 4)))
    assert notes.text("place") == "axial  I 288.0 mm"
    assert notes.text("window") == "window 40/400 HU"
    layer.contrast_limits = (-1350, 150)
    assert notes.text("window") == "window -600/1500 HU"
    show_plane(viewer, "sagittal")
    assert notes.text("place") == "sagittal  L 30.0 mm"
    assert [notes.text(edge) for edge in ("left", "right", "bottom", "top")] == ["A", "P", "I", "S"]
    layer.projection_mode = "max"
    viewer.dims.thickness = (10, 10, 10)
    assert notes.text("place") == "sagittal  L 30.0 mm  maximum of 10 mm"
    viewer.layers.clear()
    assert {notes.text(name) for name in ("left", "top", "place", "window", "honesty", "cursor")} == {""}


def test_naparis_own_buttons_keep_the_patient_upright_and_the_letters_true(viewer):
    notes = canvas_notes(viewer)
    add(viewer, ct(), "CT")
    seen = []
    for _ in range(3):
        viewer.dims.roll()
        seen.append("".join(notes.text(edge) for edge in ("left", "right", "bottom", "top")))
    assert seen == ["APIS", "ISLR", "RLPA"]  # napari's roll shows coronal slices lying on their side
    show_plane(viewer, "axial")
    notes.radiological = False
    assert (notes.text("left"), notes.text("right")) == ("L", "R")
    viewer.dims.transpose()
    viewer.dims.transpose()
    assert (notes.text("left"), notes.text("right")) == ("L", "R")


def test_an_oblique_image_bears_its_angle_and_a_straight_one_no_badge(viewer):
    notes = canvas_notes(viewer)
    add(viewer, ct(), "straight")
    assert notes.text("honesty") == ""
    viewer.layers.clear()
    add(viewer, ct(14), "oblique")
    assert notes.text("honesty") == "oblique 14.0°, drawn upright"


def test_layers_in_different_directions_are_said_not_to_overlay(viewer):
    notes = canvas_notes(viewer)
    add(viewer, ct(14), "T2 oblique")
    add(viewer, ct(), "CT")
    assert notes.text("honesty") == "T2 oblique: lies in another direction, does not overlay"
    viewer.layers["T2 oblique"].visible = False
    assert notes.text("honesty") == ""


def test_what_was_resampled_for_the_eye_says_so(viewer):
    notes = canvas_notes(viewer)
    add(viewer, ct(), "upright", display_only=True)
    assert notes.text("honesty") == "upright: resampled for display"


def test_a_layer_that_was_moved_in_napari_says_so_until_that_is_undone(viewer):
    notes = canvas_notes(viewer)
    layer = add(viewer, ct(), "CT")
    layer.affine = np.array([[1, 0, 0, 0], [0, 1, 0, 20], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    assert notes.text("honesty") == "CT: moved in napari, not where it lies in the patient"
    layer._reset_affine()
    assert notes.text("honesty") == ""


def test_a_viewer_gets_its_text_once_and_loses_it_on_close(viewer):
    notes = canvas_notes(viewer)
    assert canvas_notes(viewer) is notes
    before = len(viewer.canvas.overlays)
    notes.close()
    notes.close()
    assert len(viewer.canvas.overlays) < before
    add(viewer, ct(), "CT")  # no callback of the closed notes is left to fail
    assert canvas_notes(viewer) is not notes
    assert canvas_notes(viewer).text("top") == "A"


def test_the_text_does_not_keep_a_viewer_alive():
    viewer = ViewerModel()
    CanvasNotes(viewer)
    canvas_notes(viewer)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_two_viewers_have_their_own_text_and_convention():
    one, other = ViewerModel(), ViewerModel()
    add(one, ct(), "CT")
    add(other, ct(), "CT")
    canvas_notes(one).radiological = False
    assert (canvas_notes(one).text("left"), canvas_notes(other).text("left")) == ("L", "R")
