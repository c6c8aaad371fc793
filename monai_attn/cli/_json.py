"""`--json`: what a command found, as one JSON object on stdout; its words go to stderr then.

A command that offers it calls `add_json`, and puts what it found into `args.answer`. `main` does the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["STDOUT", "add_json", "words_aside"]

STDOUT = Path("-")
"""As the file of `--json FILE`: stdout."""


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`, for a command whose words are for people.

    >>> parser = argparse.ArgumentParser()
    >>> add_json(parser)
    >>> parser.parse_args(["--json"]).answer
    {}
    """
    parser.add_argument("--json", action="store_true", help="print the results as JSON; the words go to stderr")
    parser.set_defaults(answer={})


@contextlib.contextmanager
def words_aside(args: argparse.Namespace) -> Iterator[None]:
    """With `--json`, lead what the block prints to stderr, and print `args.answer` on stdout after it.

    Nothing is printed on stdout where the block raises. The JSON has no nan and no infinity, as `to_json` has not. It
    is ASCII alone, so that it is the same JSON in the encoding of every console and pipe.
    """
    answer: dict[str, Any] | None = getattr(args, "answer", None)
    if answer is None or args.json not in (True, STDOUT):
        yield
        return
    with contextlib.redirect_stdout(sys.stderr):
        yield
    if not args.json:  # the block has found that another process prints it
        return
    import json

    from monai_attn import __version__
    from monai_attn.measure import to_json
    from monai_attn.notice import RESEARCH_USE

    rows = answer.pop("rows", [])
    text = to_json(rows, **{"notice": RESEARCH_USE, "version": __version__, **answer})
    print(json.dumps(json.loads(text), indent=2))
