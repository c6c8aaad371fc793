"""The options of a command that opens a bundle: overrides of its config, names of its labels, and trust."""

from __future__ import annotations

import argparse

__all__ = ["add_bundle_options"]


def add_bundle_options(parser: argparse.ArgumentParser) -> None:
    """Add `--set`, `--labels` and `--trust`.

    >>> parser = argparse.ArgumentParser()
    >>> add_bundle_options(parser)
    >>> parser.parse_args(["--trust"]).trust
    True
    """
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a value of the bundle's config, as in inferer::inferer::overlap=0.25; may be repeated",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE or NAME,...",
        help="names of the labels (JSON, BIDS or ITK-SNAP); or the structures that a bundle which asks for them is to "
        "look for, as in liver,spleen",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="let a bundle from outside run its code, now and until the code changes (monai-attn info BUNDLE --code)",
    )
