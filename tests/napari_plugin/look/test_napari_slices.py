"""Slices of layers as pictures in millimetres, and the lines of the crosshair."""

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import image_layer, labels_layer, world_of
from monai_attn.napari.look import crosshair as crosshair_module
from monai_attn.napari.look.crosshair import OVERLAY_KEY, Crosshair, crosshair_lines
from monai_attn.napari.look.crosshair_layer import TILT_MM
from monai_attn.napari.look.crosshair_visual import scene_points
from monai_attn.napari.look.looking import set_slab
from monai_attn.napari.look.planes import WORLD_ORDER, show_plane
from monai_attn.napari.look.slices import extent_mm, layer_picture, slice_index, slice_pictures
from monai_attn.volume import Volume

AFFINE = np.array([[-1, 0, 0, 30], [0, 1.5, 0, -20], [0, 0, 4, 100], [0, 0, 0, 1.0]])
SHAPE = (20, 16, 8)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def add(viewer, array, **more):
    data, keywords, _ = image_layer(Volume(array, AFFINE), name="image", **more)
    return viewer.add_image(data, **keywords)


def add_labels(viewer, array):
    table = LabelTable.of_names({1: "one", 300: "many"})
    data, keywords, _ = labels_layer(Volume(array, AFFINE), name="labels", table=table)
    return viewer.add_labels(data, **keywords)


def one_voxel(index, dtype=np.float32, value=1):
    array = np.zeros(SHAPE, dtype)
    array[index] = value
    return array


@pytest.mark.parametrize("plane", WORLD_ORDER)
def test_a_voxel_is_drawn_where_it_lies_in_the_patient_in_every_plane(viewer, plane):
    index = (3, 12, 6)
    layer = add(viewer, one_voxel(index), contrast_limits=(0, 1))
    point, order = world_of((30 - 3, -20 + 1.5 * 12, 100 + 4 * 6)), WORLD_ORDER[plane]
    picture = layer_picture(layer, order, point)
    (row,), (column,) = np.nonzero(picture.rgba[..., 0])
    step = (np.array(picture.upper_mm) - picture.lower_mm) / picture.rgba.shape[:2]
    centre = np.array(picture.lower_mm) + (np.array([row, column]) + 0.5) * step
    assert centre == pytest.approx([point[axis] for axis in order[1:]])
    assert picture.rgba[row, column].tolist() == [255, 255, 255, 255]
    beside = np.add(point, np.eye(3)[order[0]] * layer.scale[order[0]])
    assert not layer_picture(layer, order, beside).rgba[..., :3].any()


def test_a_place_outside_is_no_slice(viewer):
    layer = add(viewer, np.zeros(SHAPE))
    assert [slice_index(layer, 0, at) for at in (97.9, 98.1, 100, 128, 129.9, 130.1)] == [None, 0, 0, 7, 7, None]
    assert layer_picture(layer, WORLD_ORDER["axial"], (50, 0, 0)) is None


def test_greys_follow_window_gamma_and_colormap_and_nan_is_black(viewer):
    array = np.zeros(SHAPE, np.float32)
    array[:4, 0, 0] = [-5, 50, 500, np.nan]
    layer = add(viewer, array, contrast_limits=(0, 100))
    point = world_of((30, -20, 100))

    def greys():
        return np.unique(layer_picture(layer, WORLD_ORDER["axial"], point).rgba[..., 0]).tolist()

    assert greys() == [0, 127, 255]
    layer.gamma = 2
    assert greys() == [0, 63, 255]
    layer.gamma, layer.colormap = 1, "blue"
    assert greys() == [0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_labels_have_their_colours_and_background_is_clear(viewer, dtype):
    value = 1 if dtype == np.uint8 else 300
    layer = add_labels(viewer, one_voxel((3, 12, 6), dtype, value))
    layer.data = layer.data.astype(dtype)
    rgba = layer_picture(layer, WORLD_ORDER["axial"], world_of((27, -2, 124))).rgba
    colour = np.round(255 * np.asarray(layer.colormap.map(value))).astype(int)
    assert np.count_nonzero(rgba[..., 3]) == 1
    assert rgba[rgba[..., 3] > 0][0].tolist() == colour.ravel().tolist()


def test_a_contour_keeps_the_rim_and_a_selected_label_hides_the_others(viewer):
    array = np.zeros(SHAPE, np.uint8)
    array[2:12, 2:12, :] = 1
    array[14:17, 4:7, :] = 2
    layer, point, axial = add_labels(viewer, array), world_of((27, -2, 124)), WORLD_ORDER["axial"]

    def drawn():
        return np.count_nonzero(layer_picture(layer, axial, point).rgba[..., 3])

    assert drawn() == 100 + 9
    layer.contour = 1
    assert drawn() == 36 + 8
    layer.contour = 2
    assert drawn() == 36 + 28 + 9
    layer.contour, layer.show_selected_label, layer.selected_label = 0, True, 2
    assert drawn() == 9


def test_a_slab_is_projected_in_the_picture_as_on_the_canvas(viewer):
    ramp = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    layer = add(viewer, ramp, contrast_limits=(0, ramp.max()))
    viewer.dims.point = world_of((20, -5, 112))
    set_slab(viewer, "max", 8.0)
    picture = layer_picture(layer, WORLD_ORDER["axial"], viewer.dims.point, viewer.dims.thickness[0])
    shown = np.asarray(layer._slice.image.raw)
    assert picture.rgba[..., 0] == pytest.approx(255 * shown / ramp.max(), abs=1)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_hidden_turned_flat_and_coloured_layers_are_left_out(viewer):
    first = add(viewer, np.ones(SHAPE))
    viewer.add_image(np.zeros((4, 5)))
    viewer.add_image(np.zeros((4, 5, 6, 3)), rgb=True)
    viewer.add_image(np.zeros((4, 5, 6)), rotate=(10, 20, 30))
    viewer.add_points(np.zeros((1, 3)))
    point = world_of((27, -2, 124))
    assert len(slice_pictures(viewer.layers, WORLD_ORDER["axial"], point)) == 1
    lower, upper = extent_mm(viewer.layers)
    assert upper - lower == pytest.approx([8 * 4, 16 * 1.5, 20])
    first.visible = False
    assert slice_pictures(viewer.layers, WORLD_ORDER["axial"], point) == []
    assert extent_mm(viewer.layers) is None


def test_the_crosshair_crosses_in_the_point_and_spans_the_box():
    lines = crosshair_lines((1, 2, 3), (0, 0, 0), (10, 20, 30))
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        assert (lines[axis][:, others] == np.array([1, 2, 3])[others]).all()
        assert lines[axis, :, axis].tolist() == [0, (10, 20, 30)[axis]]


@pytest.mark.parametrize(
    ("order", "ndisplay", "across"),
    [((0, 1, 2), 2, [2, 1]), ((1, 0, 2), 2, [2, 0]), ((2, 0, 1), 2, [1, 0]), ((0, 1, 2), 3, [2, 1, 0])],
)
def test_the_lines_lie_along_the_axes_that_are_shown(viewer, order, ndisplay, across):
    add(viewer, np.zeros(SHAPE))
    viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
    lines = crosshair_lines((1, 2, 3), (0, 0, 0), (10, 20, 30))
    points = scene_points(tuple(lines), viewer.dims)
    assert (points[:, : len(across)] == lines.reshape(6, 3)[:, across]).all()
    assert not points[:, len(across) :].any()
    assert not scene_points((), viewer.dims).any()


def test_the_crosshair_leaves_layers_and_sliders_alone_and_follows_the_point(viewer):
    image = add(viewer, np.zeros(SHAPE))
    viewer.dims.point = world_of((20, -5, 112))
    before = (viewer.dims.range, viewer.dims.point, viewer.dims.nsteps)
    crosshair = Crosshair(viewer)
    overlay = viewer.scene.overlays[OVERLAY_KEY]
    assert (viewer.dims.range, viewer.dims.point, viewer.dims.nsteps) == before
    assert list(viewer.layers) == [image]
    viewer.dims.set_point(0, 120)
    assert [start[0] for start, _ in overlay.ends[1:]] == [120, 120]
    assert overlay.visible
    viewer.layers.remove(image)
    assert not overlay.visible
    add(viewer, np.zeros(SHAPE))
    assert overlay.visible
    crosshair.close()
    crosshair.close()
    assert OVERLAY_KEY not in viewer.scene.overlays
    viewer.dims.set_point(0, 104)


@pytest.fixture
def in_a_layer(monkeypatch):
    """As in a napari whose table of overlays is out of reach."""
    monkeypatch.setattr(crosshair_module, "_overlay_class", lambda: None)


@pytest.mark.usefixtures("in_a_layer")
def test_the_layer_of_the_crosshair_leaves_sliders_and_selection_alone_and_follows_the_point(viewer):
    image = add(viewer, np.zeros(SHAPE))
    viewer.dims.point = world_of((20, -5, 112))
    before = (viewer.dims.range, viewer.dims.point, viewer.dims.nsteps)
    crosshair = Crosshair(viewer)
    assert (viewer.dims.range, viewer.dims.point, viewer.dims.nsteps) == before
    assert viewer.layers.selection.active is image
    viewer.dims.set_point(0, 120)
    layer = crosshair.surface.layer
    assert (layer.data[1:, 0, 0] * layer.scale[0]).tolist() == [120, 120]
    assert np.abs(layer.data[:, 1] * layer.scale[0] - np.diag([28, 22.5, 19])).max() == pytest.approx(TILT_MM)
    add(viewer, np.zeros(SHAPE))
    assert viewer.layers[-1] is layer, "drawn over what is opened later"
    crosshair.close()
    crosshair.close()
    assert [layer.name for layer in viewer.layers] == ["image", "image [1]"]
    viewer.dims.set_point(0, 104)


@pytest.mark.usefixtures("in_a_layer")
def test_the_layer_of_the_crosshair_comes_with_the_first_image_and_goes_with_the_last(viewer):
    crosshair = Crosshair(viewer)
    assert len(viewer.layers) == 0
    image = add(viewer, np.zeros(SHAPE))
    assert len(viewer.layers) == 2
    viewer.layers.remove(image)
    assert len(viewer.layers) == 0
    add(viewer, np.zeros(SHAPE))
    assert len(viewer.layers) == 2
    viewer.layers.remove(crosshair.surface.layer)
    viewer.dims.set_point(0, 104)
    add(viewer, np.zeros(SHAPE))
    assert len(viewer.layers) == 2, "the user removed it"


@pytest.mark.usefixtures("in_a_layer")
def test_the_layer_of_the_crosshair_is_as_thin_at_every_zoom(viewer):
    add(viewer, np.zeros(SHAPE))
    crosshair = Crosshair(viewer)
    for zoom in (0.5, 4.0):
        viewer.scene.camera.zoom = zoom
        layer = crosshair.surface.layer
        assert layer.edge_width * layer.scale[0] * zoom == pytest.approx(1.5)


@pytest.mark.gui
def test_the_crosshair_is_drawn_through_the_point_in_every_plane_and_in_3d(make_napari_viewer, qtbot):
    window = make_napari_viewer(show=True)
    data, keywords, _ = image_layer(Volume(np.zeros(SHAPE, np.float32), AFFINE), name="image", contrast_limits=(0, 1))
    window.add_image(data, **keywords)
    window.canvas.overlays.scale_bar.visible = False
    crosshair = Crosshair(window)
    point = window.dims.point = world_of((24, -5, 112))

    def coloured():
        qtbot.wait(100)
        picture = np.asarray(window.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)
        return (picture[..., 0] > 100) & (picture[..., 2] < picture[..., 0] - 60)

    for plane, (_, vertical, across) in WORLD_ORDER.items():
        show_plane(window, plane)
        drawn = coloured()
        rows, columns = np.flatnonzero(drawn.mean(axis=1) > 0.1), np.flatnonzero(drawn.mean(axis=0) > 0.1)
        assert 1 <= len(rows) <= 4, plane
        assert 1 <= len(columns) <= 4, plane
        camera, middle = window.scene.camera, np.array(drawn.shape) / 2
        ways = [1 if word in ("down", "right") else -1 for word in camera.orientation[1:]]
        offset = (np.array([point[vertical], point[across]]) - camera.center[1:]) * camera.zoom * ways
        assert [rows.mean(), columns.mean()] == pytest.approx(middle + offset, abs=3)
    window.dims.ndisplay = 3
    assert coloured().any()
    crosshair.close()
    assert not coloured().any()
