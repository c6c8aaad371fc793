"""Time of a slice step in a real napari window: image, with mask, with contour, with the linked views; 300x512x512.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/napari_slices.py [steps]

A step moves the slider by one slice and waits until canvas and panes are drawn. Prints the median and the quartiles of
the wall-clock milliseconds, and the median of the CPU milliseconds of the process, which another job on the machine
disturbs less. OpenGL is what the machine has: under Xvfb, software.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time

import numpy as np

SHAPE = (512, 512, 300)
SPACING_MM = (0.8, 0.8, 1.0)


def main(steps: int) -> None:
    os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(), "settings.yaml")  # noqa: PTH118
    import napari

    from monai_attn.labels import LabelTable
    from monai_attn.napari._canvas import canvas_notes
    from monai_attn.napari._layers import image_layer, labels_layer
    from monai_attn.napari._planes import show_plane
    from monai_attn.napari._views import LinkedViews
    from monai_attn.volume import Volume

    image, mask = phantom()
    affine = np.diag([*SPACING_MM, 1.0])
    viewer = napari.Viewer()
    viewer.window.resize(1600, 1000)
    data, keywords, _ = image_layer(Volume(image, affine, "CT", "HU"), name="CT", contrast_limits=(-160, 240))
    viewer.add_image(data, **keywords)
    print(
        f"napari {napari.__version__}, {SHAPE[2]} slices of {SHAPE[0]} x {SHAPE[1]}, {steps} steps, window 1600 x 1000"
    )
    print("| view | wall ms, median (quartiles) | CPU ms, median |\n|---|---|---|")
    report("image alone", viewer, steps)
    notes = canvas_notes(viewer)
    show_plane(viewer, "axial")
    report("with the text on the canvas", viewer, steps)
    table = LabelTable.of_names({value: f"organ {value}" for value in range(1, 6)})
    data, keywords, _ = labels_layer(Volume(mask, affine), name="mask", table=table)
    layer = viewer.add_labels(data, **keywords)
    report("with mask", viewer, steps)
    layer.contour = 2
    report("with mask as contour", viewer, steps)
    views = LinkedViews(viewer)
    viewer.window.add_dock_widget(views, name="Linked views", area="bottom")
    report("with contour and linked views", viewer, steps)
    for plane in ("coronal", "sagittal"):
        show_plane(viewer, plane)
        report(f"the same, {plane}", viewer, steps)
    notes.close()
    viewer.close()


def report(name: str, viewer, steps: int) -> None:
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
    lower, middle, upper = statistics.quantiles(walls, n=4)
    print(f"| {name} | {middle:.0f} ({lower:.0f}-{upper:.0f}) | {statistics.median(cpus):.0f} |", flush=True)


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
