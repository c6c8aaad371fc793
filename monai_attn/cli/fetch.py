"""`monai-attn fetch`: a bundle of MONAI's model zoo, downloaded into the user's folder of bundles.

The only command that uses the network. None of the bundle's code runs.
"""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["fetch", "spleen_ct_segmentation"]).name
    'spleen_ct_segmentation'
    """
    parser = subparsers.add_parser(
        "fetch",
        help="download a bundle of MONAI's model zoo",
        description="Download a bundle of MONAI's model zoo into your folder of bundles (MONAI_ATTN_BUNDLES). "
        "None of its code runs.",
    )
    parser.add_argument("name", help="the bundle's name in the model zoo, for example spleen_ct_segmentation")
    parser.add_argument("--release", metavar="VERSION", help="version of the bundle; default: the newest")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Download the bundle and say where it is; the exit code is 0.

    Raises `BundleError` without a network or for an unknown name, and `FileError` for a bundle that is there already.
    """
    from monai_attn.bundle.fetch import fetch

    place = fetch(args.name, version=args.release)
    print(f"fetched: {place}")
    print(f"What it is and would run: monai-attn info {args.name}")
    return 0
