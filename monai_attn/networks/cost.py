"""What a network costs: parameters, arithmetic, time and memory of one forward pass on the CPU."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from monai_attn.networks.fcn import AttnFCN
from monai_attn.networks.unet import AttnUNet

__all__ = ["Cost", "Member", "count_gflop", "family", "measure_costs"]

NETWORKS: dict[str, Callable[..., nn.Module]] = {"AttnUNet": AttnUNet, "AttnFCN": AttnFCN}

IN_CHANNELS, CLASSES = 1, 3
"""One image in, background and two structures out; neither weighs much in any figure."""

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
"""Where Linux keeps a process's peak of memory, and where a 5 sets it back (man 5 proc)."""

M_MMAP_THRESHOLD = -3
"""The option of glibc's mallopt from which size on an allocation has pages of its own (malloc.h)."""


@dataclass(frozen=True)
class Member:
    """One network of the family: a name for the table, a class, and its options."""

    name: str
    network: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, spatial_dims: int) -> nn.Module:
        """The network with random weights, in evaluation mode."""
        return NETWORKS[self.network](spatial_dims, IN_CHANNELS, CLASSES, **self.options).eval()


@dataclass(frozen=True)
class Cost:
    """The cost of one forward pass of one image.

    - `seconds`: wall time, `cpu_seconds`: user and system time of all threads; one number for each run, in the order of
      the runs.
    - `peak_mib`: the memory in MiB that the pass adds to a process that has loaded torch and the network; None where
      the system is not Linux.
    """

    name: str
    parameters: int
    gflop: float
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    peak_mib: float | None

    @property
    def spread(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the seconds."""
        if len(self.seconds) == 1:
            return (self.seconds[0],) * 3
        lower, middle, upper = quantiles(self.seconds, n=4, method="inclusive")
        return lower, middle, upper

    def times(self, other: Cost) -> float:
        """The median over runs of the ratio of CPU seconds to those of `other` in the same round."""
        return median(mine / its for mine, its in zip(self.cpu_seconds, other.cpu_seconds, strict=True))


def family(attentions: Sequence[str], channels: Sequence[int], strides: Sequence[int | Sequence[int]]) -> list[Member]:
    """The U-Net without attention first, then one network with each attention, an FCN, and an ASPP bottleneck."""
    shape = {"channels": list(channels), "strides": list(strides)}
    names = ["none", *(name for name in dict.fromkeys(attentions) if name != "none")]
    return [
        *(Member(f"AttnUNet {name}", "AttnUNet", {**shape, "attention": name}) for name in names),
        Member("AttnUNet none, ASPP", "AttnUNet", {**shape, "attention": "none", "bottleneck": "aspp"}),
        Member("AttnFCN none", "AttnFCN", {**shape, "attention": "none"}),
    ]


def measure_costs(members: Sequence[Member], size: Sequence[int], *, runs: int = 7) -> list[Cost]:
    """The cost of each member for an image of `size` voxels.

    The runs are interleaved, one of each member in a round, so that what else the computer does falls on all alike. A
    round before the first is not counted. Memory is measured first, each member in a process of its own.
    """
    peaks = [measure_peak_mib(member, size) for member in members]
    networks = [member.build(len(size)) for member in members]
    x = _image(size)
    rounds = [[_time(network, x) for network in networks] for _ in range(runs + 1)][1:]
    costs = []
    for number, (member, network) in enumerate(zip(members, networks, strict=True)):
        seconds, cpu_seconds = zip(*(one[number] for one in rounds), strict=True)
        gflop = count_gflop(member, size)
        costs.append(Cost(member.name, count_parameters(network), gflop, seconds, cpu_seconds, peaks[number]))
    return costs


def count_parameters(network: nn.Module) -> int:
    """The number of weights that training changes."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_gflop(member: Member, size: Sequence[int]) -> float:
    """Billions of additions and multiplications in convolutions and matrix products, those of self-attention included.

    Norms, activations, pooling, interpolation and softmax are not counted: they cost memory traffic more than
    arithmetic. torch's `FlopCounterMode` counts on tensors without data, so nothing is computed.
    """
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        member.build(len(size))(_image(size))
    return float(counter.get_total_flops()) / 1e9


def measure_peak_mib(member: Member, size: Sequence[int]) -> float | None:
    """Peak of resident memory in MiB during a forward pass, less what the process held before; None off Linux.

    It is measured in a fresh process, since an allocator that has served a large network asks the system for nothing.
    The process holds torch, the network and the image by then. It has run once on a small image, which loads the
    kernels. Each tensor gets pages of its own there. In a heap with holes the peak would depend on the history, by 30 %
    and more.
    """
    if not (STATUS.exists() and CLEAR.exists()):
        return None
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is loaded once for all members, which takes seconds
    with ProcessPoolExecutor(1, mp_context=context) as fresh:
        peak: float = fresh.submit(_peak_mib, member, list(size), torch.get_num_threads()).result()
    return peak


@torch.no_grad()
def _peak_mib(member: Member, size: list[int], threads: int) -> float:
    """The peak of one member, measured in a process of its own with so many threads."""
    torch.set_num_threads(threads)
    with suppress(AttributeError):  # a C library other than glibc has no mallopt, nor these holes
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 64 * 1024)
    network, x = member.build(len(size)), _image(size)
    network(_image([min(length, 8) for length in size]))
    before = _resident_mib("VmRSS")
    CLEAR.write_text("5")
    network(x)
    return _resident_mib("VmHWM") - before


def _resident_mib(what: str) -> float:
    """Resident memory of this process in MiB: "VmRSS" now, "VmHWM" at its peak. Linux only."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024  # "VmRSS:  123456 kB"


@torch.no_grad()
def _time(network: nn.Module, x: Tensor) -> tuple[float, float]:
    """Wall seconds and CPU seconds (user and system) of one forward pass."""
    wall, cpu = time.perf_counter(), time.process_time()
    network(x)
    return time.perf_counter() - wall, time.process_time() - cpu


def _image(size: Sequence[int]) -> Tensor:
    """An image `(1, 1, *size)` whose values rise from -1 to 1."""
    return torch.linspace(-1, 1, math.prod(size)).reshape(1, IN_CHANNELS, *size)
