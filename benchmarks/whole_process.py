"""What a whole process takes: CPU seconds, wall seconds and peak memory, its start and its imports included."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEADER", "Taken", "compare_labels", "cpu_seconds", "row", "take"]

HEADER = (
    "| way | CPU s, median (min-max) | wall s | peak GiB | voxels that differ | Dice, mean | lowest |\n"
    "|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Taken:
    """`cpu_s`: user and system, of all threads; `peak_gib`: of resident memory. Child processes are included."""

    cpu_s: float
    wall_s: float
    peak_gib: float


def take(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Taken:
    """Run a command to its end and say what it took (Linux, macOS); what it prints goes to `log`.

    Raises `RuntimeError` with the end of the log when it fails.
    """
    begin = time.perf_counter()
    with log.open("w") as stream:
        child = subprocess.Popen(
            list(command), stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - begin
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{log.read_text()[-3000:]}")
    unit = 1 if os.uname().sysname == "Darwin" else 1024  # macOS counts bytes, Linux KiB
    return Taken(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss * unit / 2**30)


def cpu_seconds(runs: Sequence[Taken]) -> str:
    """The median, and the least and the most where there are several."""
    seconds = [one.cpu_s for one in runs]
    spread = f" ({min(seconds):.1f}-{max(seconds):.1f})" if len(seconds) > 1 else ""
    return f"{statistics.median(seconds):.1f}{spread}"


def compare_labels(labels: NDArray[np.generic], reference: NDArray[np.generic]) -> tuple[int, list[float]]:
    """How many voxels differ, and the Dice of each structure that either has."""
    size = int(max(labels.max(), reference.max())) + 1
    pairs = np.zeros(size * size, dtype=np.int64)
    for one, other in zip(labels, reference, strict=True):  # slab by slab: pairs take eight bytes a voxel
        pairs += np.bincount(one.ravel().astype(np.intp) * size + other.ravel(), minlength=size * size)
    table = pairs.reshape(size, size)
    counts = table.sum(0) + table.sum(1)
    dice = [2 * table[label, label] / counts[label] for label in range(1, size) if counts[label]]
    return int(table.sum() - np.trace(table)), [float(one) for one in dice]


def row(way: str, runs: Sequence[Taken], differing: int, dice: Sequence[float]) -> str:
    """A line of the table under `HEADER`."""
    wall = statistics.median(one.wall_s for one in runs)
    peak = max(one.peak_gib for one in runs)
    agreement = f"{np.mean(dice):.5f} | {min(dice):.5f}" if dice else "- | -"
    return f"| {way} | {cpu_seconds(runs)} | {wall:.1f} | {peak:.2f} | {differing} | {agreement} |"
