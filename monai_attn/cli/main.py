"""`monai-attn`: the way in for the command line."""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
from collections.abc import Sequence

from monai_attn import __version__
from monai_attn.cli.words import command_words
from monai_attn.errors import AttnError
from monai_attn.notice import RESEARCH_USE

__all__ = ["build_parser", "main"]

COMMANDS = ("segment", "measure", "compare", "report", "convert", "info", "bundles", "network", "demo")

CANCELLED = 130
"""The shells' exit code for Ctrl-C: 128 + SIGINT."""


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands; loads neither torch nor MONAI."""
    parser = argparse.ArgumentParser(
        prog="monai-attn",
        description="Segment MRI and CT with 3-D attention U-Nets. " + RESEARCH_USE,
        epilog="Exit codes: 0 all went well, 1 some cases failed, 2 bad use or input, 130 cancelled.",
    )
    parser.add_argument("--version", action="version", version=f"monai_attn {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"monai_attn.cli.{name}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    args = build_parser().parse_args(argv)
    # A job scheduler ends a job by SIGTERM: stop as for Ctrl-C, so that nothing is left half-written.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = args.run(args)
    except AttnError as error:
        print(f"monai-attn: {command_words(str(error), args.command)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("monai-attn: cancelled; what was not finished was not written.", file=sys.stderr)
        return CANCELLED
    return code


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
