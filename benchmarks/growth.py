"""How time and memory of inference grow with slices and classes: our way against the usual one, a process for each.

    python benchmarks/growth.py [--full] [--slices 100,300] [--classes 2,15] [--ways ours]

A phantom CT of 512 x 512 at 0.75 x 0.75 x 1 mm, a network's grid of 1.5 mm, windows of 128^3 that overlap by half with
Gaussian weights. The network is only two 1x1x1 convolutions (1 to 16 to classes). What is measured is therefore the
work beside a network, from the preprocessed image to the label map on the source grid.

- ours: `StreamingInferer` with `SourceLabels`.
- usual: `SlidingWindowInferer`, `Invertd(nearest_interp=False)`, `AsDiscreted(argmax=True)`.

Printed: CPU seconds, wall seconds, and the peak of resident memory over what was there before (Linux). The label map,
a byte a voxel, is in it. A usual run that would not fit the machine's memory is left out. Labels are "same" where of
every 7th voxel along each axis at most one in 100,000 differs.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

PLANE = 512
SPACING_MM = (0.75, 0.75, 1.0)
GRID_MM = 1.5
WINDOW = (128, 128, 128)
SLICES, CLASSES = [100, 200], [2, 15, 105]
FULL_SLICES = [100, 300, 600, 1200]
"""With --full: half an hour."""

WAYS = ["ours", "usual"]
FEATURES = 16
USUAL_BYTES = 36
"""Of the usual way, per class and voxel: float64 logits in and out of the resampling, float32 beside them."""


def preprocessed(slices: int) -> tuple[Any, Any]:
    """A smooth phantom in [0, 1] through a bundle's preprocessing: the transforms and a batch of one."""
    import torch
    from monai.data import list_data_collate
    from monai.transforms import Compose, Orientationd, Spacingd

    from monai_attn.transforms import LoadVolumed
    from monai_attn.volume import Volume

    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((1, 1, 9, 9, max(slices // 40, 3)), generator=generator)
    field = torch.nn.functional.interpolate(coarse, size=(PLANE, PLANE, slices), mode="trilinear")[0, 0]
    volume = Volume(field.numpy(), np.diag([*SPACING_MM, 1.0]))
    transforms = Compose(
        [
            LoadVolumed("image", ensure_channel_first=True),
            Orientationd("image", "RAS", labels=None),
            Spacingd("image", (GRID_MM,) * 3, mode="bilinear", dtype=np.float32),
        ]
    )
    return transforms, list_data_collate([transforms({"image": volume})])


def network(classes: int) -> Any:
    """Each voxel to the class whose level of brightness is nearest; as in a U-Net, the last layer has 16 features."""
    import torch

    levels = (torch.arange(classes) + 0.5) / classes
    first, last = torch.nn.Conv3d(1, FEATURES, 1), torch.nn.Conv3d(FEATURES, classes, 1)
    torch.nn.init.constant_(first.weight, 1 / FEATURES)
    assert first.bias is not None
    assert last.bias is not None
    torch.nn.init.zeros_(first.bias)
    last.weight.data = (40 * levels).reshape(-1, 1, 1, 1, 1).repeat(1, FEATURES, 1, 1, 1)
    last.bias.data = -20 * levels**2
    return torch.nn.Sequential(first, last).eval()


def ours(transforms: Any, batch: Any, layer: Any) -> Any:
    """The label map by our inferer."""
    from monai_attn.inferers import StreamingInferer
    from monai_attn.transforms import SourceLabels

    del transforms
    return StreamingInferer(WINDOW, 1, 0.5, "gaussian", labels=SourceLabels())(batch["image"], layer)[0]


def usual(transforms: Any, batch: Any, layer: Any) -> Any:
    """The label map by MONAI's inferer and transforms."""
    from monai.data import decollate_batch
    from monai.inferers import SlidingWindowInferer
    from monai.transforms import AsDiscreted, Compose, Invertd

    after = Compose(
        [
            Invertd("pred", transform=transforms, orig_keys="image", nearest_interp=False, to_tensor=True),
            AsDiscreted("pred", argmax=True),
        ]
    )
    logits = SlidingWindowInferer(WINDOW, 1, 0.5, "gaussian")(batch["image"], layer)
    (case,) = decollate_batch({**batch, "pred": logits})
    return after(case)["pred"]


def measure(way: str, slices: int, classes: int, sample: Path) -> None:
    """In a process of its own: print what it took as JSON, and keep every 7th voxel along each axis."""
    import torch

    torch.set_grad_enabled(False)
    transforms, batch = preprocessed(slices)
    layer = network(classes)
    if way == "ours":  # the loops are compiled once per machine, not per case
        ours(*preprocessed(8), network(2))
    gc.collect()
    before = _memory("VmRSS", reset=True)
    wall, cpu = time.perf_counter(), time.process_time()
    labels = {"ours": ours, "usual": usual}[way](transforms, batch, layer)
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    peak = _memory("VmHWM")
    np.save(sample, np.asarray(labels)[0, ::7, ::7, ::7].astype(np.uint8))
    print(json.dumps({**took, "peak_gib": (peak - before) / 2**20}))


def _memory(name: str, *, reset: bool = False) -> int:
    """A line of /proc/self/status in KiB; `reset` starts the peak anew."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def run(way: str, slices: int, classes: int, sample: Path) -> dict[str, float] | None:
    """The figures of one way, or None where it does not fit."""
    need = USUAL_BYTES * classes * slices * PLANE**2 if way == "usual" else 0
    if need > psutil.virtual_memory().available:
        return None
    command = [sys.executable, "-W", "ignore", __file__, "--one", way, str(slices), str(classes), str(sample)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def numbers(text: str) -> list[int]:
    """ "100,300" as a list."""
    return [int(part) for part in text.split(",")]


def main(slices: list[int], classes: list[int], ways: list[str]) -> None:
    """Print the table."""
    print("| slices | classes | way | CPU s | wall s | peak GiB | labels |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number in classes:
            for length in slices:
                samples = {way: Path(folder) / f"{way}.npy" for way in ways}
                for way, sample in samples.items():
                    figures = run(way, length, number, sample)
                    row = f"| {length} | {number} | {way} |"
                    if figures is None:
                        print(row, "- | - | does not fit | |", flush=True)
                        continue
                    agreement = ""
                    if way == "usual" and "ours" in samples:
                        share = np.mean(np.load(samples["ours"]) != np.load(sample))
                        agreement = "same" if share <= 1e-5 else f"{share:.1e} differ"
                    print(
                        row, f"{figures['cpu_s']:.1f} | {figures['wall_s']:.1f} | {figures['peak_gib']:.2f} |",
                        agreement, "|", flush=True,
                    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help=f"slices {FULL_SLICES}")
    parser.add_argument("--slices", type=numbers)
    parser.add_argument("--classes", type=numbers, default=CLASSES)
    parser.add_argument("--ways", type=lambda text: text.split(","), default=WAYS)
    given = parser.parse_args()
    main(given.slices or (FULL_SLICES if given.full else SLICES), given.classes, given.ways)
