"""What each network of the study of attention costs: arithmetic, CPU seconds and memory of training and inference.

Each figure is measured in a process of its own, which holds one network and one window of the data set's size. Memory
is the peak of resident memory during a pass, above what the process held when its libraries were loaded and no network
was there. The seconds are the median of some passes after one that is not counted. Random weights do: the arithmetic
does not depend on them.
"""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attention_rows import read_rows, write_rows
from attention_runs import hardware
from attention_table import DATA, VARIANTS, Data

WAYS = ("train", "torch f32", "torch bf16", "openvino f32", "openvino bf16")
"""A step of a training as the bundle does it (bf16, its batch), and one window through a back-end."""

FIELDS = ("data", "variant", "parameters", "gflop", "way", "cpu_s", "peak_mib", "window", "batch", "passes", "hardware")

WINDOWS: dict[str, tuple[tuple[int, int, int], int, int]] = {
    "hippocampus": ((40, 56, 40), 1, 4),
    "sarcoma": ((32, 32, 32), 6, 2),
    "head_neck": ((48, 48, 32), 1, 2),
}
"""Window, channels and batch of each data set, those of the small budget."""

PASSES = 3


def measure(path: Path, data: tuple[str, ...]) -> None:
    """Measure what the table lacks, and write it."""
    found: list[dict[str, Any]] = list(read_rows(path))
    done = {(row["data"], row["variant"], row["way"]) for row in found}
    for name in data:
        for variant, way in ((variant, way) for variant in VARIANTS for way in WAYS):
            if (name, variant, way) not in done:
                found.append(one(name, variant, way))
                print(name, variant, way, found[-1]["cpu_s"], "s,", found[-1]["peak_mib"], "MiB", flush=True)
                write_rows(path, FIELDS, found)


def one(name: str, variant: str, way: str) -> dict[str, Any]:
    """The figures of one network and way, from a process of its own with one thread."""
    with tempfile.TemporaryDirectory() as cache:
        settings = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "MONAI_ATTN_CACHE": cache}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, name, variant, way],
            stdout=subprocess.PIPE,
            env={**os.environ, **settings},
            check=True,
        )
    return dict(json.loads(done.stdout.decode().splitlines()[-1]))


def figures(name: str, variant: str, way: str) -> dict[str, Any]:
    """Measured here, in this process."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from monai_attn.backends import Execution, load_network  # noqa: F401 - loaded before memory is looked at
    from monai_attn.losses import SoftmaxDiceFocalLoss  # noqa: F401
    from monai_attn.networks.cost import CLEAR, M_MMAP_THRESHOLD, _resident_mib, count_parameters

    if way.startswith("openvino"):
        import openvino  # noqa: F401
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    before = _resident_mib("VmRSS")
    window, channels, batch = WINDOWS[name]
    torch.manual_seed(0)
    network, x = built(DATA[name], variant), torch.randn(1, channels, *window)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(x)
    work = training(network, DATA[name], x, batch) if way == "train" else inference(network, x, way)
    work()
    seconds = list(timed(work, PASSES))
    library = ctypes.CDLL(None)
    library.mallopt(M_MMAP_THRESHOLD, 64 * 1024)  # large tensors have pages of their own; this costs time
    library.malloc_trim(0)
    CLEAR.write_text("5")
    work()
    return {
        "data": name,
        "variant": variant,
        "parameters": count_parameters(network),
        "gflop": round(counter.get_total_flops() / 1e9, 3),
        "way": way,
        "cpu_s": round(statistics.median(seconds), 4),
        "peak_mib": round(_resident_mib("VmHWM") - before, 1),
        "window": "x".join(map(str, window)),
        "batch": batch if way == "train" else 1,
        "passes": PASSES,
        "hardware": hardware(),
    }


def built(data: Data, variant: str) -> Any:
    """The network of a variant with random weights, in evaluation mode."""
    from monai.bundle import ConfigParser

    return ConfigParser({"network": data.network(variant)}).get_parsed_content("network").eval()


def training(network: Any, data: Data, x: Any, batch: int) -> Callable[[], object]:
    """A step of the bundle's training: bf16, its loss with deep supervision, AdamW."""
    import torch

    from monai_attn.losses import SoftmaxDiceFocalLoss

    images = x.repeat(batch, 1, 1, 1, 1)
    labels = torch.randint(0, data.network("none")["out_channels"], (batch, 1, *x.shape[2:]))
    loss, optimizer = SoftmaxDiceFocalLoss(batch=True), torch.optim.AdamW(network.train().parameters())

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(images)
        loss([output.float() for output in outputs], labels).backward()
        optimizer.step()

    return step


def inference(network: Any, x: Any, way: str) -> Callable[[], object]:
    """One window through a back-end, without the comparison with torch, which random weights would not pass."""
    import torch

    from monai_attn.backends import Execution, load_network

    backend, precision = way.split()
    loaded = load_network(network, Execution("cpu", backend, precision)).variants[0].network

    def window() -> None:
        with torch.no_grad():
            loaded(x)

    return window


def timed(work: Callable[[], object], passes: int) -> Iterator[float]:
    """The CPU seconds (user and system, all threads) of each pass."""
    for _ in range(passes):
        began = time.process_time()
        work()
        yield time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(figures(*sys.argv[1:4])))
