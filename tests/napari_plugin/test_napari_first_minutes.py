"""The first minutes of someone who reads nothing, at 1280 x 800, by mouse and keys alone; every click is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit, QPushButton, QWidget

from monai_attn.measure import dice
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.keep.guard import reasons_to_stay
from monai_attn.napari.layers.volumes import displayed_point, grid_of, origin_of, volume_of

pytestmark = pytest.mark.gui

LEFT_MM, RIGHT_MM = (-27.0, -21.0, -14.0), (27.0, -21.0, -14.0)
"""The hippocampi of the MNI152 brain, where a person would click on them."""


def until(happened: Callable[[], bool], seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    return happened()


class Hand:
    """Clicks in a window of napari, and counts them; a key that replaces a click counts too."""

    def __init__(self, viewer: Any) -> None:
        self.viewer, self.window, self.clicks = viewer, viewer.window._qt_window, 0
        self.window.setGeometry(0, 0, 1280, 800)
        self.window.activateWindow()
        assert until(self.window.isActiveWindow, 10)

    def click(self, button: QWidget) -> None:
        assert button.isVisible()
        assert button.isEnabled()
        corner = button.mapTo(self.window, QPoint(button.width(), button.height()))
        assert corner.x() <= 1280
        assert corner.y() <= 800
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self._count()

    def canvas(self, point_mm: tuple[float, ...]) -> None:
        """Click on a place of the patient in the slice that is shown."""
        native, camera = self.viewer.window._qt_viewer.canvas.native, self.viewer.scene.camera
        world = np.array(displayed_point(grid_of(self.viewer.layers[0]), point_mm))[list(self.viewer.dims.displayed)]
        row, column = (world - np.array(camera.center)[-2:]) * camera.zoom
        at = QPoint(round(native.width() / 2 + column), round(native.height() / 2 + row))
        QTest.mouseMove(native, at)
        until(lambda: False, 0.1)
        QTest.mouseClick(native, Qt.MouseButton.LeftButton, pos=at)
        self._count()

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier) -> None:
        QTest.keyClick(self.window, key, modifier)
        self._count()

    def _count(self) -> None:
        self.clicks += 1
        until(lambda: False, 0.3)


def scroll_to(viewer: Any, point_mm: tuple[float, ...]) -> None:
    """Go to the slice of a place, as the wheel does."""
    place = displayed_point(grid_of(viewer.layers[0]), point_mm)
    viewer.dims.set_point(0, place[0])
    until(lambda: False, 0.2)


@pytest.fixture(autouse=True)
def _speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_attn.preflight.speeds.speed_file", lambda: tmp_path / "speeds.json")


def test_both_hippocampi_of_the_sample_are_in_one_mask_after_five_clicks(
    make_napari_viewer: Any, plugin: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer(show=True)
    dock = dock_of(viewer)
    hand = Hand(viewer)
    hand.click(dock.panels["Open"].samples.findChildren(QPushButton)[0])
    hand.key(Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    panel = dock.panels["Segment"]
    assert panel.bundle == "hippocampus_mri"
    assert until(panel.form.run.isEnabled, 10)  # the finder would be asked; a click says where
    assert panel.form.click.isChecked()
    scroll_to(viewer, LEFT_MM)
    hand.canvas(LEFT_MM)
    hand.canvas(RIGHT_MM)
    assert len(panel.region.boxes.boxes) == 2
    assert until(panel.form.run.isEnabled, 10)
    assert "left L " in panel.form.box.text()
    assert panel.form.findings.text().count("does not tell its modality") == 1  # once for both boxes
    hand.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert until(lambda: panel.running.worker is not None or "ml" in panel.form.status.text(), 10)
    assert until(lambda: panel.running.worker is None, 400), panel.form.status.text()
    assert "ml" in panel.form.status.text()
    assert hand.clicks == 5
    mask = viewer.layers.selection.active
    assert len(panel.region.regions()) == 2  # the boxes stand for the next run too
    names = [f"{side} {part} hippocampus" for side in ("left", "right") for part in ("anterior", "posterior")]
    assert list(mask.features["name"]) == names
    assert not mask.name.startswith("CHECK")
    labels = volume_of(mask, viewer.layers)
    ml = [float((labels.array == value).sum()) * labels.voxel_ml for value in range(1, 5)]
    assert all(0.8 < one < 2.8 for one in ml)
    mirror = labels.array[::-1]
    both = (labels.array > 0) & (labels.array < 3)
    assert dice(both, np.isin(mirror, (3, 4))) > 0.7  # the sides of a mean of 152 heads are alike

    assert "is not saved" in reasons_to_stay(viewer)[0]
    hand.click(dock.buttons["Save"])
    chosen = (str(tmp_path / "both.nii.gz"), "NIfTI (*.nii.gz *.nii)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: chosen)
    hand.click(dock.panels["Save"].save_mask)
    assert (tmp_path / "both.nii.gz").is_file()
    assert reasons_to_stay(viewer) == []


def choose_folder(hand: Hand, button: QWidget, folder: Path) -> None:
    """Answer Qt's dialog for a folder: its name is typed, and "Choose" is clicked."""

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        field.clear()
        QTest.keyClicks(field, str(folder))
        choose = next(one for one in dialog.findChild(QDialogButtonBox).buttons() if "Choose" in one.text())
        QTest.mouseClick(choose, Qt.MouseButton.LeftButton)

    QTimer.singleShot(1000, answer)
    hand.click(button)
    hand.clicks += 1  # the answer in the dialog
    hand.window.activateWindow()  # Xvfb has no window manager, which would do it
    assert until(hand.window.isActiveWindow, 10)


@pytest.mark.slow
def test_a_study_folder_gives_a_sarcoma_mask_after_five_clicks(
    make_napari_viewer: Any, plugin: Any, plugin_settings: Any, shared_data: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    dock = dock_of(viewer)
    hand = Hand(viewer)
    opened = dock.panels["Open"]
    choose_folder(hand, opened.choose.findChildren(QPushButton)[0], shared_data / "dicom" / "sarcoma_STS_003")
    assert until(opened.open.isEnabled, 60)
    hand.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert until(lambda: len(viewer.layers) == 6, 60)
    assert [layer.name.split(" on ")[0].split(":")[0] for layer in viewer.layers] == [
        "MR", "CT", "PT", "GTV_Mass_CT", "GTV_Mass_MR_T1", "GTV_Mass_PET",
    ]  # fmt: skip
    hand.key(Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    panel = dock.panels["Segment"]
    assert panel.bundle == "soft_tissue_sarcoma"
    assert list(panel.form.images.chosen()) == ["t1", "ct", "pet"]
    assert until(panel.form.run.isEnabled, 20)
    hand.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert until(lambda: panel.running.worker is None and "ml" in panel.form.status.text(), 500)
    assert hand.clicks == 5
    mask = viewer.layers.selection.active
    drawn = viewer.layers[4]
    one, other = (volume_of(layer, viewer.layers).array > 0 for layer in (mask, drawn))
    assert dice(one, other) > 0.7
    colours = {label.colour for layer in (mask, drawn) for label in origin_of(layer).table}
    assert len(colours) == 2
