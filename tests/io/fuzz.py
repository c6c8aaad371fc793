"""Damaged files for every reader, by the hour:

    python tests/io/fuzz.py --minutes 60
    python tests/io/fuzz.py --minutes 5 --kinds metaimage,nrrd --base 1000000

Each file must be read, or refused with an error of ours, within seconds and 1 GiB. Files are read in child processes,
so that a crash or a hang within a library is found too. What went wrong is listed at the end, and its files are kept.
`test_fuzz.py` runs some hundred files of fixed seeds.
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
KINDS = ("nifti", "nrrd", "metaimage", "dicom", "seg", "rtstruct", "json")
HANG_S = 20.0
START_S = 120.0


def environment() -> dict[str, str]:
    """What a child process needs to find the tests and the package."""
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@dataclass
class Findings:
    """How many files of each kind were read and refused, and what went wrong with which file."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run(folder: Path, *, kinds: tuple[str, ...], first: int, count: int, base: int = 0, until: float = 0) -> Findings:
    """Read `count` damaged files of each kind, or until a time (`time.monotonic`) is over."""
    found = Findings()
    last = first + count
    while first < last and (not until or time.monotonic() < until):
        first = _one_child(found, folder, kinds, first, last - first, base, until)
    return found


def _one_child(
    found: Findings, folder: Path, kinds: tuple[str, ...], first: int, count: int, base: int, until: float
) -> int:
    """The number to go on with: that after the file at which the child died or hung."""
    command = [sys.executable, str(HERE / "fuzz_child.py"), str(folder), ",".join(kinds)]
    child = subprocess.Popen(
        [*command, str(first), str(count), str(base)], stdout=subprocess.PIPE, text=True, env=environment()
    )
    lines: queue.Queue[str | None] = queue.Queue()
    passing = threading.Thread(target=_pass_on, args=(child, lines), daemon=True)
    passing.start()
    begun, at, patience = "", first, START_S
    while True:
        try:
            line = lines.get(timeout=patience)
        except queue.Empty:
            child.kill()
            found.wrong.append(f"hung: {begun or 'at the start'}")
            break
        if line is None:
            if child.wait():
                found.wrong.append(f"died ({child.returncode}): {begun or 'at the start'}")
            elif not begun:
                at = first + count - 1
            break
        kind, number, said = line.rstrip("\n").split(" ", 2)
        at, patience = int(number), HANG_S
        if said.startswith("begins "):
            begun = line.rstrip("\n")
            continue
        begun = ""
        found.counts[kind, said.partition(":")[0]] += 1
        if said not in ("read", "refused"):
            found.wrong.append(f"{kind} {number} {said}")
        if until and time.monotonic() > until:
            child.kill()
            break
    child.wait()
    passing.join()
    assert child.stdout is not None
    child.stdout.close()
    return at + 1


def _pass_on(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run for some minutes and print what was found; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description="Read damaged files of every kind.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--base", type=int, default=int(time.time()) * 1000, help="the first seed; new ones each time")
    parser.add_argument("--keep", type=Path, help="where the files that went wrong stay")
    args = parser.parse_args()
    folder = args.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    until = time.monotonic() + args.minutes * 60
    found = run(folder, kinds=tuple(args.kinds.split(",")), first=0, count=10**9, base=args.base, until=until)
    for (kind, said), count in sorted(found.counts.items()):
        say(f"{kind:10} {said:10} {count}")
    say("\n".join(found.wrong) or "Nothing went wrong.")
    say(f"Seeds from {args.base}. Files that went wrong lie in {folder}.")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
