"""`monai-attn network`: what the members of the network family cost on this machine.

For the choice of an attention before a training. Networks have random weights, and how well they segment is not
measured. The measuring is done in `monai_attn.networks.cost`, and docs/networks.md explains it.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from monai_attn.errors import InputError

if TYPE_CHECKING:
    from monai_attn.networks.cost import Cost

__all__ = ["add_parser", "run"]

EXAMPLE = "monai-attn network --channels 16 32 64 128 --strides 1,2,2 2 2 --size 32 64 64 --threads 1"
"""Shown at the end of `monai-attn network --help`."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand.

    >>> from monai_attn.cli.main import build_parser
    >>> args = build_parser().parse_args(["network", "--strides", "1,2,2", "2", "2", "--size", "32", "64", "64"])
    >>> args.strides, args.size
    ([[1, 2, 2], 2, 2], [32, 64, 64])
    """
    parser = subparsers.add_parser(
        "network",
        help="what each attention costs: parameters, GFLOP, seconds, memory",
        description="Measure one forward pass of each member of the network family on the CPU of this machine.",
        epilog=f"Example: {EXAMPLE}",
    )
    parser.add_argument(
        "--attention",
        nargs="+",
        metavar="NAME",
        help="attentions to compare with a network without attention (default: all)",
    )
    parser.add_argument(
        "--channels",
        nargs="+",
        type=int,
        default=[16, 32, 64, 128],
        help="number of features at each level (default: 16 32 64 128)",
    )
    parser.add_argument(
        "--strides",
        nargs="+",
        type=_stride,
        metavar="STRIDE",
        help="step between two levels: 2, or a number for each axis as in 1,2,2 (default: 2)",
    )
    parser.add_argument(
        "--size",
        nargs="+",
        type=int,
        default=[64],
        help="size of the image in voxels: one number, or a number for each axis (default: 64)",
    )
    parser.add_argument("--spatial-dims", type=int, choices=(2, 3), default=3, help="axes of the image (default: 3)")
    parser.add_argument("--runs", type=int, default=7, help="how often each network is timed (default: 7)")
    parser.add_argument("--threads", type=int, help="number of threads that torch may use (default: torch chooses)")
    parser.add_argument("--json", action="store_true", help="print JSON with every run instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    The exit code is 0. Raises `InputError` for numbers below 1 and for a size without one edge for each axis. The
    number of torch's threads is put back afterwards.
    """
    for name in ("runs", "threads"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} is 1 or more, not {value}.")
    size = args.size * args.spatial_dims if len(args.size) == 1 else args.size
    if len(size) != args.spatial_dims or min(size) < 1:
        raise InputError(f"--size is 1 or {args.spatial_dims} positive numbers, not {' '.join(map(str, args.size))}.")
    if min(args.channels) < 1:
        raise InputError(f"--channels are positive, not {' '.join(map(str, args.channels))}.")

    import torch

    from monai_attn.networks.choices import ATTENTION
    from monai_attn.networks.cost import family, measure_costs

    strides = args.strides or [2] * (len(args.channels) - 1)
    members = family(args.attention or list(ATTENTION), args.channels, strides)
    for member in members:
        member.build(args.spatial_dims)  # refuses what does not fit before anything is measured
    threads = torch.get_num_threads()
    torch.set_num_threads(args.threads or threads)
    try:
        where = {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "cpus": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "spatial_dims": args.spatial_dims,
            "size": size,
            "channels": args.channels,
            "strides": strides,
            "runs": args.runs,
        }
        costs = measure_costs(members, size, runs=args.runs)
    finally:
        torch.set_num_threads(threads)
    print(_as_json(where, costs) if args.json else _as_table(where, costs))
    return 0


def _as_json(where: dict[str, Any], costs: list[Cost]) -> str:
    """Where and how was measured, and the numbers of each network; memory in MiB, times in seconds."""
    rows = [
        {
            "name": cost.name,
            "parameters": cost.parameters,
            "gflop": cost.gflop,
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
            "times_none": cost.times(costs[0]),
            "peak_mib": cost.peak_mib,
        }
        for cost in costs
    ]
    return json.dumps({**where, "members": rows}, indent=2)


def _as_table(where: dict[str, Any], costs: list[Cost]) -> str:
    """A table in Markdown, a row for each network, and a sentence that says where and how was measured."""
    lines = [
        "| network | parameters | GFLOP | seconds (quartiles) | CPU-s, times none | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for cost in costs:
        lower, middle, upper = cost.spread
        peak = "-" if cost.peak_mib is None else f"{cost.peak_mib:.0f}"
        lines.append(
            f"| {cost.name} | {cost.parameters:,} | {cost.gflop:.2f} | {middle:.3f} ({lower:.3f}-{upper:.3f}) "
            f"| {cost.times(costs[0]):.2f} | {peak} |"
        )
    note = (
        f"One image of {' x '.join(map(str, where['size']))}, channels {where['channels']}, "
        f"strides {where['strides']}; median of {where['runs']} interleaved passes in float32; "
        f"torch {where['torch']}, threads {where['threads']} of {where['cpus']} CPUs; "
        f"the machine's load before: {where['load_before']}."
    )
    return "\n".join([*lines, "", note])


def _stride(text: str) -> int | list[int]:
    """`2` or `1,2,2`.

    Raises `argparse.ArgumentTypeError` for anything else.

    >>> _stride("2"), _stride("1,2,2")
    (2, [1, 2, 2])
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"a stride is written 2 or 1,2,2, not {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers
