"""`monai-attn segment --sandbox`: the same command once more, without network and with one folder that can be written.

The code of the bundle then runs without being trusted. docs/bundles.md says what a sandbox keeps off, and what not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["add_sandbox", "in_sandbox", "wants_sandbox"]

INSIDE = "MONAI_ATTN_INSIDE_SANDBOX"
"""The environment variable that tells the command that it runs in the sandbox."""

CODE = "from monai_attn.cli.main import command; command()"


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """Add `--sandbox`.

    >>> parser = argparse.ArgumentParser()
    >>> add_sandbox(parser)
    >>> parser.parse_args(["--sandbox"]).sandbox
    True
    """
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="run a bundle that is not trusted in a process without network, which can write into the output folder "
        "only (Linux with bubblewrap or unshare)",
    )


def wants_sandbox(args: argparse.Namespace) -> bool:
    """Whether a command is to be run in a sandbox, and does not run there already."""
    return bool(args.sandbox) and not os.environ.get(INSIDE)


def in_sandbox(args: argparse.Namespace) -> int:
    """Run the command in a sandbox, and give its exit code.

    The output folder is made first. Caches, and what a user decides, go into a folder that is deleted afterwards.
    Raises `InputError` where there is no sandbox, and `FileError` for an output folder that cannot be made.
    """
    from monai_attn.bundle.locate import BUNDLES_VARIABLE, bundle_folders
    from monai_attn.bundle.sandbox import sandboxed
    from monai_attn.folders import CACHE_VARIABLE, HOME_VARIABLE
    from monai_attn.results import check_folder

    output = Path(args.output).resolve()
    check_folder(output)
    with tempfile.TemporaryDirectory(prefix="monai_attn_") as scratch:
        command = [sys.executable, "-c", CODE, *args.arguments, "--trust"]
        command = sandboxed(command, [_made(output), Path(scratch).resolve()])
        places = dict.fromkeys(
            ("TMPDIR", CACHE_VARIABLE, HOME_VARIABLE, "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"), scratch
        )
        own = os.pathsep.join(map(str, bundle_folders()))
        environment = {**os.environ, **places, BUNDLES_VARIABLE: own, INSIDE: "1"}
        args.json = False  # the process in the sandbox prints what it found
        return subprocess.run(command, check=False, env=environment).returncode


def _made(folder: Path) -> Path:
    """The folder, which is there now. Raises `FileError` where it cannot be made."""
    from monai_attn.errors import FileError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {folder.name} cannot be made: {error.strerror}. Choose another.") from error
    return folder
