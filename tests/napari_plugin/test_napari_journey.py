"""The whole way in a real window: open a DICOM folder, segment, fly to a structure, paint, save, open again."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication
from segmented import with_labels

from monai_attn import Box, read
from monai_attn.cli.demo import brain_file
from monai_attn.io import read_dicom_seg
from monai_attn.napari.layers.volumes import displayed_point, grid_of, origin_of, volume_of
from monai_attn.napari.segment.panel import SegmentWidget
from monai_attn.napari.structures.panel import StructuresWidget
from monai_attn.volume import Volume, same_grid

ID = "monai_attn"

pytestmark = pytest.mark.gui


def until(happened: Callable[[], bool], seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    return happened()


def test_from_a_dicom_folder_to_a_corrected_mask_and_back(make_napari_viewer, plugin, tmp_path, monkeypatch):
    monkeypatch.setattr("monai_attn.preflight.speeds.speed_file", lambda: tmp_path / "speeds.json")
    told: list[str] = []
    for place in ("panel", "running"):
        monkeypatch.setattr(f"monai_attn.napari.segment.{place}.show_error", told.append)
    brain = read(brain_file())
    around = brain.crop(brain.slices_of(Box.around((-27, -21, -12), (36, 52, 40))))
    scaled = np.rint(around.array / around.array.max() * 1000).astype(np.int16)
    folder = tmp_path / "scan"
    with_labels(folder, Volume(scaled, around.affine, modality="MR"))

    viewer, bystander = make_napari_viewer(show=True), make_napari_viewer(show=True)
    (image,) = viewer.open(str(folder), plugin=ID)
    assert same_grid(grid_of(image), read(folder))

    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    panel.form.bundles.setCurrentText("hippocampus_mri")
    panel.refresh()
    panel.start()
    assert until(lambda: panel.running.worker is None)
    assert told == []
    mask = viewer.layers.selection.active
    assert mask._type_string == "labels"
    assert same_grid(grid_of(mask), read(folder))

    structures = StructuresWidget(viewer)
    viewer.window.add_dock_widget(structures, name="Structures")
    assert until(lambda: bool(structures.inspection and len(structures.inspection.findings) == 2))
    before = structures.inspection.findings[1].structure
    structures.table.clicked.emit(structures.model.index_of(1, 0))
    np.testing.assert_allclose(
        viewer.dims.point, displayed_point(grid_of(mask), before.centroid_mm), atol=max(image.scale) / 2 + 1e-6
    )

    mask.n_edit_dimensions, mask.brush_size, mask.selected_label = 3, 5, 1
    mask.paint((3, 3, 3), 1)
    painted = volume_of(mask, viewer.layers)
    expected = float(np.count_nonzero(painted.array == 1)) * painted.voxel_ml
    assert expected > before.volume_ml
    assert until(lambda: np.isclose(structures.inspection.findings[1].structure.volume_ml, expected), 30)

    mask.save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    mask.save(str(tmp_path / "mask.dcm"), plugin=ID)
    for saved in (read(tmp_path / "mask.nii.gz"), read_dicom_seg(tmp_path / "mask.dcm", like=read(folder)).label_map()):
        assert same_grid(saved, painted)
        np.testing.assert_array_equal(saved.array, painted.array)
    (again,) = bystander.open(str(tmp_path / "mask.nii.gz"), plugin=ID)
    assert len(viewer.layers) == 2
    np.testing.assert_array_equal(volume_of(again).array, painted.array)
    assert [label.name for label in origin_of(again).table] == ["anterior hippocampus", "posterior hippocampus"]
