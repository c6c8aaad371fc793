"""`monai-attn bundles`: the bundles that come with the package, and those in the user's folders.

No weights are loaded and no code of a bundle runs. `monai-attn info NAME` says more about one bundle.
"""

from __future__ import annotations

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["bundles"]).command
    'bundles'
    """
    parser = subparsers.add_parser("bundles", help="list the bundles", description="List shipped and own bundles.")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a line per bundle.

    The line has name, version and task; the labels that the bundle gives follow. The exit code is 0.
    """
    del args
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.bundle.locate import fetched, shipped
    from monai_attn.errors import BundleError

    for name, root in {**fetched(), **shipped()}.items():
        try:
            bundle = describe_bundle(root)
        except BundleError as error:  # one damaged bundle of the user's does not hide the others
            print(f"{name}  {error}")
            continue
        print(f"{name}  {bundle.version}  {bundle.task}")
        labels = ", ".join(label.name for label in bundle.labels)
        print(f"  gives: {labels}" if labels else "")
    print("More: monai-attn info NAME")
    return 0
