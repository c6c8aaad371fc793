"""How long a segmentation will take and how much memory: counted windows times seconds a window, and a stated rule.

Shown by `--dry-run` and by the napari panel before a run. The estimate reads sizes only: no network is loaded and no
voxel is looked at. Neither the reading of files nor the writing of results is counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_attn.backends.execution import Execution
from monai_attn.bundle.describe import BundleDescription
from monai_attn.preflight.memory import peak_bytes
from monai_attn.preflight.speeds import bytes_besides, seconds_per_window, seconds_to_start
from monai_attn.preflight.windows import count_windows, network_shape
from monai_attn.volume import Volume
from monai_attn.wording import counted

__all__ = ["DEFAULT", "Estimate", "duration", "estimate"]

DEFAULT = Execution()
"""The device, the back-end and the precision that are chosen when the user chooses none."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take. `windows` and `seconds` are None where the bundle's inferer lays no windows.

    `measured`: the seconds rest on an earlier run on this computer, not on a guess. `at_most`: the inferer will skip
    windows of background alone, and their number is not known before the run.

    `bytes` is the largest memory of the run on the rule of `peak_bytes`.

    >>> print(Estimate(8, 75.0, measured=True, bytes=2**31, at_most=False))
    8 patches, about 1 min 15 s (as timed on this machine); about 2.0 GiB of memory.
    """

    windows: int | None
    seconds: float | None
    measured: bool
    bytes: int
    at_most: bool

    def __str__(self) -> str:
        """The estimate in one line, which says whether the time rests on a measurement."""
        memory = f"about {self.bytes / 2**30:.1f} GiB of memory"
        if self.windows is None or self.seconds is None:
            return f"Time: not known before the run; {memory}."
        how = "as timed on this machine" if self.measured else "a guess before the first run"
        most = "at most " if self.at_most else ""
        return f"{most}{counted(self.windows, 'patch', 'patches')}, about {duration(self.seconds)} ({how}); {memory}."


def estimate(
    bundle: BundleDescription,
    image: Volume | Sequence[Volume],
    execution: Execution = DEFAULT,
    *,
    extra_runs: int = 0,
    maps: Sequence[str] = (),
    cold: bool = False,
    speeds: Path | None = None,
) -> Estimate:
    """What it will take to segment an image, which is cut to the region where there is one, or several such parts.

    `extra_runs`: how often the network sees each window besides, for `maps` (names as a `Segmenter` knows them).
    `cold`: the bundle is not open yet, so that its loading and converting count too. `speeds`: the file of what earlier
    runs took.

    `execution` says on which device and with which back-end the network will run. Nothing is raised for an image
    that is too small or too large: `check_images` judges that.
    """
    parts = [image] if isinstance(image, Volume) else list(image)
    shapes = [network_shape(bundle, part) for part in parts]
    counted = [count_windows(bundle, shape, runs=max(bundle.runs, 1 + extra_runs)) for shape in shapes]
    each, measured = seconds_per_window(bundle, execution, maps=maps, file=speeds)
    start = seconds_to_start(bundle, execution, file=speeds) if cold else 0.0
    windows = None if None in counted else sum(count for count in counted if count is not None)
    seconds = None if windows is None else start + windows * each
    memory = max(peak_bytes(bundle, shape, part, maps=maps) for shape, part in zip(shapes, parts, strict=True))
    return Estimate(
        windows, seconds, measured, memory + bytes_besides(bundle, execution, file=speeds), bundle.skips_air
    )


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(0.4), duration(75), duration(5400)
    ('1 s', '1 min 15 s', '1 h 30 min')

    Seconds are rounded up, so that no run takes "0 s".
    """
    whole = max(1, math.ceil(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
