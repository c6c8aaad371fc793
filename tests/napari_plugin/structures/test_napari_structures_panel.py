"""The Structures panel: the table in Qt, and the panel in a real window."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from inspected import TABLE, add, add_case, ct_and_mask
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage

from monai_attn.errors import FileError
from monai_attn.napari.keep.keeper import Keeper
from monai_attn.napari.layers.made_from import MADE_FROM, image_key
from monai_attn.napari.layers.provenance import EDITED
from monai_attn.napari.layers.strokes import step_counts
from monai_attn.napari.layers.styles import layer_table, restyle, style_of
from monai_attn.napari.layers.volumes import displayed_point, image_layer, labels_layer, origin_of
from monai_attn.napari.qt.keys import bind_free_keys, release_keys
from monai_attn.napari.structures.exports import case_of, save_rows
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.keyimages import take_key_images
from monai_attn.napari.structures.panel import StructuresWidget
from monai_attn.napari.structures.pictures import canvas_picture
from monai_attn.napari.structures.tree import StructureModel
from monai_attn.napari.structures.tree_columns import TREE_COLUMNS, column_of
from monai_attn.napari.structures.watch import Watch
from monai_attn.volume import Volume

CHECK = Qt.ItemDataRole.CheckStateRole
TICKED, EMPTY = Qt.CheckState.Checked, Qt.CheckState.Unchecked


@pytest.fixture
def tree(qapp, qtmodeltester) -> StructureModel:
    """The table of the phantom, and Qt's own checks of it afterwards."""
    viewer = ViewerModel()
    image, mask = add_case(viewer)
    inspection = Inspection(mask, viewer.layers, image)
    inspection.measure()
    model = StructureModel()
    model.show(inspection)
    qtmodeltester.check(model)
    return model


def texts(model: StructureModel, value: int, number: int = 0) -> list[str]:
    index = model.index_of(value, number)
    cells = (model.data(index.siblingAtColumn(column)) for column in range(len(TREE_COLUMNS)))
    return [text or "" for text in cells]


@pytest.mark.gui
def test_a_row_says_what_was_measured(tree: StructureModel) -> None:
    assert [tree.data(tree.index(row, 0)) for row in range(tree.rowCount())] == ["liver", "liver tumour", "spleen"]
    assert texts(tree, 2) == ["liver tumour", "", "", "0.788", "10.5", "10.0", "100.3", "2", "", "", "100 %"]
    assert texts(tree, 2, 2) == ["lesion 2", "", "", "0.269", "8.5", "8.4", "120.0", "", "", "", ""]
    assert texts(tree, 1)[3:7] == ["10.7", "", "", "60.0"]
    assert tree.headerData(column_of("Mean"), Qt.Orientation.Horizontal) == "HU"


@pytest.mark.gui
def test_boxes_and_cells_change_the_layer(tree: StructureModel) -> None:
    layer = tree.inspection.layer
    row = tree.index_of(2)
    for title, field in (("Show", "visible"), ("Lock", "locked"), ("Solo", "solo")):
        index = row.siblingAtColumn(column_of(title))
        before = getattr(style_of(layer, 2), field)
        assert tree.setData(index, EMPTY if before else TICKED, CHECK)
        assert getattr(style_of(layer, 2), field) is not before
        assert tree.data(index, CHECK) == (EMPTY if before else TICKED)
    assert tree.setData(row.siblingAtColumn(column_of("Opacity")), 40)
    assert style_of(layer, 2).opacity == 0.4
    assert tree.setData(row.siblingAtColumn(column_of("Colour")), "#112233")
    assert tree.setData(row, "metastasis")
    assert (layer_table(layer)[2].name, layer_table(layer)[2].colour) == ("metastasis", "#112233")


@pytest.mark.gui
def test_a_mask_whose_structure_got_another_name_is_not_saved(qapp, tmp_path: Path) -> None:
    viewer = ViewerModel()
    image, mask = add_case(viewer)
    keeper = Keeper(viewer, folder=tmp_path)
    inspection = Inspection(mask, viewer.layers, image)
    inspection.measure()
    model = StructureModel()
    model.show(inspection)
    assert model.setData(model.index_of(2), " liver tumour")
    assert keeper.unsaved() == []
    assert model.setData(model.index_of(2), "metastasis")
    assert keeper.unsaved() == [mask]
    assert EDITED not in mask.metadata
    [path] = keeper.keep()
    viewer.layers.clear()
    assert layer_table(keeper.restore(keeper.waiting()[0]))[2].name == "metastasis"
    assert path.exists()


@pytest.mark.gui
def test_an_edit_that_cannot_be_is_refused_in_words(tree: StructureModel, qtbot) -> None:
    with qtbot.waitSignal(tree.refused) as refused:
        assert not tree.setData(tree.index_of(2), "liver")
    assert "the name 'liver' twice" in refused.args[0]
    assert texts(tree, 2)[0] == "liver tumour"
    with qtbot.waitSignal(tree.refused) as refused:
        assert not tree.setData(tree.index_of(2).siblingAtColumn(column_of("Opacity")), "140")
    assert "An opacity lies between 0 and 1" in refused.args[0]
    with qtbot.waitSignal(tree.refused) as refused:
        assert not tree.setData(tree.index_of(2).siblingAtColumn(column_of("Opacity")), "much")
    assert "percent" in refused.args[0]


@pytest.mark.gui
def test_rows_of_lesions_come_and_go(tree: StructureModel, qtmodeltester) -> None:
    inspection = tree.inspection
    index = tree.index_of(5).siblingAtColumn(column_of("Lesions"))
    assert tree.setData(index, TICKED, CHECK)
    inspection.measure()
    tree.update_finding(5)
    assert tree.rowCount(tree.index_of(5)) == 1
    assert tree.place_of(tree.index_of(5, 1)) == (5, 1)
    inspection.set_lesions({5}, min_ml=0.0)
    inspection.measure()
    for value in (1, 2, 5):
        tree.update_finding(value)
    assert tree.rowCount(tree.index_of(2)) == 0
    assert not tree.index_of(2, 1).isValid()
    qtmodeltester.check(tree)


def test_keys_that_somebody_uses_stay_theirs() -> None:
    viewer = ViewerModel()
    viewer.bind_key(".", theirs := len)
    bound = bind_free_keys(viewer, {".": print, ",": print, "m": print})  # M is "new label" of labels layers
    assert set(bound) == {","}
    release_keys(viewer, bound)
    assert [str(key) for key in viewer.keymap] == ["."]
    assert theirs in viewer.keymap.values()


def test_the_table_is_never_written_over_a_file_unasked(tmp_path: Path) -> None:
    viewer = ViewerModel()
    image, mask = add_case(viewer)
    inspection = Inspection(mask, viewer.layers, image)
    inspection.measure()
    target = tmp_path / "lesions.csv"
    rows = inspection.rows(case=case_of(mask))
    save_rows(rows, target)
    with pytest.raises(FileError, match=r"lesions\.csv exists and is not overwritten"):
        save_rows(rows, target)
    save_rows(rows, target, overwrite=True)
    lines = target.read_text().splitlines()
    assert len(lines) == 1 + 3 + 2
    assert lines[1].startswith("monai_attn.measure/1,mask,structure,1,liver,")


def test_a_watch_hears_strokes_undo_redo_and_new_data_and_holds_what_is_locked() -> None:
    viewer = ViewerModel()
    image, layer = add_case(viewer)
    inspection = Inspection(layer, viewer.layers, image)
    inspection.measure()
    calls: list[int] = []
    watch = Watch(inspection, lambda: calls.append(1))
    before = layer.data.copy()
    restyle(layer, 2, locked=True)
    at = np.round(layer.world_to_data(displayed_point(inspection.grid, inspection.findings[2].lesions[0].centroid_mm)))
    layer.brush_size = 25
    layer.paint(at, 5)
    assert calls
    watch.settle()
    assert (layer.data[before == 2] == 2).all()
    assert not inspection.up_to_date
    inspection.measure()
    assert inspection.findings[5].structure.voxels == int((layer.data == 5).sum()) > int((before == 5).sum())
    counts = step_counts(layer)
    for action, expected in ((layer.undo, before), (layer.redo, layer.data.copy())):
        calls.clear()
        action()
        assert calls
        watch.settle()
        inspection.measure()
        assert inspection.findings[5].structure.voxels == int((expected == 5).sum())
    assert step_counts(layer) == counts
    calls.clear()
    layer.data = before
    assert calls
    inspection.measure()
    assert inspection.findings[5].structure.voxels == int((before == 5).sum())
    watch.close()
    calls.clear()
    layer.paint(at, 1)
    assert not calls


@pytest.mark.gui
def test_the_panel_flies_measures_what_is_painted_and_outlives_its_layers(make_napari_viewer, qtbot, tmp_path) -> None:
    viewer = make_napari_viewer(show=True)
    other = make_napari_viewer(show=True)
    panels = [StructuresWidget(one) for one in (viewer, other)]
    for one, panel in zip((viewer, other), panels, strict=True):
        one.window.add_dock_widget(panel, name="Structures")
    panel = panels[0]
    assert "Open a mask" in panel.message.text()
    image, layer = add_case(viewer, "LPS")
    add_case(other, "sagittal", (3, 2, -4))
    assert (panel.masks.layer, panel.images.layer) == (layer, image)
    qtbot.waitUntil(lambda: panel.inspection.up_to_date and panels[1].inspection.up_to_date)

    # a click on the row of a lesion shows its centre in all planes
    lesion = panel.inspection.findings[2].lesions[1]
    panel.table.clicked.emit(panel.model.index_of(2, 2))
    for world, place, step in zip(
        viewer.dims.point, displayed_point(panel.inspection.grid, lesion.centroid_mm), layer.scale, strict=True
    ):
        assert world == pytest.approx(place, abs=step / 2)
    index = tuple(np.round(layer.world_to_data(viewer.dims.point)).astype(int))
    assert layer.data[index] == 2
    assert layer.selected_label == 2
    assert other.dims.point != viewer.dims.point
    qtbot.keyClick(panel.table, ".")
    assert panel.place == (2, 1)
    assert len(viewer.keymap) == 2

    # a stroke changes the table of this viewer, not that of the other
    before = texts(panel.model, 2)
    layer.brush_size = 9
    s, p, left = np.round(layer.world_to_data(viewer.dims.point))
    layer.paint((s + 3, p, left), 2)
    qtbot.waitUntil(lambda: texts(panel.model, 2) != before)
    assert panel.inspection.findings[2].structure.voxels == int((layer.data == 2).sum())
    assert texts(panels[1].model, 2)[3] == before[3]

    # pictures say what they show
    names = [path.name for path in take_key_images(viewer, panel.inspection, tmp_path, partial(canvas_picture, viewer))]
    assert names == ["liver_tumour_lesion_1.png", "liver_tumour_lesion_2.png"]
    picture = QImage(str(tmp_path / names[0]))
    assert picture.width() > canvas_picture(viewer).shape[1]
    with pytest.raises(FileError, match="exists and is not overwritten"):
        take_key_images(viewer, panel.inspection, tmp_path, partial(canvas_picture, viewer))

    # the panel outlives its layers, and lets go of a viewer that it is no longer docked in
    viewer.layers.remove(image)
    assert panel.images.layer is None
    qtbot.waitUntil(lambda: panel.inspection.up_to_date)
    assert panel.inspection.findings[2].structure.intensity is None
    viewer.layers.remove(layer)
    assert panel.inspection is None
    assert panel.model.rowCount() == 0
    panel.step(1)
    other.window.remove_dock_widget(panels[1])
    assert not other.keymap
    other.layers.clear()


@pytest.mark.gui
def test_a_large_mask_is_measured_in_a_thread_which_may_be_left_alone(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    panel = StructuresWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Structures")
    array = np.zeros((160, 160, 120), np.uint8)
    array[20:140, 20:140, 20:100] = 1
    array[60:80, 60:80, 40:60] = 2
    grid = Volume(array, np.diag([1.0, 1.0, 2.0, 1.0]))
    layer = add(viewer, labels_layer(grid, name="mask", table=TABLE))
    assert panel.measuring._worker is not None
    assert not panel.csv.isEnabled()
    layer.paint((50, 80, 80), 5)  # begins it anew
    qtbot.waitUntil(lambda: panel.inspection.up_to_date, timeout=20000)
    assert panel.csv.isEnabled()
    assert panel.inspection.findings[5].structure.voxels == int((layer.data == 5).sum()) > 0
    assert panel.inspection.findings[2].structure.volume_ml == pytest.approx(20 * 20 * 20 * 2 / 1000, abs=0.2)
    panel.again.click()
    assert panel.measuring._worker is not None
    viewer.close()


@pytest.mark.gui
def test_a_mask_is_measured_on_the_image_that_it_was_made_from(qtbot) -> None:
    ct, labels = ct_and_mask()
    viewer = ViewerModel()
    images = [add(viewer, image_layer(ct, name=name, path=f"{name}.nii.gz")) for name in ("native", "contrast")]
    panel = StructuresWidget(viewer)
    qtbot.addWidget(panel)
    for image in images:
        made = labels_layer(labels, name=f"mask of {image.name}", table=TABLE)
        made[1]["metadata"][MADE_FROM] = image_key(origin_of(image))
        add(viewer, made)
        assert panel.images.layer is image
    add(viewer, labels_layer(labels, name="from elsewhere", table=TABLE))
    assert panel.images.layer is images[1]
