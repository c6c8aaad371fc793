"""What the first use of a large network costs: conversion, compilation, and the comparison with PyTorch; once for each.

    python benchmarks/first_use.py [edge] [precision]

An attention U-Net of 32-64-128-256 channels on windows of edge^3 (96), in an empty cache. Printed are CPU seconds (user
and system, of all threads), and the peak of resident memory so far.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch


def main(edge: int, precision: str) -> None:
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MONAI_ATTN_CACHE"] = cache
        from monai_attn.backends import Execution, load_network
        from monai_attn.backends.conversion import Converted
        from monai_attn.networks.cost import Member

        setting = {"channels": [32, 64, 128, 256], "strides": [2, 2, 2], "attention": "gate"}
        torch.manual_seed(0)
        network = Member("large", "AttnUNet", setting).build(3).eval()
        coarse = torch.randn(1, 1, *(edge // 8,) * 3)
        window = torch.nn.functional.interpolate(coarse, size=(edge,) * 3, mode="trilinear")
        print(f"{edge}^3 in {precision}\n\n| step | CPU s | peak GiB |\n|---|---|---|")
        said("imports", lambda: None, time.process_time())
        loaded = load_network(network, Execution("cpu", "openvino", precision))
        with torch.no_grad():
            said("conversion alone", lambda: Converted(network).model(window.shape))
            said("first window: compiled, and compared with PyTorch", lambda: loaded(window))
            said("a later window", lambda: loaded(window))
            said("PyTorch f32 on a window", lambda: network(window))
        print(loaded.record.provenance())


def said(what: str, work: Callable[[], Any], before: float = 0.0) -> None:
    start = time.process_time()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"| {what} | {before + time.process_time() - start:.1f} | {peak / 2**30:.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 96, sys.argv[2] if len(sys.argv) > 2 else "bf16")
