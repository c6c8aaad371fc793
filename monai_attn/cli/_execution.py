"""The options of the command line that say how a network is run.

`segment` has all these options and `demo` only `--device`. The values go on as one `Execution`, see
docs/backends.md; nothing is started here.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from monai_attn.backends.execution import DEVICES, Execution, backend_choices, precision_choices
from monai_attn.cli._values import count

if TYPE_CHECKING:
    from monai_attn.cohort import Workers

__all__ = ["add_device", "add_execution", "execution_of", "workers_from"]


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option `--device`.

    >>> parser = argparse.ArgumentParser()
    >>> add_device(parser)
    >>> parser.parse_args(["--device", "cuda:1"]).device
    'cuda:1'
    """
    parser.add_argument(
        "--device", default="auto", help=f"auto, {', '.join(DEVICES)}, cuda:1 for the second GPU (default: auto)"
    )


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, `--backend`, `--precision`, `--threads` and `--calibrate`; the choices come from the tables.

    >>> parser = argparse.ArgumentParser()
    >>> add_execution(parser)
    >>> args = parser.parse_args(["--threads", "4"])
    >>> args.threads, args.precision, args.calibrate
    (4, 'auto', [])
    """
    add_device(parser)
    for option, choices in (("--backend", backend_choices()), ("--precision", precision_choices())):
        parser.add_argument(option, default="auto", help=f"{', '.join(choices)} (default: auto)")
    parser.add_argument("--threads", type=count, help="number of processor threads of the network (default: all cores)")
    parser.add_argument(
        "--calibrate",
        action="append",
        default=[],
        metavar="PATH",
        help="image or folder on which the int8 network is calibrated; may be repeated",
    )


def execution_of(args: argparse.Namespace) -> Execution:
    """What the options say. Raises `InputError` for choices that do not exist or do not go together.

    `--calibrate` names images or folders of images. Raises `FileError` for a path that does
    not exist. Whether a device is there is found out when the network is loaded.
    """
    from monai_attn.cohort import find_cases

    calibration = tuple(case.source for case in find_cases(args.calibrate)) if args.calibrate else ()
    return Execution(args.device, args.backend, args.precision, args.threads, calibration)


def workers_from(args: argparse.Namespace) -> Workers | None:
    """The workers that `--executor`, `--workers` and `--threads` name; None where this process computes the cases.

    Raises `InputError` as `workers_of` does.
    """
    from monai_attn.cohort import workers_of

    return workers_of(args.executor, args.workers, args.threads)
