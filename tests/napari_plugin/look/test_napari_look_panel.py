"""The Look panel and the canvas in a real window: few tests, for each costs seconds of software OpenGL."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import image_layer, labels_layer, world_of
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.crosshair import OVERLAY_KEY
from monai_attn.napari.look.looking import drag_window
from monai_attn.napari.look.panel import LookWidget
from monai_attn.napari.look.planes import show_3d, show_plane
from monai_attn.volume import Volume

pytestmark = pytest.mark.gui

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def corner() -> Volume:
    """Bright in the corner of the patient that lies most to the right, to the front and to the head."""
    array = np.zeros((40, 40, 30), np.float32)
    array[32:, 32:, 24:] = 100
    return Volume(array, AFFINE, modality="CT", unit="HU")


@pytest.fixture
def viewer(make_napari_viewer, plugin_settings, plugin):
    viewer = make_napari_viewer(show=True)
    data, keywords, _ = image_layer(corner(), name="CT", contrast_limits=(0, 100))
    viewer.add_image(data, **keywords)
    viewer.dims.point = world_of((72, 72, 80))
    return viewer


def bright_side(viewer, qtbot) -> tuple[str, str]:
    """Which half of the canvas is bright: "left" or "right", "top" or "bottom"; the text on it is hidden."""
    for overlay in viewer.canvas.overlays.values():
        overlay.visible = False
    qtbot.wait(100)
    grey = viewer.screenshot(canvas_only=True, flash=False)[..., 0].astype(float)
    rows, columns = np.nonzero(grey > 128)
    assert len(rows) > 50, "nothing bright is drawn"
    middle = np.array(grey.shape) / 2
    return "left" if columns.mean() < middle[1] else "right", "top" if rows.mean() < middle[0] else "bottom"


def test_the_patient_is_upright_in_every_plane_and_on_the_side_of_the_convention(viewer, qtbot):
    seen = {}
    for radiological in (True, False):
        for plane in ("axial", "coronal", "sagittal"):
            show_plane(viewer, plane, radiological=radiological)
            seen[plane, radiological] = bright_side(viewer, qtbot)
    show_3d(viewer)
    seen["3-D", True] = bright_side(viewer, qtbot)
    assert seen == {
        ("axial", True): ("left", "top"),
        ("axial", False): ("right", "top"),
        ("coronal", True): ("left", "top"),
        ("coronal", False): ("right", "top"),
        ("sagittal", True): ("left", "top"),
        ("sagittal", False): ("left", "top"),
        ("3-D", True): ("left", "top"),
    }


def test_the_panel_sets_window_slab_plane_and_convention_and_shows_what_others_set(viewer, qtbot):
    look = LookWidget(viewer)
    viewer.window.add_dock_widget(look, name="Look")
    layer = viewer.layers["CT"]
    look.preset.setCurrentText("lung   -600/1500")
    look.preset.activated.emit(look.preset.currentIndex())
    assert layer.contrast_limits == [-1350, 150]
    assert (look.centre.value(), look.width_.value(), look.unit.text()) == (-600, 1500, "HU")
    look.width_.setValue(800)
    assert layer.contrast_limits == [-1000, -200]
    layer.contrast_limits = (0, 80)
    assert look.preset.currentText() == "brain   40/80"
    look.slab.setCurrentText("mean")
    look.thickness.setValue(9)
    assert (str(layer.projection_mode), viewer.dims.thickness) == ("mean", (9, 9, 9))
    look.planes["coronal"].click()
    assert viewer.dims.order == (1, 0, 2)
    look.convention.setCurrentIndex(1)
    look.convention.activated.emit(1)
    assert canvas_notes(viewer).text("left") == "L"
    look.drag.setChecked(True)
    assert drag_window in viewer.mouse_drag_callbacks
    viewer.layers.clear()
    assert look.target.text() == "No image is open."
    assert not look.window_group.isEnabled()
    viewer.window.remove_dock_widget(look)
    assert drag_window not in viewer.mouse_drag_callbacks
    viewer.add_image(np.zeros((3, 4, 5)))


def test_linked_views_follow_the_point_and_the_point_follows_a_click_in_them(viewer, qtbot):
    data, keywords, _ = labels_layer(
        Volume((corner().array > 0).astype(np.uint8), AFFINE), name="mask", table=LabelTable.of_names({1: "corner"})
    )
    mask = viewer.add_labels(data, **keywords)
    look = LookWidget(viewer)
    viewer.window.add_dock_widget(look, name="Look")
    look.linked.setChecked(True)
    views = look.views
    qtbot.wait(200)
    pane = views.panes["coronal"]
    there = pane.to_screen().map(QPointF(-30.0, 45.0)).toPoint()  # L -30, S 45
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=QPoint(there.x(), there.y()))
    assert viewer.dims.point[1] == -72, "a click moves within the plane"
    assert (viewer.dims.point[0], viewer.dims.point[2]) == pytest.approx((45, -30), abs=1)

    def colours(plane):
        return {tuple(pixel) for picture in views.panes[plane]._cut() for pixel in picture.rgba.reshape(-1, 4).tolist()}

    assert (255, 255, 255, 255) in colours("coronal")
    viewer.dims.set_point(1, -10)
    assert (255, 255, 255, 255) not in colours("coronal")
    before = colours("coronal")
    mask.data_setitem((np.array([5]), np.array([mask.data.shape[1] - 6]), np.array([5])), 1)
    assert colours("coronal") != before, "painting is seen at once"
    mask.undo()
    assert colours("coronal") == before, "and so is what undo takes away"
    pictures = views.panes["axial"]._cut()
    viewer.dims.set_point(1, -12)
    assert views.panes["axial"]._cut() is pictures, "a step in another plane cuts nothing anew"
    mask.redo()
    QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert viewer.dims.order == (1, 0, 2)
    assert [layer.name for layer in viewer.layers] == ["CT", "mask"]
    assert viewer.scene.overlays[OVERLAY_KEY].visible
    viewer.window.remove_dock_widget(views)  # as its cross does
    assert not look.linked.isChecked()
    assert OVERLAY_KEY not in viewer.scene.overlays
    look.linked.setChecked(True)
    look.linked.setChecked(False)
    look.linked.setChecked(True)
    qtbot.wait(50)


def test_two_windows_have_their_own_panels_and_close_in_any_order(make_napari_viewer, plugin_settings, plugin, qtbot):
    first, second = make_napari_viewer(show=True), make_napari_viewer(show=True)
    looks = []
    for viewer in (first, second):
        data, keywords, _ = image_layer(corner(), name="CT", contrast_limits=(0, 100))
        viewer.add_image(data, **keywords)
        looks.append(LookWidget(viewer))
        viewer.window.add_dock_widget(looks[-1], name="Look")
        looks[-1].linked.setChecked(True)
    looks[0].planes["sagittal"].click()
    first.dims.set_point(0, 30)
    assert (first.dims.order, second.dims.order) == ((2, 0, 1), (0, 1, 2))
    assert second.dims.point[0] != 30
    first.close()
    second.dims.set_point(0, 33)
    looks[1].planes["coronal"].click()
    assert second.dims.order == (1, 0, 2)
