"""Seconds for one window: measured in earlier runs on this computer, else a guess.

The file lies in the cache folder of the user and holds seconds alone: no image, no name of a case. Deleting the file
makes the next estimate a guess again.
"""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

from monai_attn.backends.execution import Execution
from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import FileError
from monai_attn.folders import cache_folder
from monai_attn.io import write_bytes_atomic
from monai_attn.io.plain import read_plain

__all__ = [
    "remember",
    "seconds_per_window",
]

logger = logging.getLogger(__name__)

SECONDS_PER_VOXEL = {"cpu": 3e-6, "cuda": 3e-8, "mps": 2e-7}
"""For one voxel of a window before the first run was timed: an attention U-Net of 16 to 128 channels in float32."""


def seconds_per_window(
    bundle: BundleDescription, execution: Execution, *, file: Path | None = None
) -> tuple[float, bool]:
    """Seconds for one window, and whether an earlier run was measured rather than guessed from the window's size.

    Only runs of the same bundle, window, device, back-end and precision count. `file` replaces `speed_file()`.

    A window of unknown size counts as 96 x 96 x 96 voxels. A file that cannot be read counts as empty.
    """
    measured = _read(file or speed_file()).get(_key(bundle, execution))
    if measured:
        return measured, True
    kind = execution.device.partition(":")[0]
    voxels = math.prod(edge or 96 for edge in bundle.window or (96, 96, 96))
    return voxels * SECONDS_PER_VOXEL.get(kind, SECONDS_PER_VOXEL["cpu"]), False


def remember(
    bundle: BundleDescription, execution: Execution, *, windows: int, seconds: float, file: Path | None = None
) -> None:
    """Keep the time of a finished run for the next estimate. Where the file cannot be written, a log entry says so.

    `windows` and `seconds` are those of the whole run. A run without a window or without a time is not kept.
    """
    if windows < 1 or not seconds > 0:
        return
    path = file or speed_file()
    known = {**_read(path), _key(bundle, execution): round(seconds / windows, 6)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(path, (json.dumps(known, indent=2) + "\n").encode(), overwrite=True)
    except (OSError, FileError) as error:
        logger.info("The time of this run is not kept: %s", error)


def speed_file() -> Path:
    """The JSON file of the measured times on this computer."""
    return cache_folder() / "seconds_per_window.json"


def _key(bundle: BundleDescription, execution: Execution) -> str:
    """Bundle, window, device, back-end and precision in one text, the key of the JSON file."""
    window = "x".join(map(str, bundle.window or ()))
    precision = "" if execution.precision == "auto" else f" {execution.precision}"
    return f"{bundle.name} {window} {execution.device} {execution.backend}{precision}"


def _read(path: Path) -> dict[str, float]:
    """The times in a file, in seconds; empty for a missing or damaged file."""
    try:
        content = json.loads(read_plain(path))
        return {str(key): float(value) for key, value in content.items() if float(value) > 0}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
