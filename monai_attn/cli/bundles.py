"""`monai-attn bundles`: the bundles that come with the package, those in the user's folders, those of the model zoo.

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
    parser.add_argument(
        "--online",
        action="store_true",
        help="list the bundles of MONAI's model zoo that monai-attn fetch downloads; the list comes with monai_attn",
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each bundle: name, version and task, the labels that it gives, and its folder.

    The exit code is 0. With `--json` the same is printed as a list. A damaged bundle has its error in their place.
    """
    if args.online:
        return _list_zoo(as_json=args.json)
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
    print("More: monai-attn info NAME. Bundles of MONAI's model zoo: monai-attn bundles --online")
    return 0


def _list_zoo(*, as_json: bool) -> int:
    """Print the bundles of the model zoo, with images, size and licence; the exit code is 0. No network is used."""
    from dataclasses import asdict

    from monai_attn.bundle.locate import fetched
    from monai_attn.bundle.zoo import zoo_list

    own = fetched()
    if as_json:
        print(json.dumps([{**asdict(one), "there": one.name in own} for one in zoo_list()], indent=2))
        return 0
    for one in zoo_list():
        size = f"about {one.megabytes} MB" if one.megabytes else "size not known"
        print(f"{one.name}{'  (fetched)' if one.name in own else ''}")
        print(f"  {one.task}; {one.images}; {size}; {one.licence}")
    print("This list came with monai_attn. Download one with: monai-attn fetch NAME")
    return 0


def _described(name: str, root: Path) -> dict[str, Any]:
    """What is printed of a bundle; one damaged bundle of the user's does not hide the others."""
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.errors import AttnError

    try:
        bundle = describe_bundle(root)
    except AttnError as error:
        return {"name": name, "error": str(error), "folder": str(root)}
    labels = {label.value: label.name for label in bundle.labels}
    return {"name": name, "version": bundle.version, "task": bundle.task, "labels": labels, "folder": str(bundle.root)}
