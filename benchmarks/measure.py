"""Time and memory of measuring one whole-body label map: 512x512x600, 20 structures, 200 lesions.

    python benchmarks/measure.py [runs] [C|F]

Prints, for each step, the median seconds over the runs (wall and CPU) and the peak resident memory of the process. Two
label maps of 1 byte and a CT of 2 bytes a voxel take 0.59 GiB of this memory. Order F is how NIfTI files are read.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from monai_attn.labels import LabelTable
from monai_attn.measure import compare, detect_lesions, measure_lesions, measure_structures
from monai_attn.volume import Volume

SHAPE = (512, 512, 600)
SPACING_MM = (0.8, 0.8, 1.5)
STRUCTURES, LESIONS = 20, 200
LESION = STRUCTURES + 1


def phantom(generator: np.random.Generator, order: str) -> tuple[Volume, Volume, Volume, LabelTable]:
    """A label map, another one moved by two voxels to compare it with, a CT, and the label table."""
    array = np.zeros(SHAPE, np.uint8, order=order)  # type: ignore[call-overload]
    for value in range(1, STRUCTURES + 1):  # a 4 x 5 raster of organs, 90 to 1500 ml
        row, column = divmod(value - 1, 5)
        centre = np.array([80 + 115 * row, 256 + 90 * np.sin(value), 60 + 120 * column])
        _ellipsoid(array, centre, generator.uniform((35, 60, 25), (55, 120, 55)), value)
    for _ in range(LESIONS):
        _ellipsoid(array, generator.uniform(20, np.array(SHAPE) - 20), generator.uniform(3, 14, 3), LESION)
    affine = np.diag([*SPACING_MM, 1.0])
    names = {value: f"structure {value}" for value in range(1, LESION)} | {LESION: "lesion"}
    moved = np.asarray(np.roll(array, 2, axis=0), order=order)  # type: ignore[call-overload]
    image = np.empty(SHAPE, np.int16, order=order)  # type: ignore[call-overload]
    for plane, labels in zip(image, array, strict=True):
        plane[:] = generator.normal(0, 20, plane.shape) + labels * 5
    return Volume(array, affine), Volume(moved, affine), Volume(image, affine, "CT", "HU"), LabelTable.of_names(names)


def _ellipsoid(array: NDArray[np.uint8], centre: NDArray[np.float64], radii: NDArray[np.float64], value: int) -> None:
    lower = np.maximum(np.floor(centre - radii), 0).astype(int)
    upper = np.minimum(np.ceil(centre + radii) + 1, array.shape).astype(int)
    grid = np.ogrid[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))]
    i, j, k = (((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radii, strict=True))
    inside = i + j + k <= 1
    part = array[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))]
    part[inside] = value


def peak_gib() -> float:
    """Largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    order = sys.argv[2] if len(sys.argv) > 2 else "F"  # as NIfTI files are read
    labels, moved, image, table = phantom(np.random.default_rng(0), order)
    before = peak_gib()
    steps: dict[str, Callable[[], object]] = {
        "measure_structures": lambda: measure_structures(labels, table),
        "measure_structures with intensities": lambda: measure_structures(labels, table, image),
        "measure_lesions with intensities": lambda: measure_lesions(labels, LESION, image=image),
        "detect_lesions": lambda: detect_lesions(moved, labels, LESION),
        "compare": lambda: compare(moved, labels, table),
    }
    print(f"{SHAPE} voxels, order {order}, {STRUCTURES} structures, {len(measure_lesions(labels, LESION))} lesions")
    for name, step in steps.items():
        wall, cpu = [], []
        for _ in range(runs):
            start, start_cpu = time.perf_counter(), time.process_time()
            step()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
        print(
            f"{name:38s} {statistics.median(wall):6.2f} s, {statistics.median(cpu):6.2f} CPU-s   "
            f"peak RSS so far {peak_gib():.2f} GiB"
        )
    print(f"Peak RSS of making the phantom, before any measurement: {before:.2f} GiB")


if __name__ == "__main__":
    main()
