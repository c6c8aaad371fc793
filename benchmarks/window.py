"""One window through a network by each back-end and precision, against what the processor's matrix products reach.

    python benchmarks/window.py [runs]

Two networks are timed. One is the network of the shipped hippocampus bundle at its window. The other is an attention
U-Net of 32-64-128-256 channels at 96^3. The precision int8 is calibrated on the windows themselves, because this is
about speed. The runs are interleaved, so that other work on the machine falls on all alike.

CPU seconds are user and system of all threads. The rate is the arithmetic of convolutions and matrix products per CPU
second. Its share of the rate of a 2048 x 2048 product in torch is printed beside it: the same precision, bf16 for int8.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from monai_attn.backends import Execution, load_network
from monai_attn.networks.cost import Member, count_gflop

NETWORKS = {
    "hippocampus_mri, 40x56x40": ((40, 56, 40), [16, 32, 64, 128]),
    "32-64-128-256, 96x96x96": ((96, 96, 96), [32, 64, 128, 256]),
}

WAYS = [("torch", "f32"), ("torch", "bf16"), ("openvino", "f32"), ("openvino", "bf16"), ("openvino", "int8")]

EDGE = 2048
"""Of the matrices: large enough for the full rate, small enough for a fraction of a second."""


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    rates = {name: product_rate(dtype, runs) for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16))}
    print(f"{torch.get_num_threads()} threads; {EDGE} x {EDGE} products, GFLOP a CPU second: ", end="")
    print(", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()))
    for name, (size, channels) in NETWORKS.items():
        member = Member(name, "AttnUNet", {"channels": channels, "strides": [2, 2, 2], "attention": "gate"})
        gflop = count_gflop(member, size)
        print(f"\n{name}: {gflop:.1f} GFLOP a window\n")
        print("| back-end | CPU s, median (min-max) | wall s | GFLOP/CPU s | of the product's | differing voxels |")
        print("|---|---|---|---|---|---|")
        table(member, size, gflop, rates, runs)


def table(member: Member, size: tuple[int, ...], gflop: float, rates: dict[str, float], runs: int) -> None:
    torch.manual_seed(0)
    network = member.build(len(size))
    noise = torch.nn.functional.interpolate(torch.randn(1, 1, *(n // 8 for n in size)), size=size, mode="trilinear")
    modules = [bare(network, backend, precision, noise) for backend, precision in WAYS]
    with torch.no_grad():
        expected = network(noise).argmax(1)
        differing = [float((module(noise).argmax(1) != expected).float().mean()) for module in modules]
        rounds = [[seconds(partial(module, noise)) for module in modules] for _ in range(runs)]
    for number, (backend, precision) in enumerate(WAYS):
        cpu, wall = zip(*(one[number] for one in rounds), strict=True)
        rate = gflop / statistics.median(cpu)
        share = rate / rates["f32" if precision == "f32" else "bf16"]
        print(
            f"| {backend} {precision} | {statistics.median(cpu):.3f} ({min(cpu):.3f}-{max(cpu):.3f}) "
            f"| {statistics.median(wall):.3f} | {rate:.0f} | {share:.0%} | {differing[number]:.2%} |",
            flush=True,
        )


def bare(network: torch.nn.Module, backend: str, precision: str, window: torch.Tensor) -> torch.nn.Module:
    """The back-end without the guard, which would refuse what random weights give in reduced precision."""
    loaded = load_network(network, Execution("cpu", backend, precision), windows=list(window))
    return loaded.variants[0].network


def product_rate(dtype: torch.dtype, runs: int) -> float:
    """GFLOP a CPU second, the best of the runs."""
    a, b = (torch.randn(EDGE, EDGE).to(dtype) for _ in range(2))
    a @ b
    return 2e-9 * EDGE**3 / min(seconds(lambda: a @ b)[0] for _ in range(runs))


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    main()
