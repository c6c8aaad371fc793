"""A real DICOM folder dropped on a real window: every pixel on the screen is that of the patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from npe2 import PluginManager
from scipy import ndimage

from monai_attn.io import read
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.layers.volumes import go_to, ras_of, world_of
from monai_attn.volume import Volume

STEP = 4
"""Screen pixels between two that are compared."""


def seen_and_meant(viewer: Any, image: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Grey values of the canvas, and the image's values at the places of the patient that belong there."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., 0].astype(float)
    height, width = picture.shape
    rows, columns = np.mgrid[STEP:height:STEP, STEP:width:STEP]
    camera = viewer.scene.camera
    depth = viewer.dims.point[0]
    p = camera.center[1] + (rows - (height - 1) / 2) / camera.zoom
    left = camera.center[2] + (columns - (width - 1) / 2) / camera.zoom
    places = np.stack([-left, -p, np.full(p.shape, depth)], axis=-1)
    values = ndimage.map_coordinates(image.array.astype(float), np.moveaxis(image.to_index(places), -1, 0), order=0)
    inside = ((image.to_index(places) > 0) & (image.to_index(places) < np.array(image.shape) - 1)).all(axis=-1)
    assert inside.mean() > 0.2  # the slice fills the canvas
    return picture[rows, columns][inside], values[inside]


@pytest.mark.gui
def test_a_dropped_dicom_folder_is_drawn_where_the_patient_is(
    make_napari_viewer: Callable[..., Any], plugin: PluginManager, qtbot: Any, shared_data: Path
) -> None:
    folder = shared_data / "dicom" / "sarcoma_STS_003" / "MR_T1" / "image"
    image = read(folder)
    assert image.oblique_deg < 0.1
    viewer = make_napari_viewer(show=True)
    (layer,) = viewer.open(folder, plugin="monai_attn")
    layer.interpolation2d = "nearest"
    centre = world_of(image.to_world((np.array(image.shape) - 1) / 2))
    viewer.reset_view()
    go_to(viewer, centre)
    qtbot.wait(300)
    seen, meant = seen_and_meant(viewer, image)
    low, high = layer.contrast_limits
    assert np.corrcoef(seen, np.clip(meant, low, high))[0, 1] > 0.98
    for wrong in (np.diag([-1, 1, 1, 1]), np.diag([1, -1, 1, 1])):  # left for right, front for back
        turned = Volume(image.array, wrong @ image.affine)
        around = turned.affine.copy()
        around[:3, 3] += np.array(ras_of(centre)) - turned.to_world((np.array(image.shape) - 1) / 2)
        seen, meant = seen_and_meant(viewer, Volume(image.array, around))
        assert np.corrcoef(seen, np.clip(meant, low, high))[0, 1] < 0.9


@pytest.mark.gui
def test_a_dropped_file_of_many_volumes_offers_them_in_the_panel_open(
    make_napari_viewer: Callable[..., Any], plugin: PluginManager, plugin_settings: Any, tmp_path: Path
) -> None:
    four = np.zeros((5, 6, 7, 9), np.float32)
    nibabel.save(nibabel.Nifti1Image(four, np.eye(4)), tmp_path / "bold.nii.gz")
    viewer = make_napari_viewer(show=False)
    viewer.open(tmp_path / "bold.nii.gz", plugin="monai_attn")
    assert len(viewer.layers) == 0
    panel = dock_of(viewer).panels["Open"]
    assert panel.table.rowCount() == 9
    assert [offer.volume for offer in panel.ticked()] == [0]
