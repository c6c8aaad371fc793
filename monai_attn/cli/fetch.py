"""`monai-attn fetch`: a bundle of MONAI's model zoo, or the weights of a bundle that came without them.

The only command that uses the network. None of the bundle's code runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_attn.cli._json import add_json

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["fetch", "spleen_ct_segmentation"]).name
    'spleen_ct_segmentation'
    """
    parser = subparsers.add_parser(
        "fetch",
        help="download a bundle of MONAI's model zoo, or the weights of a bundle",
        description="Download a bundle of MONAI's model zoo into your folder of bundles (MONAI_ATTN_BUNDLES). Or, for "
        "the folder of a bundle without weights, download its weights from where its large_files.yml says. None of the "
        "bundle's code runs.",
    )
    parser.add_argument(
        "name",
        help="the bundle's name in the model zoo, for example spleen_ct_segmentation; or the folder of a bundle that "
        "lacks its weights",
    )
    parser.add_argument("--release", metavar="VERSION", help="version of the bundle; default: the newest")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Download the bundle, or the weights of a folder, and say where they are; the exit code is 0.

    Raises `BundleError` without a network or for an unknown name, and `FileError` for a bundle that is there already.
    Raises `InputError` for a release of a folder.
    """
    from monai_attn.bundle.fetch import fetch, fetch_weights
    from monai_attn.errors import InputError

    if (Path(args.name) / "configs").is_dir():
        if args.release is not None:
            raise InputError(
                f"--release {args.release} is for a bundle of the model zoo, and {args.name} is a folder, whose "
                "large_files.yml says which weights it gets. Leave --release out."
            )
        weights = fetch_weights(Path(args.name))
        args.answer["files"] = [str(weights)]
        print(f"fetched: {weights}")
        return 0
    place = fetch(args.name, version=args.release)
    args.answer["bundle"] = str(place)
    print(f"fetched: {place}")
    print(f"What it is and would run: monai-attn info {args.name}")
    return 0
