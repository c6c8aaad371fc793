"""The boxes of one patient are not those of the next: they are forgotten with the image they were placed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtTest import QTest

from monai_attn import Volume
from monai_attn.napari.layers.volumes import image_layer
from monai_attn.napari.open.samples import mni152
from monai_attn.napari.segment.boxes import BOXES
from monai_attn.napari.segment.panel import SETTLE_MS, SegmentWidget

pytestmark = pytest.mark.gui

LEFT_MM = (-25.0, -20.0, -15.0)


def add_head(viewer: Any, name: str, corner_mm: tuple[float, float, float]) -> Any:
    """An MR that is far larger than the images of the bundle for the hippocampus."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = corner_mm
    head = np.random.default_rng(1).normal(100, 20, (90, 110, 80)).astype(np.float32)
    data, keywords, _ = image_layer(Volume(head, affine, "MR"), name=name)
    return viewer.add_image(data, **keywords)


def settle() -> None:
    """Wait until the check before a run was made again."""
    QTest.qWait(3 * SETTLE_MS)


def panel_of(viewer: Any) -> SegmentWidget:
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    panel.form.bundles.setCurrentText("hippocampus_mri")
    return panel


def close_all(viewer: Any) -> None:
    """As "Next case" and the tab Review do."""
    viewer.layers.clear()


def delete_all(viewer: Any) -> None:
    """As Ctrl+A and Delete in napari's list of layers do."""
    viewer.layers.select_all()
    viewer.layers.remove_selected()


def delete_image(viewer: Any) -> None:
    """The image alone: the layer of the boxes stays, and must not stay with its boxes."""
    viewer.layers.remove(viewer.layers[0])


@pytest.mark.parametrize("close", [close_all, delete_all, delete_image])
def test_the_next_patient_is_not_segmented_in_the_box_of_the_last_one(
    make_napari_viewer: Any, close: Callable[[Any], None]
) -> None:
    viewer = make_napari_viewer(show=False)
    panel = panel_of(viewer)
    add_head(viewer, "first", (-90, -110, -70))
    panel.region.boxes.place(LEFT_MM)
    settle()
    assert panel.region.kind == "boxes"
    assert panel.request().region is not None
    close(viewer)
    add_head(viewer, "second", (-100, -60, -20))
    settle()
    assert [layer.name for layer in viewer.layers] == ["second"]
    assert panel.region.boxes.boxes == []
    assert panel.request().regions == {}
    assert panel.region.kind == "whole"  # the finder looks for both sides, as in any image that is opened
    panel.region.boxes.place(LEFT_MM)  # and the layer of the boxes is made again
    assert len(viewer.layers[BOXES].data) <= 1
    assert len(panel.region.regions()) == 1


def test_a_box_whose_layer_was_deleted_is_no_region_any_more(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=False)
    panel = panel_of(viewer)
    add_head(viewer, "head", (-90, -110, -70))
    panel.region.boxes.place(LEFT_MM)
    settle()
    viewer.layers.remove(BOXES)
    settle()
    assert panel.region.boxes.boxes == []
    assert panel.region.kind == "whole"  # as before the box was placed


def test_what_was_found_in_one_patient_is_not_shown_on_the_next(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=False)
    panel = panel_of(viewer)
    ((data, keywords, _),) = mni152()
    viewer.add_image(data, **keywords)
    settle()
    panel.region.find()
    assert panel.region.worker is not None
    viewer.layers.clear()
    add_head(viewer, "second", (-100, -60, -20))
    qtbot.waitUntil(lambda: panel.region.worker is None, timeout=60_000)
    settle()
    assert panel.region.boxes.boxes == []
    assert panel.request().regions == {}
    assert [layer.name for layer in viewer.layers] == ["second"]


def test_draw_says_in_3d_that_rectangles_are_drawn_in_2d(
    make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("monai_attn.napari.segment.regions.show_info", told.append)
    viewer = make_napari_viewer(show=False)
    panel = panel_of(viewer)
    add_head(viewer, "head", (-90, -110, -70))
    viewer.dims.ndisplay = 3
    panel.form.draw.click()
    assert told == ["Rectangles are drawn in 2-D: show a plane first (tab Look), then click on Draw."]
    assert [layer.name for layer in viewer.layers] == ["head"]
    viewer.dims.ndisplay = 2
    panel.form.draw.click()
    assert viewer.layers.selection.active.mode == "add_rectangle"
