"""`python -m MODULE ...` in a process of its own that need not load torch and MONAI first.

Loading both takes seconds, and many tests run a command. A server process loads them once for each process of the
tests; each command is a fork of it, with its own folder, arguments, environment and output. Nothing a command does
reaches another one.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")

LOADED = ["torch", "monai.bundle", "monai.engines", "monai.handlers", "monai.losses", "ignite", "monai_attn.segmenter"]
"""What the server has loaded before a command runs. Our command line loads it where a command needs it."""


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code, everything it printed, and the last line of that."""

    code: int
    text: str

    @property
    def last_line(self) -> str:
        return self.text.strip().splitlines()[-1]


def run_module(
    module: str, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, check: bool = False
) -> Finished:
    """`python -m module arguments...` from the folder `cwd`; with `check` an exit code other than 0 is an error."""
    SERVER.set_forkserver_preload(LOADED)
    with tempfile.NamedTemporaryFile(suffix=".txt") as printed:
        settings = {**os.environ, **(env or {})}
        process = SERVER.Process(
            target=_run, args=(module, list(map(str, arguments)), str(cwd), settings, printed.name)
        )
        process.start()
        process.join()
        text = Path(printed.name).read_text(encoding="utf-8", errors="replace")
    code = -1 if process.exitcode is None else process.exitcode
    if check and code:
        raise AssertionError(f"{module} ended with exit code {code}:\n{text}")
    return Finished(code, text)


def _run(module: str, arguments: list[str], cwd: str, settings: dict[str, str], printed: str) -> None:
    with Path(printed).open("ab", buffering=0) as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(settings)
    sys.argv = [module, *arguments]
    sys.path[0] = cwd  # as `python -m` has it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # runpy's, where the module is loaded already
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except Exception:  # noqa: BLE001 - shown as Python shows it
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # as Python ends, and not multiprocessing
            sys.exit(1)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
