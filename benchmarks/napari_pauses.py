"""How long the window stands still, from the click on the tab Segment to the first mask of a fresh process.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/napari_pauses.py IMAGE [runs]

IMAGE is such as `hippocampi/left.nii.gz` of `monai-attn samples`. A timer of 10 ms beats in the window's event loop; a
pause is the time from one beat to the next. Each run is a process of its own, which loads PyTorch and MONAI while the
window is open. Prints the longest pause of each stage: median, least and most of the runs, in milliseconds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable

BEAT_MS = 10
STAGES = ("tab shown", "waiting", "loading", "segmenting", "mask shown")
"""The click on the tab; a second in which the check is made; PyTorch, MONAI and bundle; the network; the layer."""


def one(image: str) -> None:
    """One process: print the longest pause of each stage, and the seconds from the click on Segment to the mask."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from monai_attn.napari.dock.window import dock_of

    viewer = napari.Viewer()
    dock = dock_of(viewer)
    pump(lambda: True, 1.0)
    viewer.open(image, plugin="monai_attn")
    pump(lambda: True, 1.0)
    longest, stage, last = dict.fromkeys(STAGES, 0.0), STAGES[0], time.perf_counter()

    def beat() -> None:
        nonlocal last, stage
        now = time.perf_counter()
        longest[stage] = max(longest[stage], now - last)
        last, stage = now, stage_now()

    def stage_now() -> str:
        panel = dock.panels.get("Segment")
        if panel is None or panel.running.work is None:
            return "tab shown" if panel is None else "waiting"
        if panel.running.work.alive:
            return "segmenting" if panel.running.work.windows else "loading"
        return "mask shown"

    timer = QTimer()
    timer.setInterval(BEAT_MS)
    timer.timeout.connect(beat)
    timer.start()
    pump(lambda: True, 0.2)
    dock.buttons["Segment"].click()
    pump(lambda: True, 1.0)
    panel = dock.panels["Segment"]
    panel.form.device.setCurrentText("cpu")
    pump(lambda: panel.check.ready, 0.0)
    begin = time.perf_counter()
    panel.form.run.click()
    pump(lambda: panel.running.worker is None, 0.0)
    seconds = time.perf_counter() - begin
    pump(lambda: True, 0.5)
    assert any("hippocampus" in layer.name for layer in viewer.layers), [layer.name for layer in viewer.layers]
    print(json.dumps({**longest, "seconds": seconds}), flush=True)
    QApplication.processEvents()
    viewer.close()


def pump(until: Callable[[], bool], seconds: float) -> None:
    """Let the window live for so many seconds, and until something holds."""
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not until():
        QApplication.processEvents()
        time.sleep(0.001)


def main(image: str, runs: int) -> None:
    """Print the table of several processes."""
    found = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NAPARI_CONFIG": f"{folder}/settings.yaml", "XDG_STATE_HOME": folder}
            command = [sys.executable, "-W", "ignore", __file__, image, "--one"]
            run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(run.stdout.splitlines()[-1]))
    for stage in STAGES:
        print(f"{stage}: {spread([1000 * one[stage] for one in found])} ms")
    print(f"click on Segment to mask: {spread([one['seconds'] for one in found], 1)} s")


def spread(values: list[float], digits: int = 0) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if "--one" in sys.argv:
        one(sys.argv[1])
    else:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
