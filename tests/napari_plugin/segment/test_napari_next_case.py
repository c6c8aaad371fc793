"""The next case is opened during a run or after it: nothing of the case before is shown on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from corrected import event
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtWidgets import QApplication

from monai_attn import LabelTable, Volume
from monai_attn.napari.layers.volumes import image_layer, labels_layer
from monai_attn.napari.segment.growing import Growing
from monai_attn.napari.segment.panel import SegmentWidget
from monai_attn.napari.segment.produced import RunLayers

pytestmark = pytest.mark.gui

TABLE = LabelTable.of_names({1: "one"})
GRID = Volume(np.random.default_rng(0).normal(100, 20, (36, 50, 36)).astype(np.float32), modality="MR")
"""All cases have this grid, as images of one study protocol have."""


def add_case(viewer: Any, name: str) -> Any:
    data, keywords, _ = image_layer(GRID, name=name)
    return viewer.add_image(data, **keywords)


def until(happened: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    return happened()


@pytest.fixture
def end() -> threading.Event:
    """Lets the run end."""
    return threading.Event()


@pytest.fixture
def panel(make_napari_viewer: Any, end: threading.Event) -> SegmentWidget:
    """The panel in a window with a case; a run waits, and gives its mask once `end` is set."""
    viewer = make_napari_viewer(show=False)
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    add_case(viewer, "patient a")
    mask = GRID.with_array(np.ones(GRID.shape, np.uint8))

    growing = Growing(mask, TABLE, "patient a")
    made = RunLayers([labels_layer(mask, name="patient a mask", table=TABLE)], None, "one 64.80 ml")

    def run(_: Any, work: Any) -> RunLayers:
        work.show(growing)
        while not end.wait(0.01):
            work.say("Segmenting")
        return made

    panel.running.runner.run = run
    panel.refresh()
    panel.start()
    assert until(lambda: "Segmenting" in panel.form.status.text())
    return panel


def test_a_run_stops_when_its_image_is_closed(panel: SegmentWidget) -> None:
    layers = panel.viewer.layers
    seen: list[str] = []
    layers.events.inserted.connect(lambda event: seen.append(event.value.name))
    layers.clear()  # as "next case" and the tab Review do
    add_case(panel.viewer, "patient b")
    panel.running.work._shown.take(np.ones(GRID.shape, np.uint8), (slice(None),) * 3)  # labels grow meanwhile
    assert until(lambda: panel.running.worker is None and not panel.running.work.alive)
    until(lambda: False, 0.3)
    assert seen == ["patient b"]
    assert panel.form.status.text() == "The run was stopped: an image of it was closed."
    assert panel.form.run.isEnabled()


def test_a_mask_that_is_ready_during_a_stroke_waits_for_its_end(panel: SegmentWidget, end: threading.Event) -> None:
    viewer = panel.viewer
    data, keywords, _ = labels_layer(GRID.with_array(np.zeros(GRID.shape, np.uint8)), name="painted", table=TABLE)
    painted = viewer.add_labels(data, **keywords)
    painted.mode, painted.selected_label, place = "paint", 1, tuple(viewer.dims.point)
    mouse_press_callbacks(painted, event(viewer, place, "mouse_press"))
    end.set()
    until(lambda: panel.running.worker is None)
    until(lambda: False, 0.3)
    assert viewer.layers.selection.active is painted
    assert "patient a mask" not in viewer.layers
    mouse_move_callbacks(painted, event(viewer, place, "mouse_move"))
    mouse_release_callbacks(painted, event(viewer, place, "mouse_release"))
    assert until(lambda: "patient a mask" in viewer.layers)
    assert panel.form.status.text() == "one 64.80 ml"
    assert painted.data.any()
    painted.undo()
    assert not painted.data.any()


def test_the_volumes_of_a_case_go_with_its_image(panel: SegmentWidget, end: threading.Event) -> None:
    layers = panel.viewer.layers
    end.set()
    assert until(lambda: panel.running.worker is None)
    assert panel.form.status.text() == "one 64.80 ml"
    layers.remove(layers["patient a mask"])
    assert panel.form.status.text() == "one 64.80 ml"
    layers.clear()
    assert panel.form.status.text() == ""
