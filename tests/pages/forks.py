"""`python` and `monai-attn` for shell scripts of tests, without loading torch and MONAI anew for each line.

A server loads both once. Each command is a fork of the server, with the folder, environment, arguments and streams of
the shell's own process. Nothing that a command does reaches the next one, except through files.

    python forks.py serve SOCKET      in the background
    python forks.py SOCKET python -c "print(1)"
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import socket
import sys
import traceback
import warnings
from pathlib import Path

LOADED = ("torch", "monai.bundle", "monai.engines", "monai.handlers", "ignite", "monai_attn.segmenter")


def ask(place: str, arguments: list[str]) -> int:
    """Have a command done by the server, on the streams of this process; gives its exit code."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(place)
    task = json.dumps({"arguments": arguments, "cwd": str(Path.cwd()), "env": dict(os.environ)}).encode()
    socket.send_fds(line, [len(task).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(task)
    code = line.recv(4)
    return int.from_bytes(code, "big") if code else 1


def serve(place: str) -> None:
    """Load what is slow to load, then do what comes, several commands at once if need be."""
    import importlib

    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen()
    while True:
        line, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(line)
        line.close()


def _answer(line: socket.socket) -> None:
    size, streams, _, _ = socket.recv_fds(line, 4, 3)
    task = b""
    while len(task) < int.from_bytes(size, "big"):
        task += line.recv(1 << 16)
    worker = os.fork()
    if worker == 0:
        line.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        for number, name in enumerate(("stdin", "stdout", "stderr")):  # those of the server know another kind of file
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
        os._exit(_code_of(json.loads(task)))
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(worker, 0)
    line.sendall((os.waitstatus_to_exitcode(status) & 255).to_bytes(4, "big"))
    os._exit(0)


def _code_of(task: dict) -> int:
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["env"])
    code = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # runpy's, where the module is loaded already
            _run(task["arguments"])
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - shown as Python shows it
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _run(arguments: list[str]) -> None:
    """What Python does with its arguments: `-m module`, `-c code`, a file, or code from stdin."""
    program, *rest = arguments
    if program == "monai-attn":
        sys.argv = ["monai-attn", *rest]
        runpy.run_module("monai_attn", run_name="__main__")
    elif rest[:1] == ["-m"]:
        sys.path[0], sys.argv = str(Path.cwd()), rest[1:]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    elif rest[:1] == ["-c"]:
        sys.path[0], sys.argv = "", ["-c", *rest[2:]]
        exec(compile(rest[1], "<command>", "exec"), {"__name__": "__main__"})
    else:
        sys.path[0], sys.argv = os.path.dirname(rest[0]), rest  # noqa: PTH120 - as Python does it
        runpy.run_path(rest[0], run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
