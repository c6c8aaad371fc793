"""`monai-attn bundles`: the bundles that come with the package, and those in the user's folders.

No weights are loaded and no code of a bundle runs. `monai-attn info NAME` says more about one bundle.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["bundles"]).command
    'bundles'
    """
    parser = subparsers.add_parser("bundles", help="list the bundles", description="List shipped and own bundles.")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each bundle: name, version and task, the labels that it gives, and its folder.

    The exit code is 0. With `--json` the same is printed as a list. A damaged bundle has its error in their place.
    """
    from monai_attn.bundle.locate import fetched, shipped

    bundles = [_described(name, root) for name, root in {**fetched(), **shipped()}.items()]
    if args.json:
        print(json.dumps(bundles, indent=2))
        return 0
    for bundle in bundles:
        if "error" in bundle:
            print(f"{bundle['name']}  {bundle['error']}")
            continue
        print(f"{bundle['name']}  {bundle['version']}  {bundle['task']}")
        print(f"  gives: {', '.join(bundle['labels'].values()) or 'labels that are not named'}")
        print(f"  folder: {bundle['folder']}")
    print("More: monai-attn info NAME")
    return 0


def _described(name: str, root: Path) -> dict[str, Any]:
    """What is printed of a bundle; one damaged bundle of the user's does not hide the others."""
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.errors import BundleError

    try:
        bundle = describe_bundle(root)
    except BundleError as error:
        return {"name": name, "error": str(error), "folder": str(root)}
    labels = {label.value: label.name for label in bundle.labels}
    return {"name": name, "version": bundle.version, "task": bundle.task, "labels": labels, "folder": str(bundle.root)}
