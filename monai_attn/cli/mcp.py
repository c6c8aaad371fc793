"""`monai-attn mcp`: the tools for an assistant (Model Context Protocol), on the files of one folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_attn.notice import RESEARCH_USE

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["mcp", "studies"]).folder.name
    'studies'
    """
    parser = subparsers.add_parser(
        "mcp",
        help="let an assistant segment and measure the files of one folder (Model Context Protocol)",
        description="Serve info, segment, measure, compare and report over stdin and stdout, by the Model Context "
        "Protocol. Only files in FOLDER are read and written, none is replaced, and only shipped bundles run. It needs "
        f"the extra 'mcp'. {RESEARCH_USE}",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder whose files may be read and written")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until the assistant closes the connection; the exit code is 0.

    Raises `FileError` for a folder that does not exist, and `InputError` without the package mcp.
    """
    from monai_attn.mcp_server.server import serve_folder

    serve_folder(args.folder)
    return 0
