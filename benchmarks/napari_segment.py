"""From the click on Segment to the mask, how long the window stands still meanwhile, and how soon Cancel answers.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/napari_segment.py [backend]

The right hippocampus of the MNI152 brain with the shipped bundle: once in a fresh process, which loads
PyTorch, twice more, and once cancelled after the first batch of windows.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from monai_attn import read
from monai_attn.cli.demo import brain_file
from monai_attn.napari.layers.volumes import image_layer
from monai_attn.napari.segment.panel import SegmentWidget

RECTANGLE = np.array([(-12.0, p, left) for p, left in [(-5.0, -9.0), (-5.0, -45.0), (47.0, -45.0), (47.0, -9.0)]])
"""Around the right hippocampus, in S, P, L: R 9..45, A -47..5 mm at S -12."""


def pump(until: Callable[[], bool]) -> float:
    """Seconds until something happens, the window alive."""
    start = time.perf_counter()
    while not until():
        QApplication.processEvents()
        time.sleep(0.001)
    return time.perf_counter() - start


class Pulse:
    """Gaps between two rounds of the event loop, in seconds."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setInterval(5)
        self.timer.timeout.connect(self.beat)
        self.timer.start()

    def beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self.last)
        self.last = now


def main(backend: str) -> None:
    """Print the figures."""
    viewer = napari.Viewer()
    began = time.thread_time()
    panel = SegmentWidget(viewer)
    print(f"the panel, made: {time.thread_time() - began:.2f} s of CPU in the window's thread")
    viewer.window.add_dock_widget(panel, name="Segment")
    data, keywords, _ = image_layer(read(brain_file()), name="mni152")
    viewer.add_image(data, **keywords)
    panel.draw_region()
    viewer.layers["region"].add([RECTANGLE], shape_type="rectangle")
    panel.form.all_slices.setChecked(False)
    panel.form.device.setCurrentText("cpu")
    panel.form.backend.setCurrentText(backend)
    panel.refresh()
    pause = time.perf_counter() + 1
    pump(lambda: time.perf_counter() > pause)
    for name in ("first run", "second run", "third run"):
        pulse = Pulse()
        panel.form.run.click()
        started = pump(lambda: panel.running.work is not None and panel.running.work.alive)
        computed = started + pump(lambda: panel.running.work is None or not panel.running.work.alive)
        gaps = np.array(pulse.gaps)
        pulse.timer.stop()
        shown = computed + pump(lambda: panel.running.worker is None)
        print(
            f"{name}: mask after {shown:.1f} s; while it ran the window stood still for {1000 * gaps.max():.0f} ms at "
            f"most, {1000 * np.percentile(gaps, 99):.0f} ms in 99 % of rounds, {1000 * np.median(gaps):.0f} ms usually",
            flush=True,
        )
    panel.form.run.click()
    pump(lambda: panel.form.bar.value() > 0 or panel.running.worker is None)
    panel.form.cancel.click()
    free = pump(lambda: panel.running.worker is None)
    ended = free + pump(lambda: panel.running.work is None or not panel.running.work.alive)
    print(f"cancel: panel free after {1000 * free:.0f} ms, thread ended after {1000 * ended:.0f} ms")
    viewer.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1] if len(sys.argv) > 1 else "auto")
