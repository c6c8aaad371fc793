"""How long a segmentation will take and how much memory: counted windows times seconds a window, and a stated rule."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monai_attn.errors import FileError
from monai_attn.io import write_bytes_atomic
from monai_attn.napari.segment.needs import Needs
from monai_attn.volume import Volume

__all__ = [
    "available_bytes",
    "count_windows",
    "network_shape",
    "peak_bytes",
    "remember",
    "seconds_per_window",
    "speed_file",
]

logger = logging.getLogger(__name__)

SECONDS_PER_VOXEL = {"cpu": 3e-6, "cuda": 3e-8, "mps": 2e-7}
"""Of a window, before the first run has been timed: an attention U-Net of 16 to 128 channels in float32."""

LIBRARIES_BYTES = 10**9
"""What torch, MONAI and a network take before the first image."""


def network_shape(needs: Needs, image: Volume) -> tuple[int, int, int]:
    """Voxels of an image along R, A, S once the bundle has resampled it; its own when the bundle does not say."""
    letters = image.orientation
    axes = [next(n for n, letter in enumerate(letters) if letter in pair) for pair in ("RL", "AP", "SI")]
    shape = [image.shape[axis] for axis in axes]
    if needs.pixdim_mm:
        spacing = [image.spacing_mm[axis] for axis in axes]
        steps = zip(shape, spacing, needs.pixdim_mm, strict=True)
        # as MONAI's Spacing: from centre to centre of the outer voxels; a pixdim of 0 or less leaves an axis alone
        shape = [size if new <= 0 else round((size - 1) * old / new + 1) for size, old, new in steps]
    r, a, s = (max(1, size) for size in shape)
    return r, a, s


def count_windows(needs: Needs, shape: Sequence[int]) -> int | None:
    """Windows that MONAI's sliding window and `StreamingInferer` lay over an image of this shape, all flips counted.

    None if not known. Those of air count too, even if they are skipped.
    """
    if needs.window is None:
        return None
    total = needs.runs
    for size, edge, overlap in zip(shape, needs.window, needs.overlap, strict=True):
        window = edge or size
        step = window if size == window else max(1, int(window * (1 - overlap)))
        total *= 1 + max(0, math.ceil((size - window) / step))
    return total


def peak_bytes(needs: Needs, shape: Sequence[int], source: Volume) -> int:
    """A rule for the peak: the image and three times its logits in float32, on the network's grid and on the source's.

    Three: the sum over windows, its counterpart in the next step, and the copy that is brought back. A bundle that
    streams holds logits of one row of windows only, and labels. Torch and MONAI come on top.
    """
    network = math.prod(shape)
    held = network + source.array.size
    if needs.streams and needs.window:
        row = network * min(min(edge or size, size) / size for size, edge in zip(shape, needs.window, strict=True))
        return LIBRARIES_BYTES + 4 * int(held * (len(needs.slots) + 1) + row * 3 * needs.classes)
    return LIBRARIES_BYTES + 4 * held * (len(needs.slots) + 3 * needs.classes)


def available_bytes() -> int | None:
    """Memory that is free for use; None where the system does not tell without a further package."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def seconds_per_window(needs: Needs, device: str, backend: str, *, file: Path | None = None) -> tuple[float, bool]:
    """Seconds for one window, and whether that was measured on this machine rather than guessed from its size."""
    measured = _read(file or speed_file()).get(_key(needs, device, backend))
    if measured:
        return measured, True
    kind = device.partition(":")[0]
    voxels = float(np.prod([edge or 96 for edge in needs.window or (96, 96, 96)]))
    return voxels * SECONDS_PER_VOXEL.get(kind, SECONDS_PER_VOXEL["cpu"]), False


def remember(
    needs: Needs, device: str, backend: str, *, windows: int, seconds: float, file: Path | None = None
) -> None:
    """Keep the seconds a window of a run that is over, for the next estimate; it matters little if that fails."""
    if windows < 1 or not seconds > 0:
        return
    path = file or speed_file()
    known = {**_read(path), _key(needs, device, backend): round(seconds / windows, 6)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(path, (json.dumps(known, indent=2) + "\n").encode(), overwrite=True)
    except (OSError, FileError) as error:
        logger.info("The time of this run is not kept: %s", error)


def speed_file() -> Path:
    """Where measured times are kept on this machine, per bundle, device and backend."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("monai_attn")) / "seconds_per_window.json"


def _key(needs: Needs, device: str, backend: str) -> str:
    window = "x".join(map(str, needs.window or ()))
    return f"{needs.name} {window} {device} {backend}"


def _read(path: Path) -> dict[str, float]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in content.items() if float(value) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
