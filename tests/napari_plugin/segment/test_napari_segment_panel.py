"""The panel "Segment" in a real window: it stays alive, cancels at once, and closes in the middle of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from tiny_bundle import config, make_bundle

from monai_attn import Volume
from monai_attn.bundle.describe import describe_bundle
from monai_attn.napari.layers.provenance import PROVENANCE
from monai_attn.napari.layers.volumes import displayed_point, image_layer, volume_of
from monai_attn.napari.segment.panel import SegmentWidget
from monai_attn.napari.segment.trust import TrustDialog, disclosure_of

pytestmark = pytest.mark.gui

SLOW = """
import time
from monai.networks.nets import UNet

class SlowNet(UNet):
    def forward(self, x):
        time.sleep(0.15)
        return super().forward(x)
"""

GAP_SECONDS = 2.0
"""How long the window may stand still while a network runs, on a machine that does other work besides; on a quiet one
the longest gap is below 0.2 s."""


@pytest.fixture(autouse=True)
def _speeds(tmp_path, monkeypatch):
    monkeypatch.setattr("monai_attn.preflight.speeds.speed_file", lambda: tmp_path / "speeds.json")


@pytest.fixture
def errors(monkeypatch) -> list[str]:
    """What the user is told has gone wrong."""
    told: list[str] = []
    for place in ("panel", "running"):
        monkeypatch.setattr(f"monai_attn.napari.segment.{place}.show_error", told.append)
    return told


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A bundle of somebody else whose network takes 0.15 s a window, one window at a time."""
    inference = config()
    inference["network_def"]["_target_"] = "scripts.slow.SlowNet"
    inference["inferer"]["sw_batch_size"] = 1
    root = make_bundle(tmp_path_factory.mktemp("bundles") / "slow", inference, scripts={"slow.py": SLOW})
    (root / "LICENSE").write_text("Use it as you like.")
    return root


def image(shape=(26, 31, 14)) -> Volume:
    affine = np.array([[-0.9, 0.1, 0.2, 31], [0.1, 1.1, -0.1, -22], [-0.1, 0.1, 2.4, 5], [0, 0, 0, 1]])
    noise = np.random.default_rng(0).normal(size=shape)
    return Volume(np.cumsum(np.cumsum(noise, axis=0), axis=1).astype(np.float32), affine)


def until(happened: Callable[[], bool], seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        QApplication.processEvents()
        time.sleep(0.002)
    return True


def open_panel(viewer, bundle: Path | None = None) -> SegmentWidget:
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    data, keywords, _ = image_layer(image(), name="case")
    viewer.add_image(data, **keywords)
    if bundle is not None:
        panel.add_bundle(bundle)
        panel.ask_trust = bool
    panel.form.device.setCurrentText("cpu")
    panel.form.backend.setCurrentText("torch")
    panel.refresh()
    return panel


class Pulse:
    """How long the event loop took each time to come round, in seconds."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setInterval(5)
        self.timer.timeout.connect(self._beat)
        self.timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now


def test_a_run_in_the_window_from_a_drawn_region_to_the_least_certain_lesion(make_napari_viewer, bundle, errors):
    viewer = make_napari_viewer(show=False)
    panel = open_panel(viewer, bundle)
    form = panel.form
    assert form.run.isEnabled()
    panel.draw_region()
    assert viewer.layers.selection.active.mode == "add_rectangle"
    volume = image()
    corners = [displayed_point(volume, volume.to_world(at)) for at in ((4, 4, 6), (22, 4, 6), (22, 26, 6), (4, 26, 6))]
    flat = np.array(corners)
    flat[:, 0] = flat[:, 0].mean()
    viewer.layers["region"].add([flat], shape_type="rectangle")
    form.all_slices.setChecked(False)
    form.thickness.setValue(20)
    form.maps["entropy"].setChecked(True)
    assert until(lambda: "mm (" in form.box.text())
    assert "patches, about" in form.estimate.text()
    foretold = panel.check.estimate.windows
    panel.start()  # once before, so that the import of torch is not in the measured run
    assert until(lambda: panel.running.worker is None)
    assert errors == []
    pulse = Pulse()
    panel.start()
    assert not form.run.isEnabled()
    assert form.cancel.isEnabled()
    assert until(lambda: " of " in form.status.text())
    assert form.bar.maximum() == foretold
    assert until(lambda: not panel.running.work.alive)
    pulse.timer.stop()
    assert len(pulse.gaps) > 10
    assert np.median(pulse.gaps) < 0.1
    assert max(pulse.gaps) < GAP_SECONDS
    assert until(lambda: panel.running.worker is None)
    assert errors == []
    masks = [layer for layer in viewer.layers if layer._type_string == "labels"]
    assert [mask.name for mask in masks] == ["case slow", "case slow [1]"]
    assert viewer.layers.selection.active is masks[1]
    assert masks[1].metadata[PROVENANCE]["bundle"] == "slow"
    assert volume_of(masks[1], viewer.layers).array.any()
    assert "ml" in form.status.text()
    panel.jump()
    assert "mean uncertainty" in form.status.text()
    assert [layer.name for layer in viewer.layers if layer.visible and "entropy" in layer.name]
    assert masks[1].contour == 1
    assert "one class is certain" in form.legend.text()


def test_cancel_frees_the_panel_within_a_second_and_changes_nothing(make_napari_viewer, bundle, errors):
    viewer = make_napari_viewer(show=False)
    panel = open_panel(viewer, bundle)
    panel.start()
    assert until(lambda: " of " in panel.form.status.text())
    start = time.perf_counter()
    panel.form.cancel.click()
    assert until(lambda: panel.running.worker is None, 1.0)
    assert time.perf_counter() - start < 1.0
    assert panel.form.status.text() == "Cancelled; nothing was changed."
    assert panel.form.run.text() == ("Ending the last patches …" if panel.running.work.alive else "Segment")
    assert until(lambda: not panel.running.work.alive, 5)
    assert until(lambda: panel.form.run.text() == "Segment", 5)
    assert len(viewer.layers) == 1
    assert panel.form.run.isEnabled()
    assert errors == []


@pytest.mark.parametrize("cancel", [True, False])
def test_the_first_labels_are_seen_while_the_rest_computes(make_napari_viewer, errors, tmp_path, cancel):
    inference = config()
    inference["network_def"]["_target_"] = "scripts.slow.SlowNet"
    streaming = {"_target_": "monai_attn.inferers.StreamingInferer", "roi_size": [8, 16, 16], "sw_batch_size": 1}
    streaming["labels"] = {"_target_": "monai_attn.transforms.SourceLabels"}
    inference["inferer"] = {**inference["inferer"], **streaming}
    on_source = {"_target_": "monai_attn.transforms.LabelsOnSourced", "keys": "pred"}
    inference["postprocessing"]["transforms"][:-1] = [on_source]
    viewer = make_napari_viewer(show=False)
    panel = open_panel(viewer, make_bundle(tmp_path / "streams", inference, scripts={"slow.py": SLOW}))
    panel.start()
    growing = "case streams (growing)"
    assert until(lambda: growing in viewer.layers)
    layer = viewer.layers[growing]
    first = np.count_nonzero(layer.data)
    assert panel.running.work.alive
    if cancel:
        panel.running.cancel()
        assert until(lambda: panel.running.worker is None, 1.0)
        assert [layer.name for layer in viewer.layers] == ["case"]
        assert until(lambda: not panel.running.work.alive, 10)
        assert [layer.name for layer in viewer.layers] == ["case"]
        return
    assert until(lambda: np.count_nonzero(layer.data) > first)
    assert panel.running.work.alive
    assert until(lambda: panel.running.worker is None)
    assert [one.name for one in viewer.layers] == ["case", "case streams"]
    assert viewer.layers.selection.active.name == "case streams"
    assert np.array_equal(viewer.layers["case streams"].data, layer.data)
    assert errors == []


def test_closing_the_window_in_the_middle_of_a_run_ends_the_run(make_napari_viewer, bundle, errors):
    viewer = make_napari_viewer(show=False)
    panel = open_panel(viewer, bundle)
    panel.start()
    assert until(lambda: " of " in panel.form.status.text())
    task = panel.running.work
    viewer.close()
    assert until(lambda: not task.alive, 10)
    assert until(lambda: True)
    assert errors == []


def test_an_error_is_told_in_its_own_words_and_the_panel_is_ready_again(make_napari_viewer, bundle, errors, tmp_path):
    viewer = make_napari_viewer(show=False)
    panel = open_panel(viewer)
    inference = config()
    inference["postprocessing"]["transforms"] = inference["postprocessing"]["transforms"][1:]
    panel.add_bundle(make_bundle(tmp_path / "stays", inference))
    asked = []
    panel.ask_trust = lambda disclosure: bool(asked.append(disclosure)) or len(asked) > 1
    panel.start()
    assert panel.running.worker is None
    assert panel.form.status.text() == "Not run: the bundle (model) is not trusted."
    panel.start()
    assert until(lambda: panel.running.worker is None)
    assert errors
    assert "must end with Invertd" in errors[0]
    assert panel.form.run.isEnabled()
    panel.form.overrides.setText("overlap=0.5")
    panel.start()
    assert until(lambda: panel.running.worker is None)
    assert "has no 'overlap', so the override would change nothing" in errors[1]
    assert len(asked) == 2
    panel.add_bundle(tmp_path)
    assert "is not a MONAI bundle" in errors[2]


def test_the_dialog_of_trust_shows_code_and_licence(make_napari_viewer, bundle):
    make_napari_viewer(show=False)
    disclosure = disclosure_of(describe_bundle(bundle))
    assert disclosure is not None
    assert any(piece.startswith("scripts.slow.SlowNet") for piece in disclosure.code)
    assert any(piece.startswith("scripts/slow.py (") for piece in disclosure.code)
    dialog = TrustDialog(disclosure)
    assert "scripts.slow.SlowNet" in dialog.code.toPlainText()
    assert "Use it as you like." in dialog.licence.toPlainText()
    assert dialog.refuse.isDefault()
    dialog.trust.click()
    assert dialog.result() == TrustDialog.DialogCode.Accepted

    assert disclosure_of(describe_bundle("hippocampus_mri")) is None


def test_the_panel_lives_without_layers_and_with_layers_that_go(make_napari_viewer, errors):
    viewer = make_napari_viewer(show=False)
    panel = open_panel(viewer)
    assert panel.form.images.chosen() == {"image": viewer.layers["case"]}
    viewer.layers.clear()
    panel.refresh()
    assert not panel.form.run.isEnabled()
    panel.start()
    assert "needs an image for image (MR)" in errors[0]
