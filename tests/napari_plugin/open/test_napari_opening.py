"""The Open panel: what it lists, reads, reslices and says; its logic without a window, its table once with one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_maker import save, slices_of
from napari.components import ViewerModel
from napari.settings import get_settings
from npe2 import PluginManager
from phantoms import phantom
from segmented import with_labels

from monai_attn.errors import GeometryError
from monai_attn.io import write, write_dicom_seg
from monai_attn.labels import LabelTable
from monai_attn.napari.correct.brush import HandBrush
from monai_attn.napari.correct.editing import Choices, Correction
from monai_attn.napari.correct.scribbling import HERE, Scribbles
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.layers.volumes import META, compatible, image_layer, labels_layer, origin_of
from monai_attn.napari.open.dicomseg import OpenImage
from monai_attn.napari.open.opening import (
    add_layers,
    patterns_of,
    read_steps,
    row_of,
    scan_steps,
    use_from_now_on,
)
from monai_attn.napari.open.reslice import along_patient_axes, resliced_layer
from monai_attn.napari.qt.choices import is_mask
from monai_attn.volume import Volume, same_grid

STRAIGHT = (0, 0, 0)


def result_of(steps: Generator[str, None, Any]) -> tuple[list[str], Any]:
    """What a worker would say, and what it would return."""
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as stop:
            return said, stop.value


def ramp(grid: Volume) -> Volume:
    """Values that tell the place: 2 R + 3 A + 5 S in mm."""
    places = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    return grid.with_array((places @ [2.0, 3.0, 5.0]).astype(np.float32))


def test_a_study_is_listed_with_what_is_known_before_reading(tmp_path: Path) -> None:
    save(tmp_path / "a", slices_of(phantom()))
    save(tmp_path / "b", slices_of(phantom(tilt=STRAIGHT, shape=(4, 5, 2)), modality="CT"))
    gap = [ds for k, ds in enumerate(slices_of(phantom(tilt=STRAIGHT))) if k != 3]
    for ds in gap:
        ds.SeriesDescription = "broken"
    save(tmp_path / "c", gap)
    said, (offers, _) = result_of(scan_steps(tmp_path))
    assert said == [f"Looking through {tmp_path.name} ..."]
    rows = {row[1]: row for row in map(row_of, offers)}
    assert rows["MR: t1 axial"][:4] == ("MR", "MR: t1 axial", "5 x 6 x 7", "0.7 x 1.3 x 2.9")
    assert rows["MR: t1 axial"][4].startswith("Oblique by")
    assert "Two slices only" in rows["CT: t1 axial"][4]
    assert "missing" in rows["MR: broken"][4]
    assert [offer.name for offer in offers if not offer.chosen] == ["MR: broken"]


def test_nothing_to_open_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    _, (offers, reason) = result_of(scan_steps(tmp_path))
    assert offers == []
    assert "holds no DICOM images" in reason


def test_what_is_read_is_added_with_its_warnings(model: ViewerModel, tmp_path: Path) -> None:
    save(tmp_path / "a", slices_of(phantom()))
    save(tmp_path / "b", slices_of(phantom(tilt=STRAIGHT), modality="CT"))
    _, (offers, _) = result_of(scan_steps(tmp_path))
    said, (layers, failed) = result_of(read_steps(offers, [], reslice=False))
    assert [text.partition(":")[0] for text in said] == ["Reading 1 of 2", "Reading 2 of 2"]
    assert failed == []
    told = add_layers(model, layers)
    assert any("scanned at different angles" in text for text in told)
    assert len(model.layers) == 2
    assert add_layers(ViewerModel(), layers[:1]) == [text for text in told if text.startswith(layers[0][1]["name"])][:1]


def test_resliced_series_lie_over_each_other(model: ViewerModel, tmp_path: Path) -> None:
    save(tmp_path / "a", slices_of(phantom()))
    save(tmp_path / "b", slices_of(phantom(tilt=STRAIGHT), modality="CT"))
    _, (offers, _) = result_of(scan_steps(tmp_path))
    _, (layers, _) = result_of(read_steps(offers, [], reslice=True))
    origins = {keywords["name"]: keywords["metadata"][META] for _, keywords, _ in layers}
    assert sorted(origins) == ["CT: t1 axial", "MR: t1 axial (resliced)"]
    assert {name: origin.display_only for name, origin in origins.items()} == {
        "CT: t1 axial": False,
        "MR: t1 axial (resliced)": True,
    }
    assert compatible(*(origin.grid for origin in origins.values()))
    assert not any("angles" in text for text in add_layers(model, layers))


def test_a_series_that_breaks_while_reading_leaves_the_others(tmp_path: Path) -> None:
    save(tmp_path / "a", slices_of(phantom()))
    save(tmp_path / "b", slices_of(phantom(tilt=STRAIGHT), modality="CT"))
    _, (offers, _) = result_of(scan_steps(tmp_path))
    next((tmp_path / "b").iterdir()).unlink()
    _, (layers, failed) = result_of(read_steps(offers, [], reslice=False))
    assert [keywords["name"] for _, keywords, _ in layers] == ["MR: t1 axial"]
    assert len(failed) == 1
    assert failed[0].startswith("CT: t1 axial: ")


def test_structures_are_put_on_the_image_that_is_open(tmp_path: Path) -> None:
    grid = phantom(shape=(5, 6, 9))
    mask = np.zeros(grid.shape, np.uint8)
    mask[2:4, 2:4, 4:6] = 1
    image = with_labels(tmp_path / "scan", grid)
    table = LabelTable.of_names({1: "liver"})
    write_dicom_seg(
        image.with_array(mask), table, tmp_path / "scan", tmp_path / "alone" / "far" / "seg.dcm",
        algorithm="test", algorithm_version="1",
    )  # fmt: skip
    _, (offers, _) = result_of(scan_steps(tmp_path / "alone" / "far" / "seg.dcm"))
    _, ((layer,), _) = result_of(read_steps(offers, [OpenImage("open", image)], reslice=False))
    assert same_grid(layer[1]["metadata"][META].grid, image)
    _, ((layer,), _) = result_of(read_steps(offers, [], reslice=False))
    assert layer[1]["metadata"][META].grid.shape[2] == 2


@pytest.mark.parametrize("tilt", [(0, 0, 12), (11, -7, 19), (40, 3, -30)])
def test_reslicing_keeps_every_value_at_its_place(tilt: tuple[int, int, int]) -> None:
    volume = ramp(phantom(tilt=tilt, shape=(20, 16, 12)))
    upright = along_patient_axes(volume)
    assert upright.oblique_deg == pytest.approx(0, abs=1e-6)
    index = np.stack(np.indices(upright.shape), axis=-1)
    places = upright.to_world(index)
    within = volume.to_index(places)
    inside = ((within > 0.01) & (within < np.array(volume.shape) - 1.01)).all(axis=-1)
    assert inside.sum() > 300
    assert np.abs(upright.array - places @ [2.0, 3.0, 5.0])[inside].max() < 1e-3
    assert (upright.array[~((within > -1) & (within < volume.shape)).all(axis=-1)] == volume.array.min()).all()
    corners = volume.bounds
    assert np.all(np.array(upright.bounds.lower_mm) <= np.array(corners.lower_mm) + 1e-6)
    assert np.all(np.array(upright.bounds.upper_mm) >= np.array(corners.upper_mm) - 1e-6)


def test_resliced_labels_keep_their_values_and_names() -> None:
    grid = phantom(shape=(20, 16, 12))
    mask = np.zeros(grid.shape, np.uint8)
    mask[5:15, 5:12, 3:9] = 7
    table = LabelTable.of_names({7: "tumour"})
    data, keywords, kind = resliced_layer(labels_layer(grid.with_array(mask), name="mask", table=table))
    assert kind == "labels"
    assert set(np.unique(data)) == {0, 7}
    assert keywords["features"]["name"] == ["tumour"]
    origin = keywords["metadata"][META]
    assert origin.display_only
    assert (data > 0).sum() * origin.grid.voxel_ml == pytest.approx((mask > 0).sum() * grid.voxel_ml, rel=0.03)


def test_a_resliced_mask_is_for_looking_and_neither_measured_nor_corrected(model: ViewerModel) -> None:
    grid = phantom()
    mask = grid.with_array(np.ones(grid.shape, np.uint8))
    made = labels_layer(mask, name="mask", table=LabelTable.of_names({1: "one"}))
    add_layers(model, [made, resliced_layer(made)])
    native, resliced = model.layers
    assert (native.editable, resliced.editable) == (True, False)
    assert [layer for layer in model.layers if is_mask(layer)] == [native]
    resliced.selected_label = 1
    brush = HandBrush(model)
    for begin in (
        lambda: brush.begin(resliced),
        lambda: Correction.of("grow", resliced, Choices(), model.layers),
        lambda: Scribbles(model).begin(resliced, HERE),
    ):
        with pytest.raises(GeometryError, match=r"mask \(resliced\) was resliced for display"):
            begin()
    assert Correction.of("grow", native, Choices(), model.layers).compute().voxels == 0


def test_an_upright_image_is_not_resliced() -> None:
    layer = image_layer(phantom(tilt=STRAIGHT), name="one")
    assert resliced_layer(layer) is layer


def test_these_files_are_those_with_the_same_ending(tmp_path: Path) -> None:
    before = dict(get_settings().plugins.extension2reader)
    try:
        assert patterns_of(tmp_path / "brain.NII.GZ") == ("*.nii.gz",)
        assert patterns_of(tmp_path / "IM0001") == ("*.dcm", "*.ima", "*.dicom")
        assert "*/" in use_from_now_on(tmp_path)
        assert get_settings().plugins.extension2reader["*.dcm"] == "monai_attn"
    finally:
        get_settings().plugins.extension2reader = before


def test_a_preferred_ending_opens_without_being_asked(model: ViewerModel, tmp_path: Path) -> None:
    before = dict(get_settings().plugins.extension2reader)
    write(phantom(), tmp_path / "t1.nii.gz")
    try:
        use_from_now_on(tmp_path / "t1.nii.gz")
        (layer,) = model.open(tmp_path / "t1.nii.gz", plugin=None)
        assert origin_of(layer) is not None
    finally:
        get_settings().plugins.extension2reader = before


@pytest.mark.gui
def test_the_panel_lists_opens_and_survives(
    make_napari_viewer: Callable[..., Any], plugin: PluginManager, qtbot: Any, tmp_path: Path
) -> None:
    save(tmp_path / "study" / "a", slices_of(phantom()))
    save(tmp_path / "study" / "b", slices_of(phantom(tilt=STRAIGHT), modality="CT"))
    viewer = make_napari_viewer()
    assert viewer.open(tmp_path / "study", plugin="monai_attn") == []  # several series: the panel asks
    panel = dock_of(viewer).panel("Open")
    assert panel.table.rowCount() == 2
    panel.table.item(0, 0).setCheckState(panel.table.item(0, 0).checkState().Unchecked)
    assert len(panel.ticked()) == 1
    panel.open.click()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20_000)
    assert len(viewer.layers) == 1
    assert panel.said.text() == "Opened 1. Next: the tab Segment (Alt+3)."
    panel.show_path(tmp_path / "missing")
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20_000)
    assert "does not exist" in panel.said.text()
    assert panel.table.rowCount() == 0
    assert not panel.open.isEnabled()
    panel.show_path(tmp_path / "study")
    viewer.close()  # while the worker runs
