"""Time from drop to picture of a CT in 500 DICOM slices, against SimpleITK; and what the plugin adds to a start.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/napari_open.py [runs] [slices]

The series, 512 x 512 x 500, is written to a temporary folder. The reads take turns; given are medians, with
the files in the system's cache. SimpleITK gives an array, as `monai_attn.io.read` does; "drop to picture" is
`viewer.open` until napari has drawn the slice. A start is a process of its own: napari opens a window, draws it
and closes it; without the plugin means that it is disabled in napari's settings. Seconds of the processor are given
beside those of the clock, which other work on the machine lengthens.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from monai_attn.io import read

SIZE = 512

START = """
import time
begin = time.perf_counter(), time.process_time()
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer(show=True)
if {panel!r}:
    viewer.window.add_plugin_dock_widget("monai_attn", {panel!r})
for _ in range(5):
    QApplication.instance().processEvents()
print(time.perf_counter() - begin[0], time.process_time() - begin[1])
viewer.close()
"""


def write_series(folder: Path, slices: int) -> None:
    """A CT with noise in HU, stored as scanners do: unsigned, intercept -1024."""
    generator = np.random.default_rng(5)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    noise = generator.normal(0, 20, (SIZE, SIZE)).astype(np.int16)
    across = np.hypot(*np.meshgrid(np.arange(SIZE) - SIZE / 2, np.arange(SIZE) - SIZE / 2))
    for place in generator.permutation(slices):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        ds.Modality, ds.StudyInstanceUID, ds.SeriesInstanceUID = "CT", study, series
        ds.FrameOfReferenceUID, ds.SeriesNumber, ds.SeriesDescription = frame, 2, "trunk"
        ds.ImagePositionPatient = [-200, -180, round(-600 + 1.25 * int(place), 3)]
        ds.ImageOrientationPatient, ds.PixelSpacing, ds.SliceThickness = [1, 0, 0, 0, 1, 0], [0.78, 0.78], 1.25
        ds.InstanceNumber, ds.ImageType = int(place) + 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
        ds.Rows = ds.Columns = SIZE
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
        body = np.where(across < 180, 1064, 24) + np.roll(noise, int(place), axis=0)
        ds.PixelData = np.clip(body, 0, 4095).astype(np.uint16).tobytes()
        ds.save_as(folder / f"IM{int(generator.integers(1 << 30)):010d}.dcm", enforce_file_format=True)


def itk_series(folder: Path) -> None:
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    SimpleITK.GetArrayFromImage(reader.Execute())


def drop_to_picture(folder: Path) -> None:
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.current_viewer()
    assert viewer is not None
    viewer.open(folder, plugin="monai_attn")
    QApplication.instance().processEvents()
    viewer.screenshot(flash=False)  # waits until the slice is drawn


def seconds(action: Callable[[Path], object], folder: Path) -> tuple[float, float]:
    """Of the clock and of the processor."""
    begin = time.perf_counter(), time.process_time()
    action(folder)
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def start(config: Path, panel: str = "") -> tuple[float, float]:
    environment = {**os.environ, "NAPARI_CONFIG": str(config)}
    code = START.format(panel=panel)
    run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    clock, processor = run.stdout.split()[-2:]
    return float(clock), float(processor)


def main(runs: int = 5, slices: int = 500) -> None:
    import napari

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "ct")
        folder.mkdir()
        write_series(folder, slices)
        with_plugin, without = Path(temporary, "with", "settings.yaml"), Path(temporary, "without", "settings.yaml")
        for config, text in ((with_plugin, "{}"), (without, "plugins:\n  disabled_plugins: [monai_attn]\n")):
            config.parent.mkdir()
            config.write_text(text)
        starts = {"napari": (without, ""), "napari with the plugin": (with_plugin, "")}
        starts["napari with the panel Open"] = (with_plugin, "Open")
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in starts}
        for turn in range(runs + 1):
            for name, (config, panel) in starts.items():
                measured = start(config, panel)
                times[name] += [measured] if turn else []  # the first fills the caches
        viewer = napari.Viewer(show=True)
        actions: dict[str, Callable[[Path], object]] = {
            "SimpleITK ImageSeriesReader": itk_series,
            "monai_attn.io.read": read,
        }
        actions["napari: drop to picture"] = drop_to_picture
        times |= {name: [] for name in actions}
        for turn in range(runs + 1):
            for name, action in actions.items():
                viewer.layers.clear()
                measured = seconds(action, folder)
                times[name] += [measured] if turn else []
        viewer.close()
    for name, found in times.items():
        clock, processor = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:<32}{clock:7.2f} s, processor {processor:.2f} s")


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:3]))
