"""Time of a slice step in a real napari window, 300x512x512: bare napari, and with what the plugin adds to it.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/napari_slices.py [steps]

A step moves the slider by one slice and waits until canvas and panes are drawn. Prints the medians and quartiles of the
wall-clock milliseconds without and with our text and legend. Prints the medians of the CPU milliseconds of the process
too, which another job on the machine disturbs less, and their ratio. Measures a window of napari's own size and a large
one. OpenGL is what the machine has: under Xvfb, software.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from typing import Any

import numpy as np

SHAPE = (512, 512, 300)
SPACING_MM = (0.8, 0.8, 1.0)
LARGE = (1600, 1000)
HEAD = """| view | napari alone: wall ms | CPU ms | with the plugin: wall ms | CPU ms | ratio of CPU |
|---|---|---|---|---|---|"""


def main(steps: int) -> None:
    os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(), "settings.yaml")  # noqa: PTH118
    import napari

    from monai_attn.labels import LabelTable
    from monai_attn.napari.layers.volumes import image_layer, labels_layer
    from monai_attn.napari.look.planes import show_plane
    from monai_attn.volume import Volume

    image, mask = phantom()
    affine = np.diag([*SPACING_MM, 1.0])
    viewer = napari.Viewer()
    data, keywords, _ = image_layer(Volume(image, affine, "CT", "HU"), name="CT", contrast_limits=(-160, 240))
    viewer.add_image(data, **keywords)
    table = LabelTable.of_names({value: f"organ {value}" for value in range(1, 6)})
    data, keywords, _ = labels_layer(Volume(mask, affine), name="mask", table=table)
    layer = viewer.add_labels(data, **keywords)
    print(f"napari {napari.__version__}, {SHAPE[2]} slices of {SHAPE[0]} x {SHAPE[1]}, medians of {steps} steps")
    show_plane(viewer, "axial")
    for size in (None, LARGE):
        if size is not None:
            viewer.window.resize(*size)
        width, height = viewer.window.geometry()[2:]
        print(f"\nwindow of {width} x {height}\n\n{HEAD}")
        for name, visible, contour in (("image", False, 0), ("with mask", True, 0), ("with contour", True, 2)):
            layer.visible, layer.contour = visible, contour
            compare(name, viewer, steps)
    for plane in ("axial", "coronal", "sagittal"):
        show_plane(viewer, plane)
        compare(f"with contour and linked views, {plane}", viewer, steps, linked=True)
    viewer.close()


def compare(name: str, viewer: Any, steps: int, *, linked: bool = False) -> None:
    """One line: steps without and with our text on the canvas and the linked views, if there are any, in turns."""
    from monai_attn.napari.look.canvas import canvas_notes
    from monai_attn.napari.look.views import LinkedViews

    bare: tuple[list[float], list[float]] = ([], [])
    ours: tuple[list[float], list[float]] = ([], [])
    for turn in range(4):
        with_plugin = turn % 2 == 1
        views = LinkedViews(viewer) if with_plugin and linked else None
        if views is not None:
            viewer.window.add_dock_widget(views, name="Linked views", area="bottom")
        notes = canvas_notes(viewer)
        if not with_plugin:
            notes.close()
        for kept, new in zip(ours if with_plugin else bare, measured(viewer, steps // 2), strict=True):
            kept.extend(new)
        if views is not None:
            viewer.window.remove_dock_widget(views)
    cells = [text for walls, cpus in (bare, ours) for text in (spread(walls), f"{statistics.median(cpus):.0f}")]
    ratio = statistics.median(ours[1]) / statistics.median(bare[1])
    print(f"| {name} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)


def measured(viewer: Any, steps: int) -> tuple[list[float], list[float]]:
    """Wall-clock and CPU milliseconds of each step."""
    from qtpy.QtWidgets import QApplication

    axis = viewer.dims.order[0]
    viewer.dims.set_current_step(axis, 100)
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.02)
    walls, cpus = [], []
    for number in range(steps):
        wall, cpu = time.perf_counter(), time.process_time()
        viewer.dims.set_current_step(axis, 101 + number % 100)
        QApplication.processEvents()  # draws the canvas and the panes
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    return walls, cpus


def spread(milliseconds: list[float]) -> str:
    lower, middle, upper = statistics.quantiles(milliseconds, n=4)
    return f"{middle:.0f} ({lower:.0f}-{upper:.0f})"


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """A noisy CT with five ellipsoid organs, in the order of axes in which files are read."""
    generator = np.random.default_rng(0)
    image = np.asfortranarray(generator.normal(40, 20, SHAPE).astype(np.int16))
    mask = np.zeros(SHAPE, np.uint8, order="F")
    grid = np.ogrid[tuple(slice(size) for size in SHAPE)]
    for value in range(1, 6):
        centre, radii = (100 + 60 * value, 256 + 40 * (-1) ** value, 60 + 35 * value), (70, 90, 60)
        inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radii, strict=True)) < 1
        mask[inside], image[inside] = value, image[inside] + 30 * value
    return image, mask


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
