"""What a GPU gives: a whole CT by a shipped bundle in several precisions beside stock MONAI, windows, training steps.

    python benchmarks/gpu.py [--device cuda] [--shape 512 512 300] [--minutes 8] [--steps 100] [--runs 2]

It needs no data. The CT is the computed one of `monai-attn samples`, brought to `--shape`. Labels are compared voxel
by voxel with those of the processor in PyTorch, f32. Each way runs `--runs` times in one process, and the last run
counts, so that what is compiled or tuned in the first run does not. Stock is MONAI's `SlidingWindowInferer` with the
same network, windows and overlap, and the bundle's own transforms. After `--minutes` no new part begins, and what is
left out is said.

Memory is the most that torch took on the GPU, or, without a GPU, the peak of the process so far. To try the script on
a processor, with the middle of the CT and small windows:

    python benchmarks/gpu.py --device cpu --shape 128 128 80 --crop 32 --edge 32 --steps 2 --runs 1 --minutes 3
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.utils import decollate_batch
from monai.inferers import SlidingWindowInferer

from monai_attn import Segmenter, Volume, read
from monai_attn.backends import Execution
from monai_attn.bundle.locate import find_bundle, read_config
from monai_attn.losses import SoftmaxDiceFocalLoss
from monai_attn.segmenter.steps import inferred

BUNDLE = "head_neck_ct"

WAYS = [("torch", "f32"), ("torch", "bf16"), ("torch", "f16"), ("torch-compile", "f32"), ("torch-compile", "bf16")]

BATCH = 4
"""Windows of a batch."""


def large_ct(shape: tuple[int, ...], crop: int) -> Volume:
    """The computed CT at another size, its corners where they were; of it the middle `crop` voxels, or all for 0."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "monai_attn", "samples", f"{folder}/samples"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        image = read(Path(folder) / "samples" / "ct.nii.gz")
    values = torch.from_numpy(np.ascontiguousarray(image.array, np.float32))[None, None]
    large = torch.nn.functional.interpolate(values, size=shape, mode="trilinear", align_corners=True)[0, 0]
    steps = [(old - 1) / (new - 1) for old, new in zip(image.shape, shape, strict=True)]
    ct = Volume(large.round().to(torch.int16).numpy(), image.affine @ np.diag([*steps, 1.0]), "CT", "HU")
    if not crop:
        return ct
    starts = [max(0, (edge - crop) // 2) for edge in shape]
    return ct.crop(tuple(slice(start, start + crop) for start in starts))  # type: ignore[arg-type]


class Timer:
    """Seconds and memory of work on one device, within some minutes."""

    def __init__(self, device: str, minutes: float) -> None:
        self.device = torch.device(device)
        self.end = time.monotonic() + 60 * minutes

    def take(self, name: str, work: Callable[[], Any], runs: int = 1) -> tuple[Any, str]:
        """What the work gives, and cells of a table; None and why, where it fails or no time is left."""
        if time.monotonic() > self.end:
            return None, f"| {name} | left out: no time |"
        cuda = self.device.type == "cuda"
        try:
            for _ in range(runs):
                if cuda:
                    torch.cuda.reset_peak_memory_stats()
                start = time.perf_counter()
                given = work()
                if cuda:
                    torch.cuda.synchronize()
                seconds = time.perf_counter() - start
        except Exception as error:  # noqa: BLE001 - one way that fails must not end the others
            return (
                None,
                f"| {name} | failed: {str(error).splitlines()[0][:100] if str(error) else type(error).__name__} |",
            )
        peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return given, f"| {name} | {seconds:.2f} | {peak / 2**30:.2f} |"


def segment(timer: Timer, ct: Volume, runs: int) -> None:
    """The CT by each way."""
    size = " x ".join(map(str, ct.shape))
    print(f"\n{BUNDLE}, {size} voxels\n\n| way | s | GiB | voxels that differ |\n|---|---|---|---|")
    reference = Segmenter.from_bundle(BUNDLE, execution=Execution("cpu", "torch", "f32"))
    expected, cells = timer.take("processor, PyTorch f32", lambda: reference(ct, force=True).labels.array)
    print(f"{cells} - |", flush=True)
    if expected is not None:
        print(f"  labelled voxels: {np.count_nonzero(expected)} of {expected.size}", file=sys.stderr)

    def row(name: str, work: Callable[[], Any]) -> None:
        given, cells = timer.take(name, work, runs)
        known = given is not None and expected is not None
        print(f"{cells} {np.count_nonzero(given != expected) if known else '-'} |", flush=True)

    for backend, precision in WAYS:
        if timer.device.type == "cpu" and precision == "f16":
            continue  # takes minutes there
        ours = Segmenter.from_bundle(BUNDLE, execution=Execution(str(timer.device), backend, precision))
        row(f"ours, {backend} {precision}", lambda ours=ours: ours(ct, force=True).labels.array)  # type: ignore[misc]
        print(f"  ran: {ours._network.record.provenance()}", file=sys.stderr)
    row("stock MONAI, f32", lambda: stock(ct, timer.device))


def stock(ct: Volume, device: torch.device) -> Any:
    """The labels by MONAI's own inferer, all logits at once."""
    segmenter = Segmenter.from_bundle(BUNDLE, execution=Execution(str(device), "torch", "f32"))
    parts, config = segmenter.parts, read_config(find_bundle(BUNDLE))
    inferer = SlidingWindowInferer(
        config["roi_size"], sw_batch_size=2, overlap=config["overlap"], mode="gaussian", padding_mode="replicate"
    )
    batch = inferred(parts, {parts.inputs[0].name: [ct]}, parts.network, inferer, str(device))
    (case,) = decollate_batch(batch)
    return np.asarray(parts.postprocessing(case)["pred"])[0]


def windows(timer: Timer, edge: int) -> None:
    """One batch of windows through the network alone, in the two orders of memory."""
    print(f"\nnetwork alone, {BATCH} windows of {edge}^3\n\n| way | s | GiB |\n|---|---|---|")
    network = Segmenter.from_bundle(BUNDLE, execution=Execution(str(timer.device), "torch", "f32")).parts.network
    x = torch.randn(BATCH, 1, edge, edge, edge, device=timer.device)
    for order in (torch.contiguous_format, torch.channels_last_3d):
        network, x = network.to(memory_format=order), x.to(memory_format=order)  # type: ignore[call-overload]
        for dtype in (torch.float32, torch.bfloat16):

            def run(network: Any = network, x: Any = x, dtype: Any = dtype) -> Any:
                with torch.no_grad(), torch.autocast(timer.device.type, dtype, enabled=dtype != torch.float32):
                    return network(x)

            print(timer.take(f"{order}, {dtype}".replace("torch.", ""), run, runs=3)[1], flush=True)


def train(timer: Timer, steps: int, edge: int) -> None:
    """Steps of a training, of which an epoch of the bundles has some hundred."""
    print(f"\n{steps} training steps on batches of {BATCH} x {edge}^3\n\n| way | s | GiB |\n|---|---|---|")
    loss = SoftmaxDiceFocalLoss()
    x = torch.randn(BATCH, 1, edge, edge, edge, device=timer.device)
    for dtype in (torch.float32, torch.bfloat16):
        parts = Segmenter.from_bundle(BUNDLE, execution=Execution(str(timer.device), "torch", "f32")).parts
        network = parts.network.train()
        target = torch.randint(0, len(parts.table) + 1, x.shape, device=timer.device)
        optimiser = torch.optim.AdamW(network.parameters(), 1e-4)

        def run(network: Any = network, target: Any = target, optimiser: Any = optimiser, dtype: Any = dtype) -> None:
            for _ in range(steps):
                optimiser.zero_grad(set_to_none=True)
                with torch.autocast(timer.device.type, dtype, enabled=dtype != torch.float32):
                    value = loss(network(x), target)
                value.backward()
                optimiser.step()

        print(timer.take(f"{dtype}".replace("torch.", ""), run)[1], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 512, 300))
    parser.add_argument("--crop", type=int, default=0, help="only the middle of the CT, so many voxels along each axis")
    parser.add_argument("--edge", type=int, default=96, help="of the windows that run without an inferer")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--runs", type=int, default=2)
    args = parser.parse_args()
    timer = Timer(args.device, args.minutes)
    name = torch.cuda.get_device_name() if timer.device.type == "cuda" else "processor"
    print(f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    segment(timer, large_ct(tuple(args.shape), args.crop), args.runs)
    windows(timer, args.edge)
    train(timer, args.steps, args.edge)


if __name__ == "__main__":
    main()
