"""A parser of arguments that does not swallow a full disk."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser`, of which `--help` and `--version` raise `OSError` where stdout takes no text.

    argparse itself ends with the exit code 0 then, as if the text had been written. Subcommands get this class too.

    >>> Parser(prog="monai-attn").prog
    'monai-attn'
    """

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Write a text to a stream, stderr without one; nothing where the stream is closed. Raises `OSError`."""
        stream = file if file is not None else sys.stderr
        if message and stream is not None:
            stream.write(message)
