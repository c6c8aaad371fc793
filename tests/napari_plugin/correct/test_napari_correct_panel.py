"""The panels "Correct" and "Save all" in a real window, and a mask that survives the death of its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corrected import TABLE, drag, phantom, show_middle
from napari.components import ViewerModel
from napari.layers import Layer

from monai_attn.napari.correct import editing
from monai_attn.napari.correct.panel import CorrectWidget
from monai_attn.napari.keep.rescue import find_rescues
from monai_attn.napari.layers.volumes import image_layer, labels_layer, volume_of
from monai_attn.napari.save.panel import SaveAllWidget
from monai_attn.segmentation import Segmentation

pytestmark = pytest.mark.gui

PAINTED = """
import sys, time
import numpy as np, napari
from corrected import TABLE, phantom
from napari.layers import Layer
from qtpy.QtWidgets import QApplication
from monai_attn.napari.keep import keeper
from monai_attn.napari.layers.volumes import image_layer, labels_layer
from monai_attn.napari.correct.panel import CorrectWidget

mask = phantom(turn_deg=(20, -35, 50))
viewer = napari.Viewer()
viewer.window.add_dock_widget(CorrectWidget(viewer))
image = image_layer(mask.with_array(np.zeros(mask.shape, np.int16)), name="ct", path="Doe_Jane.nii.gz")
labels = labels_layer(mask, name="mask", table=TABLE)
_, layer = (viewer.add_layer(Layer.create(*made)) for made in (image, labels))
layer.selected_label = 3
layer.paint((5, 6, 7), 3)
np.save(sys.argv[1], layer.data)
while True:
    QApplication.processEvents()
    time.sleep(0.02)
"""


def add(viewer: Any) -> tuple[Any, Any, Any]:
    mask = phantom(turn_deg=(20, -35, 50))
    hounsfield = mask.with_array(np.where(mask.array > 0, 100, 0).astype(np.int16))
    image = viewer.add_layer(Layer.create(*image_layer(hounsfield, name="ct", path="case_1.nii.gz")))
    layer = viewer.add_layer(Layer.create(*labels_layer(mask, name="mask", table=TABLE)))
    return mask, image, layer


def test_the_panels_correct_and_save(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    correct, save = CorrectWidget(viewer), SaveAllWidget(viewer)
    for panel in (correct, save):
        viewer.window.add_dock_widget(panel)
    assert not correct.shapes.isEnabled()
    assert not save.save.isEnabled()
    mask, _, layer = add(viewer)
    before = layer.data.copy()
    assert correct.target.text() == "Label: liver (1), in mask"

    correct.margin.setValue(2.0)
    correct.actions["grow"].click()
    qtbot.waitUntil(lambda: correct.worker is None, timeout=20000)
    assert correct.said.text().startswith("grow: liver (1) +")
    grown = layer.data.copy()
    assert np.count_nonzero(grown == 1) > np.count_nonzero(before == 1)
    layer.undo()  # as Ctrl+Z does
    assert correct.said.text() == ""
    assert np.array_equal(layer.data, before)
    correct.steps["redo"].click()
    assert np.array_equal(layer.data, grown)

    correct.range.gated.setChecked(True)
    assert correct.brush.gate == (0.0, 100.0)
    correct.range.gated.setChecked(False)
    assert correct.brush.gate is None
    correct.diameter.setValue(8.0)
    correct.ball.setChecked(True)
    correct.modes["paint"].click()
    layer.selected_label = 3
    assert correct.target.text() == "Label: vein (3), in mask"
    drag(viewer, layer, show_middle(viewer, mask))
    painted = np.count_nonzero(layer.data == 3) * mask.voxel_ml
    assert painted == pytest.approx(4 / 3 * np.pi * 4**3 / 1000, rel=0.1)

    qtbot.waitUntil(lambda: len(find_rescues()) == 1, timeout=20000)
    monkeypatch.setattr("monai_attn.napari.save.saving.case_page", lambda *page: "<html>")  # noqa: ARG005
    assert save.case.text() == "case_1"
    save.folder.setText(str(tmp_path / "out"))
    save.save.click()
    qtbot.waitUntil(lambda: save.worker is None, timeout=60000)
    assert np.array_equal(Segmentation.load(save.done["mask"]).labels.array, volume_of(layer).array)
    assert find_rescues() == []

    viewer.layers.clear()
    assert not correct.shapes.isEnabled()
    viewer.window.remove_dock_widget(correct)
    assert not correct.brush.on


def test_the_window_can_be_closed_while_a_correction_is_computed(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    panel = CorrectWidget(viewer)
    viewer.window.add_dock_widget(panel)
    add(viewer)
    real = editing.grow
    monkeypatch.setattr(
        "monai_attn.napari.correct.editing.grow", lambda *one, **more: time.sleep(0.5) or real(*one, **more)
    )
    panel.actions["grow"].click()
    assert not panel.shapes.isEnabled()
    viewer.close()
    qtbot.wait(1000)


def test_painting_while_a_correction_is_computed_makes_it_void(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    panel = CorrectWidget(viewer)
    viewer.window.add_dock_widget(panel)
    _, _, layer = add(viewer)
    said: list[str] = []
    monkeypatch.setattr("monai_attn.napari.correct.panel.show_warning", said.append)
    panel.actions["grow"].click()
    layer.paint((5, 6, 7), 3)
    painted = layer.data.copy()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert np.array_equal(layer.data, painted)
    assert said == ["mask was painted on meanwhile, so nothing was changed. Do it again."]


def test_what_was_done_to_a_mask_is_not_said_of_the_mask_of_another_case(qtbot: Any) -> None:
    viewer = ViewerModel()
    panel = CorrectWidget(viewer)
    qtbot.addWidget(panel)
    _, image, _ = add(viewer)
    panel.actions["grow"].click()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert panel.said.text().startswith("grow: liver (1) +")
    viewer.layers.selection.active = image  # another kind of layer is clicked: it is still this case
    assert panel.said.text().startswith("grow: liver (1) +")
    viewer.layers.clear()
    add(viewer)
    assert panel.said.text() == ""


def test_a_mask_stays_the_one_to_correct_while_one_scribbles_over_it(qtbot: Any) -> None:
    viewer = ViewerModel()
    panel = CorrectWidget(viewer)
    qtbot.addWidget(panel)
    _, image, layer = add(viewer)
    for name in ("it is here", "it is not here"):
        panel.scribble.buttons[name].click()
        assert panel.layer is layer
        assert panel.scribble.isEnabled()
        assert panel.range.image.currentData() is image
    panel.scribble.buttons["done"].click()
    assert viewer.layers.selection.active is layer


def test_a_refusal_is_one_sentence(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    panel = CorrectWidget(viewer)
    viewer.window.add_dock_widget(panel)
    _, _, layer = add(viewer)
    layer.selected_label = 3  # no voxel has it
    said: list[str] = []
    monkeypatch.setattr("monai_attn.napari.correct.panel.show_error", said.append)
    with qtbot.captureExceptions() as raised:
        panel.actions["grow"].click()
        qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert len(said) == 1
    assert "3" in said[0]
    assert raised == []
    assert panel.said.text() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the state folder has no variable")
def test_a_mask_painted_before_the_process_was_killed_comes_back(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    here = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "measure")]
    path = os.pathsep.join([*here, os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-c", PAINTED, str(tmp_path / "painted.npy")],
        env={**os.environ, "PYTHONPATH": path, "XDG_STATE_HOME": str(state)},
    )
    folder = state / "monai_attn" / "unsaved"
    try:
        qtbot.waitUntil(lambda: child.poll() is not None or any(folder.glob("[!.]*.npz")), timeout=400000)
        assert child.poll() is None
        assert find_rescues(folder=folder) == []  # the process is alive: its masks are its own
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    # Not before: windows of earlier tests, in this process, may still be keeping their masks.
    monkeypatch.setattr("monai_attn.napari.keep.rescue.state_folder", lambda: folder)
    viewer = make_napari_viewer()
    panel = CorrectWidget(viewer)
    viewer.window.add_dock_widget(panel)
    assert panel.unsaved.isVisibleTo(panel)
    panel.unsaved.choices["restore"].click()
    [layer] = viewer.layers
    assert not panel.unsaved.isVisibleTo(panel)
    mask = phantom(turn_deg=(20, -35, 50))
    assert np.array_equal(layer.data, np.load(tmp_path / "painted.npy"))
    assert np.count_nonzero(layer.data == 3) > 0
    assert np.array_equal(volume_of(layer).affine, mask.affine)
