"""Axes, places and names of layers: exact there and back for every orientation, and right on the screen."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from phantoms import affine_of, assert_same_in_patient, phantom, signed_permutations

from monai_attn.errors import GeometryError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import (
    camera_orientation,
    compatible,
    displayed_point,
    go_to,
    grid_of,
    image_layer,
    is_moved,
    labels_layer,
    oblique_degrees,
    origin_of,
    patient_point,
    ras_of,
    to_display,
    to_native,
    volume_of,
    world_of,
)
from monai_attn.volume import Volume, same_grid

ALIGNED = (0, 0, 0)
TABLE = LabelTable.of_names({1: "liver", 7: "tumour"})


def shear(volume: Volume, share: float = 0.2) -> Volume:
    """The same slices, each pushed sideways, as by a tilted gantry."""
    affine = volume.affine.copy()
    affine[:3, 2] += share * affine[:3, 1]
    return Volume(volume.array, affine)


GRIDS = {
    "aligned": phantom(tilt=ALIGNED),
    "oblique": phantom(),
    "sagittal": phantom(signed_permutations()[23], tilt=(3, 2, -4)),
    "sheared": shear(phantom(tilt=ALIGNED)),
    "sheared and oblique": shear(phantom()),
}


@pytest.mark.parametrize("axes", signed_permutations())
@pytest.mark.parametrize("tilt", [ALIGNED, (11, -7, 19)])
def test_all_48_orientations_come_back_exactly(axes: np.ndarray, tilt: tuple[int, int, int]) -> None:
    volume = phantom(axes, tilt=tilt)
    layer = Layer.create(*image_layer(volume, name="one"))
    back = volume_of(layer)
    assert same_grid(back, volume)
    np.testing.assert_array_equal(back.array, volume.array)
    assert (np.array(layer.scale) > 0).all()
    assert np.shares_memory(layer.data, volume.array)


@pytest.mark.parametrize("axes", signed_permutations())
def test_the_world_of_an_aligned_layer_is_the_patient(axes: np.ndarray) -> None:
    volume = phantom(axes, tilt=ALIGNED)
    layer = Layer.create(*image_layer(volume, name="one"))
    shown_index = np.indices(layer.data.shape).reshape(3, -1).T
    for index in shown_index[::17]:
        world = layer.data_to_world(index)
        native = np.rint(volume.to_index(ras_of(world))).astype(int)
        assert np.abs(volume.to_world(native) - ras_of(world)).max() < 1e-9
        assert volume.array[tuple(native)] == layer.data[tuple(index)]
        assert patient_point(volume, world) == pytest.approx(ras_of(world), abs=1e-9)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_patient_point_of_a_displayed_voxel_is_where_the_affine_puts_it(grid: Volume) -> None:
    layer = Layer.create(*image_layer(grid, name="one"))
    for index in np.indices(layer.data.shape).reshape(3, -1).T[::13]:
        world = layer.data_to_world(index)
        native = np.argwhere(grid.array == layer.data[tuple(index)])[0]
        assert patient_point(grid, world) == pytest.approx(grid.to_world(native), abs=1e-9)
        assert displayed_point(grid, grid.to_world(native)) == pytest.approx(world, abs=1e-9)


def test_world_axes_are_superior_posterior_left_in_mm() -> None:
    assert world_of((1.0, 2.0, 3.0)) == (3.0, -2.0, -1.0)
    assert ras_of(world_of((1.0, 2.0, 3.0))) == (1.0, 2.0, 3.0)
    layer = Layer.create(*image_layer(phantom(), name="one"))
    assert layer.axis_labels == ("S", "P", "L")
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3


@pytest.mark.parametrize("axes", signed_permutations()[::5])
def test_right_is_left_on_the_screen_and_anterior_up(axes: np.ndarray) -> None:
    """What napari hands to the screen: rows from top to bottom, columns from left to right."""
    volume = phantom(axes, tilt=ALIGNED, shape=(9, 9, 9))
    right, front, head = (volume.bounds.upper_mm[axis] for axis in range(3))
    centre = volume.to_world((np.array(volume.shape) - 1) / 2)
    marked = np.zeros(volume.shape, np.uint8)
    for value, (axis, end) in enumerate([(0, right), (1, front), (2, head)], 1):
        point = centre.copy()
        point[axis] = end
        marked[tuple(np.rint(volume.to_index(point)).astype(int))] = value
    viewer = ViewerModel()
    viewer.add_layer(Layer.create(*image_layer(volume.with_array(marked), name="marks")))
    go_to(viewer, world_of(centre))
    for order, expected in {(0, 1, 2): {1: "left", 2: "up"}, (1, 0, 2): {1: "left", 3: "up"}}.items():
        viewer.dims.order = order
        assert screen_places(viewer) == expected
    viewer.dims.order = (2, 0, 1)
    assert screen_places(viewer) == {2: "left", 3: "up"}


def screen_places(viewer: ViewerModel) -> dict[int, str]:
    """Towards which edge of the screen each mark of the current slice lies."""
    _, vertical, horizontal = camera_orientation(viewer.dims.displayed)
    layer = viewer.layers[0]
    shown = np.asarray(layer._data_view)  # (rows, columns) of the slice
    shown = shown[:: 1 if vertical == "down" else -1, :: 1 if horizontal == "right" else -1]
    found = {}
    for value in np.unique(shown[shown > 0]):
        row, column = np.argwhere(shown == value)[0]
        edges = {row: "up", shown.shape[0] - 1 - row: "down", column: "left", shown.shape[1] - 1 - column: "right"}
        found[int(value)] = edges[min(edges)]
    return found


def test_the_camera_of_an_axial_slice_is_naparis_own() -> None:
    assert camera_orientation((1, 2)) == ("away", "down", "right")
    assert camera_orientation((1, 2), radiological=False) == ("away", "down", "left")
    assert camera_orientation((0, 1), radiological=False) == ("away", "up", "right")


@pytest.mark.parametrize("displayed", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("radiological", [True, False])
def test_a_3d_view_is_never_mirrored(displayed: tuple[int, int, int], radiological: bool) -> None:
    """The screen's (away, down, right) is right-handed, and so is (S, P, L) shown along it in this order."""
    depth, vertical, horizontal = camera_orientation(displayed, radiological=radiological)
    signs = (1 if depth == "away" else -1) * (1 if vertical == "down" else -1) * (1 if horizontal == "right" else -1)
    assert np.linalg.det(np.eye(3)[list(displayed)]) * signs == pytest.approx(1)


def test_oblique_grids_of_the_same_directions_overlay_and_others_do_not() -> None:
    one = phantom(shape=(12, 13, 14))
    moved = Volume(one.array, affine_of(np.eye(3), spacing_mm=(2, 2, 2), origin_mm=(40, -20, 300)))
    turned = phantom(tilt=(11, -7, 24), shape=(12, 13, 14))
    reordered = phantom(signed_permutations()[30], shape=(12, 13, 14))
    assert compatible(one, moved)
    assert compatible(one, reordered)
    assert not compatible(one, turned)
    assert not compatible(one, phantom(tilt=ALIGNED, shape=(12, 13, 14)))
    point = (3.0, 4.0, 5.0)
    assert displayed_point(one, point) == pytest.approx(displayed_point(moved, point))


def test_the_angle_of_an_oblique_grid_is_said() -> None:
    assert oblique_degrees(phantom(tilt=(0, 0, 12))) == pytest.approx(12)
    assert oblique_degrees(phantom(tilt=ALIGNED)) == pytest.approx(0)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_new_labels_layer_gets_the_grid_of_its_image(grid: Volume) -> None:
    viewer = ViewerModel()
    viewer.add_layer(Layer.create(*image_layer(phantom(shape=(3, 4, 5)), name="another")))
    viewer.add_layer(Layer.create(*image_layer(grid, name="one")))
    viewer._new_labels()
    fresh = viewer.layers[-1]
    assert origin_of(fresh) is None
    fresh.data[1, 2, 3] = 7
    volume = volume_of(fresh, viewer.layers)
    assert same_grid(volume, grid)
    assert grid_of(fresh, viewer.layers) is grid
    assert (volume.modality, volume.unit) == ("", "")
    np.testing.assert_array_equal(to_display(volume.array, grid), fresh.data)


def test_a_layer_that_fits_no_image_is_refused() -> None:
    image = Layer.create(*image_layer(phantom(), name="one"))
    for stray in (
        Labels(np.zeros((7, 6, 5), np.uint8), name="stray"),
        Labels(np.zeros(image.data.shape, np.uint8), name="stray", scale=image.scale),
        Labels(np.zeros(image.data.shape, np.uint8), name="stray", scale=image.scale, translate=image.translate,
               affine=np.diag([1, 1, -1, 1])),
    ):  # fmt: skip
        with pytest.raises(GeometryError, match=r"'stray' was not opened with monai-attn .*new labels"):
            grid_of(stray, [image])


def test_a_layer_that_fits_two_different_obliques_is_refused() -> None:
    one = phantom(origin_mm=(0, 0, 0))
    other = phantom(origin_mm=(0, 0, 0), tilt=(11, -7, -40))
    layers = [Layer.create(*image_layer(grid, name="one")) for grid in (one, other)]
    first = layers[0]
    stray = Labels(np.zeros(first.data.shape, np.uint8), name="stray", scale=first.scale, translate=first.translate)
    with pytest.raises(GeometryError, match="lie differently in the patient"):
        grid_of(stray, layers)


def test_a_resliced_image_gives_no_grid() -> None:
    image = Layer.create(*image_layer(phantom(), name="one", display_only=True))
    stray = Labels(np.zeros(image.data.shape, np.uint8), scale=image.scale, translate=image.translate)
    with pytest.raises(GeometryError, match="not known"):
        grid_of(stray, [image])


MOVES = {
    "affine": np.vstack([np.column_stack([np.eye(3), [0, 20, 0]]), [0, 0, 0, 1]]),
    "translate": (0, 20, 0),
    "scale": (2, 2, 2),
    "rotate": (0, 0, 15),
}


@pytest.mark.parametrize("axes", signed_permutations()[::7])
@pytest.mark.parametrize("move", MOVES)
def test_a_layer_that_was_moved_in_napari_is_refused_until_that_is_undone(axes: np.ndarray, move: str) -> None:
    grid = phantom(axes)
    layer = Layer.create(*labels_layer(grid.with_array(np.zeros(grid.shape, np.uint8)), name="mask"))
    assert not is_moved(layer)
    before = getattr(layer, move)
    setattr(layer, move, MOVES[move])
    for asked in (grid_of, volume_of):
        with pytest.raises(GeometryError, match=r"'mask' was moved in napari.*\"transform\" with the Alt key"):
            asked(layer)
    setattr(layer, move, before)
    assert same_grid(grid_of(layer), grid)


def test_a_mask_that_lies_in_a_viewer_of_films_is_not_taken_for_a_moved_one() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 4, 5, 6)))
    mask = viewer.add_layer(Layer.create(*labels_layer(Volume(np.zeros((4, 5, 6), np.uint8)), name="mask")))
    assert viewer.dims.ndim == 4
    assert grid_of(mask, viewer.layers).shape == (4, 5, 6)
    mask.data = np.zeros((2, 2, 2), np.uint8)  # refused as what it is, another shape
    with pytest.raises(GeometryError, match="does not fit its grid"):
        volume_of(mask)


def test_labels_have_names_colours_and_room_to_paint() -> None:
    grid = phantom()
    mask = np.zeros(grid.shape, np.int64)
    mask[1:3] = 7
    layer = Layer.create(*labels_layer(grid.with_array(mask), name="mask", table=TABLE))
    assert isinstance(layer, Labels)
    assert layer.data.dtype == np.uint8
    assert layer.colormap.map(7) == pytest.approx([*TABLE[7].rgb, 1], abs=1e-2)
    assert layer.colormap.map(0)[3] == 0
    assert layer.colormap.map(3)[3] == 1  # painted, not in the table, and still seen
    assert list(layer.features["name"]) == ["liver", "tumour"]
    assert list(layer.features["index"]) == [1, 7]
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    assert (volume_of(layer).array == 1).sum() == 1
    assert mask.max() == 7
    assert not (mask == 1).any()


def test_labels_without_a_table_are_named_by_number_and_floats_taken_as_whole() -> None:
    grid = phantom()
    mask = np.zeros(grid.shape, np.float32)
    mask[0, 0, 0], mask[1, 0, 0] = 3, 300
    data, keywords, _ = labels_layer(grid.with_array(mask), name="mask")
    assert data.dtype == np.uint16
    assert keywords["features"] == {"index": [3, 300], "name": ["label 3", "label 300"]}
    with pytest.raises(LabelError, match="whole numbers"):
        labels_layer(grid.with_array(mask + 0.5), name="mask")


def test_an_array_that_does_not_fit_the_grid_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"shape \(2, 2, 2\) does not fit"):
        to_native(np.zeros((2, 2, 2)), phantom())


@pytest.mark.parametrize("voxels", [3, 4])
def test_few_voxels_from_right_to_left_are_no_colours(voxels: int) -> None:
    """A sagittal localiser: napari takes a last axis of three or four for red, green, blue and transparency."""
    layer = Layer.create(*image_layer(Volume(np.zeros((voxels, 20, 30), np.float32)), name="localiser"))
    assert (layer.ndim, layer.rgb, layer.data.shape) == (3, False, (30, 20, voxels))


def test_an_image_made_elsewhere_has_no_origin() -> None:
    assert origin_of(Image(np.zeros((3, 3, 3)))) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_going_to_a_point_moves_sliders_and_camera(order: tuple[int, int, int], ndisplay: int) -> None:
    viewer = ViewerModel()
    grid = phantom(shape=(20, 21, 22), tilt=ALIGNED)
    viewer.add_layer(Layer.create(*image_layer(grid, name="one")))
    viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
    point = world_of(grid.to_world((5, 6, 7)))
    go_to(viewer, point)
    assert viewer.dims.point == pytest.approx(point)
    assert viewer.scene.camera.center[-ndisplay:] == pytest.approx([point[axis] for axis in order][-ndisplay:])


def test_display_and_native_show_the_same_patient() -> None:
    volume = phantom(signed_permutations()[11])
    shown = to_display(volume.array, volume)
    assert_same_in_patient(volume, volume.with_array(to_native(shown, volume)))
