"""What a run takes on this computer: measured in earlier runs, else a guess.

The file lies in the cache folder of the user and holds seconds and bytes alone: no image, no name of a case. Deleting
the file makes the next estimate a guess again.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path

from monai_attn.backends.execution import Execution
from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import FileError
from monai_attn.folders import cache_folder
from monai_attn.io import write_bytes_atomic
from monai_attn.io.plain import read_plain

__all__ = ["bytes_besides", "remember", "seconds_per_window", "seconds_to_start"]

logger = logging.getLogger(__name__)

SECONDS_PER_VOXEL = {"cpu": 3e-6, "cuda": 3e-8, "mps": 2e-7}
"""For one voxel of a window before the first run was timed: an attention U-Net of 16 to 128 channels in float32."""

USUAL_BYTES = 6e6
"""Weights of such a network; twice as many, as of the mean of two networks, are taken to need twice as long."""

START_SECONDS = 5.0
"""For loading PyTorch and MONAI, before it was measured."""

CONVERT_SECONDS = 0.5
"""For converting one million bytes of weights for a back-end, before it was measured."""

PER_MAP = 0.25
"""What each kind of map adds to the time of a window, before it was measured."""


def seconds_per_window(
    bundle: BundleDescription, execution: Execution, *, maps: Sequence[str] = (), file: Path | None = None
) -> tuple[float, bool]:
    """Seconds for one window, and whether an earlier run was measured rather than guessed from the window's size.

    Only runs of the same bundle, window, device, back-end, precision and maps count. For maps that were not timed yet,
    a run without maps counts, and a share for each map is added. `file` replaces `speed_file()`.

    A window of unknown size counts as 96 x 96 x 96 voxels. A file that cannot be read counts as empty.
    """
    known = _read(file or speed_file())
    for these in dict.fromkeys((tuple(maps), ())):
        measured = known.get(_key(bundle, execution, these))
        if measured:
            return measured * (1 + PER_MAP * (len(maps) - len(these))), True
    shown = [seconds for key, seconds in known.items() if key.startswith(f"{_key(bundle, execution)} +")]
    if shown:
        return min(shown), True  # only runs with maps were timed
    kind = execution.device.partition(":")[0]
    voxels = math.prod(edge or 96 for edge in bundle.window or (96, 96, 96))
    size = max(1.0, _weights_bytes(bundle) / USUAL_BYTES)
    return voxels * SECONDS_PER_VOXEL.get(kind, SECONDS_PER_VOXEL["cpu"]) * size * (1 + PER_MAP * len(maps)), False


def seconds_to_start(bundle: BundleDescription, execution: Execution, *, file: Path | None = None) -> float:
    """Seconds until the first window of a bundle that is not open yet: loading PyTorch and it, converting networks.

    Measured where a run was; else a guess from the size of the weights. A run that was timed without its start gives 0.
    """
    known = _read(file or speed_file())
    key = _key(bundle, execution)
    if key in known or f"{key} start" in known:
        return known.get(f"{key} start", 0.0)
    converts = execution.backend != "torch" and execution.device in ("auto", "cpu")
    return START_SECONDS + (CONVERT_SECONDS * _weights_bytes(bundle) / 1e6 if converts else 0.0)


def bytes_besides(bundle: BundleDescription, execution: Execution, *, file: Path | None = None) -> int:
    """How much more memory earlier runs took than `peak_bytes` said; before the first run twice the weights."""
    known = _read(file or speed_file()).get(f"{_key(bundle, execution)} bytes")
    return int(known) if known else 2 * _weights_bytes(bundle)


def remember(
    bundle: BundleDescription,
    execution: Execution,
    *,
    windows: int,
    seconds: float,
    start: float = 0.0,
    besides: int = 0,
    maps: Sequence[str] = (),
    file: Path | None = None,
) -> None:
    """Keep what a finished run took for the next estimate. Where the file cannot be written, a log entry says so.

    `windows` and `seconds` are those of the run without its `start`: the seconds until the first window of a bundle
    that was not open. `besides`: the bytes it took more than `peak_bytes` said. A run without a window or without a
    time is not kept; a start or bytes of 0 leave what is known.
    """
    if windows < 1 or not seconds > 0:
        return
    path, key = file or speed_file(), _key(bundle, execution)
    known = {**_read(path), _key(bundle, execution, maps): round(seconds / windows, 6)}
    known |= {f"{key} start": round(start, 3)} if start > 0 else {}
    known |= {f"{key} bytes": float(besides)} if besides > 0 else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(path, (json.dumps(known, indent=2) + "\n").encode(), overwrite=True)
    except (OSError, FileError) as error:
        logger.info("The time of this run is not kept: %s", error)


def speed_file() -> Path:
    """The JSON file of the measured times on this computer."""
    return cache_folder() / "seconds_per_window.json"


def _weights_bytes(bundle: BundleDescription) -> int:
    """The size of the file of the weights; 0 where it is missing."""
    try:
        return bundle.weights.stat().st_size
    except OSError:
        return 0


def _key(bundle: BundleDescription, execution: Execution, maps: Sequence[str] = ()) -> str:
    """Bundle, window, device, back-end, precision and maps in one text, the key of the JSON file."""
    window = "x".join(map(str, bundle.window or ()))
    precision = "" if execution.precision == "auto" else f" {execution.precision}"
    shown = "".join(f" +{name}" for name in sorted(maps))
    return f"{bundle.name} {window} {execution.device} {execution.backend}{precision}{shown}"


def _read(path: Path) -> dict[str, float]:
    """The times in a file, in seconds; empty for a missing or damaged file."""
    try:
        content = json.loads(read_plain(path))
        return {str(key): float(value) for key, value in content.items() if float(value) > 0}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
