"""The pictures of docs/napari.md, taken from the real window.

    python docs/napari_tour.py [FOLDER OF DICOM SERIES]

Without a screen: xvfb-run -a -s "-screen 0 1920x1080x24" python docs/napari_tour.py. Writes docs/images/napari_*.png.
The folder, best one with CT, PET and structures, is for the pictures of the Open panel and of PET over CT. Without a
folder these pictures are left as they are.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.qt import get_qapp

from monai_attn.cases import ImageFile
from monai_attn.cohort.places import places_of
from monai_attn.io import write
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.keep import rescue
from monai_attn.napari.layers.volumes import displayed_point, grid_of, labels_layer, origin_of, volume_of
from monai_attn.results import commit
from monai_attn.segmentation import Segmentation, result_files

IMAGES = Path(__file__).parent / "images"
PLUGIN = "monai_attn"
HIPPOCAMPI_MM = ((-27.0, -21.0, -14.0), (27.0, -21.0, -14.0))


def settle(seconds: float = 0.6, until: Callable[[], bool] = lambda: True, limit: float = 300) -> None:
    """Let the window work: at least so long, and until something holds."""
    end, last = time.monotonic() + seconds, time.monotonic() + limit
    while (time.monotonic() < end or not until()) and time.monotonic() < last:
        get_qapp().processEvents()
        time.sleep(0.01)


def shoot(viewer: napari.Viewer, name: str) -> None:
    settle()
    viewer.window.screenshot(str(IMAGES / f"napari_{name}.png"), canvas_only=False, flash=False)
    print(f"napari_{name}.png")


def window() -> napari.Viewer:
    """A window with the dock, and a folder of its own for unsaved masks: no other window's are offered in it."""
    kept = Path(tempfile.mkdtemp())
    rescue.state_folder = lambda: kept
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    dock_of(viewer)
    settle()
    return viewer


def panel(viewer: napari.Viewer, title: str) -> object:
    panel = dock_of(viewer).show_tab(title)
    settle()
    return panel


def look_and_inspect() -> None:
    viewer = window()
    viewer.open_sample(PLUGIN, "phantom")
    look = panel(viewer, "Look")
    viewer.layers.selection.active = next(layer for layer in viewer.layers if layer._type_string == "image")
    shoot(viewer, "look")
    look.linked.setChecked(True)
    settle(2)
    shoot(viewer, "linked")
    look.linked.setChecked(False)
    structures = panel(viewer, "Structures")
    settle(2, until=lambda: bool(structures.inspection and structures.inspection.findings))
    structures.step(1)
    structures.table.expandAll()
    shoot(viewer, "structures")
    viewer.dims.ndisplay = 3
    settle(2)
    shoot(viewer, "3d")
    viewer.dims.ndisplay = 2
    correct = panel(viewer, "Correct")
    mask = next(layer for layer in viewer.layers if layer._type_string == "labels")
    viewer.layers.selection.active = mask
    shoot(viewer, "correct")
    as_drawn = volume_of(mask, viewer.layers)
    data, keywords, _ = labels_layer(as_drawn, name="prediction", table=origin_of(mask).table)
    mask.selected_label = 1
    correct.margin.setValue(3)
    correct.actions["grow"].click()
    settle(1, until=lambda: correct.actions["grow"].isEnabled())
    viewer.add_labels(data, **keywords)
    compare = panel(viewer, "Compare")
    compare.compare()
    settle(3)
    mask.visible = viewer.layers["prediction"].visible = False
    shoot(viewer, "compare")
    viewer.layers.selection.active = mask
    mask.visible = True
    panel(viewer, "Save")
    shoot(viewer, "save")
    panel(viewer, "Learn").learn_from(mask)
    shoot(viewer, "learn")
    viewer.close()


def review() -> None:
    """Six copies of the phantom as a cohort; in one of them most of the spleen is missing."""
    viewer = window()
    viewer.open_sample(PLUGIN, "phantom")
    image, mask = viewer.layers
    drawn, table = volume_of(mask, viewer.layers), origin_of(mask).table
    out = Path(tempfile.mkdtemp()) / "out"
    out.mkdir()
    for number in range(1, 7):
        case = f"phantom_{number}"
        path = out.parent / f"{case}.nii.gz"
        write(volume_of(image, viewer.layers), path)
        labels = drawn.array.copy()
        spleen = np.argwhere(labels == next(label.value for label in table if label.name == "spleen"))
        labels[tuple(spleen[: len(spleen) // 2 if number == 4 else 100 * number].T)] = 0
        made = Segmentation(drawn.with_array(labels), table, {"bundle": "abdomen"})
        _, record, _ = result_files(out, case)
        about = {**made.about(), **places_of({"image": ImageFile(path)}, out)}
        commit(made.files(out, stem=case), record=record, about=about)
    viewer.layers.clear()
    reading = panel(viewer, "Review")
    reading.folder.setText(str(out))
    reading.folder.setCursorPosition(0)
    reading.begin.click()
    settle(2, until=lambda: reading.worker is None and reading.mask is not None)
    shoot(viewer, "review")
    viewer.close()


def segment() -> None:
    viewer = window()
    viewer.open_sample(PLUGIN, "mni152")
    brain = viewer.layers[0]
    form_panel = panel(viewer, "Segment")
    form = form_panel.form
    form.bundles.setCurrentText("hippocampus_mri")
    viewer.dims.point = displayed_point(grid_of(brain), HIPPOCAMPI_MM[0])
    for point_mm in HIPPOCAMPI_MM:  # as a click does
        form_panel.region.boxes.place(point_mm)
    settle(2)
    shoot(viewer, "segment")
    form_panel.region.boxes.set(form_panel.region.boxes.boxes[:1])
    for name in ("attention", "entropy"):
        form.maps[name].setChecked(True)
    settle(1)
    clicked = time.monotonic()
    form_panel.start()
    settle(1, until=lambda: form_panel.running.worker is None)
    print(f"first mask of the sample after {time.monotonic() - clicked:.1f} s")
    for layer in viewer.layers:
        layer.visible = layer is brain or "entropy" in layer.name
    viewer.scene.camera.zoom *= 2.5
    go = displayed_point(grid_of(brain), (-27.0, -21.0, -14.0))
    viewer.dims.point = go
    viewer.scene.camera.center = go
    shoot(viewer, "uncertainty")
    for layer in viewer.layers:
        if "attention" in layer.name or "entropy" in layer.name:
            layer.visible = layer.name.endswith("attention level 1")
    shoot(viewer, "attention")
    viewer.close()


def open_panel(folder: Path) -> None:
    viewer = window()
    widget = panel(viewer, "Open")
    widget.show_path(folder)
    settle(2, until=lambda: widget.table.rowCount() > 0)
    shoot(viewer, "open")
    widget.open.click()
    settle(2, until=lambda: widget.worker is None and len(viewer.layers) > 0)
    for layer in viewer.layers:
        layer.visible = layer._type_string == "labels" or layer.name.startswith(("CT", "PT"))
    look = panel(viewer, "Look")
    look.fusion.slider.setValue(60)
    shoot(viewer, "fusion")
    viewer.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        open_panel(Path(sys.argv[1]))
    segment()
    look_and_inspect()
    review()
