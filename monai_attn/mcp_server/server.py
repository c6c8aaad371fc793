"""The server itself: `Tools` offered by the Model Context Protocol over stdin and stdout. It needs the extra `mcp`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ParamSpec

from monai_attn.cohort.attempt import attempt
from monai_attn.errors import InputError
from monai_attn.mcp_server.fence import Fence
from monai_attn.mcp_server.tools import Tools
from monai_attn.notice import RESEARCH_USE

__all__ = ["check_mcp", "serve_folder"]

P = ParamSpec("P")

TOOLS = ("info", "segment", "measure", "compare", "report")
"""The methods of `Tools` that are offered, and nothing else."""

INSTRUCTIONS = (
    "Segments and measures organs and tumours in MRI and CT. All paths lie in one folder that was named at the start; "
    f"call info without a path to see its files and the bundles. {RESEARCH_USE}"
)


def check_mcp() -> None:
    """Raise `InputError` where the package `mcp` is missing, and say how to get it."""
    if find_spec("mcp") is None:
        raise InputError('The server needs the package mcp. Install it with: pip install "monai_attn[mcp]"')


def serve_folder(folder: Path) -> None:
    """Serve the tools on the files of a folder until the other side closes stdin.

    Nothing but the protocol is written to stdout. Raises `FileError` for a folder that does not exist, and `InputError`
    where the package `mcp` is missing.
    """
    check_mcp()
    tools = Tools(Fence(folder))
    from mcp.server import MCPServer

    from monai_attn import __version__

    server = MCPServer("monai_attn", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING")
    for name in TOOLS:
        server.add_tool(_told(getattr(tools, name)), name=name)
    server.run("stdio")


def _told(tool: Callable[P, dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """A tool whose errors reach the assistant as one sentence, as on the command line, and without a traceback."""
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    def call(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        with attempt() as work:
            return tool(*args, **kwargs)
        raise ToolError(work.error)

    return call
