"""The panel "Save all": what it says, names and offers belongs to the case that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from corrected import TABLE, opened, phantom
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import Qt

from monai_attn.napari.layers.made_from import MADE_FROM, image_key
from monai_attn.napari.layers.styles import rename
from monai_attn.napari.layers.volumes import image_layer, labels_layer, origin_of
from monai_attn.napari.save.asking import ask_mask_file
from monai_attn.napari.save.panel import SaveAllWidget

pytestmark = pytest.mark.gui


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The errors that are shown. The report is not drawn: its pictures take seconds."""
    said: list[str] = []
    monkeypatch.setattr("monai_attn.napari.save.panel.show_error", said.append)
    monkeypatch.setattr("monai_attn.napari.save.saving.case_page", lambda *page: "<html>")  # noqa: ARG005
    return said


def panel_of(viewer: Any, qtbot: Any, folder: Path) -> SaveAllWidget:
    """The panel without a window, which saves into a folder."""
    panel = SaveAllWidget(viewer)
    qtbot.addWidget(panel)
    panel.folder.setText(str(folder))
    return panel


def open_case(viewer: ViewerModel, path: str) -> None:
    """Open the image and the mask of another case in place of those that are open."""
    viewer.layers.clear()
    mask = phantom(turn_deg=(20, -35, 50))
    viewer.add_layer(Layer.create(*image_layer(mask.with_array(mask.array.astype("int16")), name="ct", path=path)))
    viewer.add_layer(Layer.create(*labels_layer(mask, name="mask", table=TABLE)))


def save(panel: SaveAllWidget, qtbot: Any) -> None:
    """Press the button, and wait for the end."""
    panel.save.click()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=60000)


def test_what_was_saved_before_is_not_said_of_a_saving_that_was_refused(
    qtbot: Any, tmp_path: Path, shown: list[str]
) -> None:
    viewer, _, _ = opened(phantom())
    panel = panel_of(viewer, qtbot, tmp_path)
    save(panel, qtbot)
    assert panel.said.text().startswith("Saved: case_1")
    with qtbot.captureExceptions() as raised:
        save(panel, qtbot)
    assert raised == []
    assert shown == [
        "case_1_seg.nii.gz exists and is not overwritten. Choose another folder or case, or tick 'replace files that "
        "exist' below Advanced."
    ]
    assert panel.replace.text() in shown[0]
    assert panel.said.text() == "Nothing was written."
    panel.replace.setChecked(True)
    save(panel, qtbot)
    assert panel.said.text().startswith("Saved: case_1")
    panel.case.setText("a/b")
    save(panel, qtbot)
    assert panel.said.text() == ""
    assert len(shown) == 2


@pytest.mark.usefixtures("shown")
def test_the_report_and_the_typed_name_of_a_case_go_with_its_image(qtbot: Any, tmp_path: Path) -> None:
    viewer, _, _ = opened(phantom())
    panel = panel_of(viewer, qtbot, tmp_path)
    panel.case.selectAll()
    qtbot.keyClicks(panel.case, "mine")
    viewer.layers.selection.active = viewer.layers[0]
    assert panel.case.text() == "mine"
    save(panel, qtbot)
    assert panel.show_report.isVisibleTo(panel)
    open_case(viewer, "case_2.nii.gz")
    assert panel.case.text() == "case_2"
    assert not panel.show_report.isVisibleTo(panel)
    assert panel.said.text() == ""
    panel.save.click()
    open_case(viewer, "case_3.nii.gz")  # while the one before is saved
    qtbot.waitUntil(lambda: panel.worker is None, timeout=60000)
    assert panel.said.text().startswith("Saved: case_2")
    assert not panel.show_report.isVisibleTo(panel)


def test_the_ticks_of_lesions_stay_until_there_is_another_mask_or_table(qtbot: Any, tmp_path: Path) -> None:
    viewer, image, mask = opened(phantom())
    panel = panel_of(viewer, qtbot, tmp_path)
    assert panel.lesions.ticked() == [2]
    for row in (0, 2):
        panel.lesions.item(row).setCheckState(Qt.CheckState.Checked)
    for layer in (image, mask):
        viewer.layers.selection.active = layer
        assert panel.lesions.ticked() == [1, 2, 3]
    rename(mask, 3, "metastasis")
    viewer.layers.selection.active = image
    assert [panel.lesions.item(row).text() for row in range(3)] == ["liver", "tumour", "metastasis"]
    open_case(viewer, "case_2.nii.gz")
    assert panel.lesions.ticked() == [2]


def test_a_mask_is_saved_with_the_image_that_it_was_made_from_until_the_user_chooses_another(
    qtbot: Any, tmp_path: Path
) -> None:
    viewer, native, _ = opened(phantom())
    grid = phantom()
    contrast = Layer.create(*image_layer(grid.with_array(grid.array.astype("int16")), name="contrast", path="c.nii.gz"))
    viewer.add_layer(contrast)
    panel = panel_of(viewer, qtbot, tmp_path)
    for image in (native, contrast):
        made = labels_layer(grid, name=f"mask of {image.name}", table=TABLE)
        made[1]["metadata"][MADE_FROM] = image_key(origin_of(image))
        viewer.add_layer(Layer.create(*made))
        assert panel.image.currentData() is image
    qtbot.keyClick(panel.image, Qt.Key.Key_Down)
    assert panel.image.currentData() is native
    viewer.add_points([[0, 0, 0]])
    assert panel.image.currentData() is native


@pytest.mark.parametrize("answer", [True, False])
def test_a_mask_that_stands_under_the_name_with_its_ending_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    asked: list[str] = []
    place = "monai_attn.napari.save.asking"
    monkeypatch.setattr(f"{place}.may_replace", lambda _, name: asked.append(name) or answer)
    typed = (str(tmp_path / "case7_seg"), "NIfTI (*.nii.gz *.nii)")
    monkeypatch.setattr(f"{place}.QFileDialog.getSaveFileName", lambda *_, **__: typed)
    mask = tmp_path / "case7_seg.nii.gz"
    parent: Any = None
    assert ask_mask_file(parent, mask) == mask
    assert asked == []
    mask.write_bytes(b"an older one")
    assert ask_mask_file(parent, mask) == (mask if answer else None)
    assert asked == ["case7_seg.nii.gz"]
