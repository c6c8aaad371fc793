"""`monai-attn`: the way in for the command line. Loads next to nothing until it runs, so that Ctrl-C finds it ready.

An error of the library becomes one sentence in the words of the command line; `MONAI_ATTN_DEBUG=1` adds the
traceback. Exit codes are the same for all commands and stand in the help text. docs/commands.md describes each
command.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import NoReturn, TextIO

    from monai_attn.cli.interrupts import Interrupts

__all__ = ["build_parser", "command", "main"]

COMMANDS = (
    *("segment", "learn", "measure", "compare", "report", "cohort", "followup", "convert", "info", "bundles", "fetch"),
    *("network", "demo", "samples", "mcp", "listen"),
)
"""The subcommands, in the order of the help text; each is a module of this room."""

CANCELLED = 130
"""The shells' exit code for Ctrl-C: 128 + SIGINT."""

FAILED = 2
"""The exit code for input, options or files that cannot be used, and for anything unexpected."""

CLOSED_PIPE = 141
"""The shells' exit code for a program whose reader has gone, as in `monai-attn ... | head -1`: 128 + SIGPIPE."""


def build_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser with these subcommands; loads neither torch nor MONAI.

    The module of each of `COMMANDS` adds its own subcommand and sets `run`.

    >>> build_parser().prog
    'monai-attn'
    """
    import importlib

    from monai_attn import __version__
    from monai_attn.cli._parser import Parser
    from monai_attn.notice import RESEARCH_USE

    parser = Parser(
        prog="monai-attn",
        description="Segment MRI and CT with 3-D attention U-Nets. " + RESEARCH_USE,
        epilog="Exit codes: 0 all went well, 1 some cases failed, 2 bad use, bad input or an unexpected error, "
        "130 cancelled, 141 the reader of the output has gone. MONAI_ATTN_DEBUG=1 shows the traceback of an error.",
    )
    parser.add_argument("--version", action="version", version=f"monai_attn {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in commands:
        importlib.import_module(f"monai_attn.cli.{name}").add_parser(subparsers)
    return parser


def command() -> NoReturn:
    """The command as a process of its own: it ends when the command does, in one step."""
    from monai_attn.cli._process import leave_at_the_end

    code: list[int] = []
    leave_at_the_end(code)
    code.append(main())
    sys.exit(code[0])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; whatever goes wrong is one sentence on stderr.

    Raises `SystemExit` only where `argparse` does: for options that cannot be parsed, `--help` and `--version`. A help
    text that stdout does not take is an error like any other.

    `argv` are the arguments without the program's name, by default those of the process. The codes: 0, 1 when some
    cases failed, 2 for bad use or an error, 130 cancelled, 141 when the reader of the output has gone.
    """
    from monai_attn.cli.interrupts import Interrupts

    arguments = sys.argv[1:] if argv is None else list(argv)
    with Interrupts() as interrupts:
        try:
            return _run(arguments, interrupts, own_process=argv is None)
        except BaseException as error:  # a panic of a library in Rust is no Exception
            if isinstance(error, SystemExit):  # of argparse
                lost = _drop_unwritten()
                if lost is None or error.code:
                    raise
                error = lost
            return CANCELLED if _said_cancelled(error, interrupts) else _code_of(error, arguments)


def _run(arguments: list[str], interrupts: Interrupts, *, own_process: bool) -> int:
    """Parse the arguments, run the command and write out what is left in stdout. Raises what the command raises.

    `own_process`: the process is there for this command alone, which may then load less than a library must.
    """
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    for stream in (sys.stdout, sys.stderr):  # a console without our letters shows their codes
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    from monai_attn.cli._json import words_aside
    from monai_attn.cli._process import without_looking_for_garbage

    _refuse_empty(arguments)
    with without_looking_for_garbage(own_process):
        args = build_parser(_wanted(arguments)).parse_args(arguments)
    args.own_process, args.arguments = own_process, arguments
    interrupts.check()
    with words_aside(args):
        code: int = args.run(args)
    interrupts.check()
    _flush()
    return code


def _wanted(arguments: Sequence[str]) -> Sequence[str]:
    """The commands whose modules are needed to read the arguments: all, but where the first word is one."""
    return arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS


def _refuse_empty(arguments: Sequence[str]) -> None:
    """An empty text, as of a shell variable that is not set, is no name of anything: as a path it would mean "here"."""
    from monai_attn.errors import InputError

    for number, text in enumerate(arguments, start=1):
        name, sign, value = text.partition("=")
        if not text.strip() or (sign and not value.strip() and name.startswith("--")):
            raise InputError(
                f"Argument {number} is empty{f' ({text})' if name.strip() else ''}. Give a value, or leave it out; "
                "the current folder is written as a dot."
            )


def _said_cancelled(error: BaseException, interrupts: Interrupts) -> bool:
    """Whether a user or a scheduler has stopped the command; if so, a sentence on stderr says that."""
    if not interrupts.asked and not isinstance(error, KeyboardInterrupt):
        return False
    _say("cancelled; what was not finished was not written.")
    return True


def _code_of(error: BaseException, arguments: Sequence[str]) -> int:
    """Say what went wrong, and give the exit code."""
    import os
    import traceback

    from monai_attn.cli.words import command_words
    from monai_attn.errors import DEBUG, sentence

    if isinstance(error, BrokenPipeError):
        _silence(sys.stdout)
        return CLOSED_PIPE
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    command = next((text for text in arguments if text in COMMANDS), "")
    _say(command_words(sentence(error), command))
    _drop_unwritten()
    return FAILED


def _say(text: str) -> None:
    """One sentence on stderr, if stderr takes it."""
    with suppress(OSError, ValueError):  # stderr itself is closed or full
        print(f"monai-attn: {text}", file=sys.stderr, flush=True)


def _flush() -> None:
    """Write out what stdout still holds. Raises `OSError` for a full disk or a reader that has gone."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_unwritten() -> OSError | ValueError | None:
    """Let go of what stdout does not take, so that Python does not complain about it again at the end; give the error.

    None when all was written.
    """
    try:
        _flush()
    except (OSError, ValueError) as error:
        _silence(sys.stdout)
        return error
    return None


def _silence(stream: TextIO) -> None:
    """Lead a stream to nowhere, so that Python does not write to it at the end."""
    import os

    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    command()
