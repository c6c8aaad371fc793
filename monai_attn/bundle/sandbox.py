"""A command without network, in which only some folders can be written: for trying a bundle of somebody else.

On Linux bubblewrap (`bwrap`) or else util-linux's `unshare` does it, with the namespaces of the kernel. No right of an
administrator is needed where the system allows user namespaces. Elsewhere the sandbox is refused. The command can still
read what the user can read. What it reads cannot leave the computer, but it can be written into the folders.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from monai_attn.errors import InputError

__all__ = ["sandboxed", "tool_of_sandbox"]

HIDDEN = ("/run", "/tmp/.X11-unix")
"""Folders that are empty in the sandbox: through a socket in them a command could ask another program to act."""

DEVICES = ("null", "zero", "full", "random", "urandom")
"""The devices that a program needs; disks are not among them."""

PATIENCE_S = 20.0


def sandboxed(command: Sequence[str], writable: Sequence[Path]) -> list[str]:
    """The command line that runs a command without network, with all but the `writable` folders read-only.

    The folders must exist. Raises `InputError` where the system has no sandbox, with what to do.
    """
    tool = tool_of_sandbox()
    if tool == "bwrap":
        return [*_bubblewrap(writable), *command]
    if tool == "unshare":
        return [*UNSHARE, "sh", "-c", _script(command, writable)]
    raise InputError(
        "There is no sandbox on this computer: it needs Linux with bubblewrap or unshare, and user namespaces allowed. "
        "Install bubblewrap (apt install bubblewrap), or run the bundle without --sandbox in a container."
    )


def tool_of_sandbox() -> str:
    """What makes a sandbox here: "bwrap", "unshare", or "" where neither works. Each is tried with a command."""
    if not sys.platform.startswith("linux"):
        return ""
    if shutil.which("bwrap") and _works([*_bubblewrap([]), "true"]):
        return "bwrap"
    if shutil.which("unshare") and _works([*UNSHARE, "sh", "-c", _script(["true"], [])]):
        return "unshare"
    return ""


def _bubblewrap(writable: Sequence[Path]) -> list[str]:
    """The beginning of a command line with bubblewrap."""
    parts = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for folder in _hidden():
        parts += ["--tmpfs", folder]
    for device in sorted(Path("/dev").glob("nvidia*")):
        parts += ["--dev-bind", str(device), str(device)]
    for folder in map(str, writable):
        parts += ["--bind", folder, folder]
    alone = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"]
    return [*parts, *alone, "--cap-drop", "ALL", "--"]


UNSHARE = ("unshare", "--map-root-user", "--net", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
"""New namespaces, in which the user may change mounts; the script gives that right up."""


def _script(command: Sequence[str], writable: Sequence[Path]) -> str:
    """A script that makes all mounts read-only but those of the folders, and then runs the command without rights.

    Every mount is made read-only where it stands, since a bind of `/` alone leaves the mounts below it as they are. The
    second user namespace takes the right to change the mounts back away.
    """
    lines = ["set -e", "mount --make-rprivate /"]
    for folder in map(shlex.quote, map(str, writable)):
        lines.append(f"mount --bind {folder} {folder}")
    kept = " ".join(f"-e {shlex.quote(str(folder))}" for folder in writable)
    passed = f"grep -vxF {kept}" if kept else "cat"
    lines.append(
        f"cut -d' ' -f5 /proc/self/mountinfo | grep -v -e '^/proc' -e '^/dev' | sort -u | {passed} | "
        'while read -r place; do mount -o remount,bind,ro "$(printf %b "$place")" 2>/dev/null || '
        '[ ! -w "$(printf %b "$place")" ] || exit 9; done'
    )
    lines += [f"mount -t tmpfs -o size=1g tmpfs {folder}" for folder in _hidden()]
    lines += ["mkdir -p /run/dev/shm"]  # a /dev with nothing but these devices, and memory for processes to share
    for device in [*DEVICES, *(path.name for path in sorted(Path("/dev").glob("nvidia*")))]:
        lines.append(f"touch /run/dev/{device} && mount --bind /dev/{device} /run/dev/{device}")
    lines.append("mount --rbind /run/dev /dev")
    lines.append("exec unshare --user -- " + shlex.join(command))
    return "\n".join(lines)


def _hidden() -> list[str]:
    return [folder for folder in HIDDEN if Path(folder).is_dir()]


def _works(command: Sequence[str]) -> bool:
    """Whether a command ends well, in good time."""
    try:
        run = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S, env=dict(os.environ))
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0
