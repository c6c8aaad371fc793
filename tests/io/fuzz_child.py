"""Reads damaged files in a process of its own, which may die or hang: one line before and one after each file."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from fuzz_files import Read, damaged, make_all

from monai_attn.errors import AttnError
from monai_attn.io import read, read_masks
from monai_attn.volume import Volume

LIMIT_S = 10.0
LIMIT_BYTES = 2**30
ADDRESS_SPACE = 2**34


def say(text: str) -> None:
    """Print at once, before a library can end the process."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def outcome(path: Path, way: Read) -> str:
    """ "read", "refused", or what is wrong with how the file was refused."""
    try:
        way(path)
    except AttnError as error:
        said = str(error)
        if str(path.parent) in said or len(said) > 1500:
            return f"message: {said[:200]}"
        return "refused"
    except BaseException as error:  # noqa: BLE001 - a panic of Rust is no Exception
        return f"escaped: {type(error).__module__}.{type(error).__name__}: {str(error)[:100]}"
    return "read"


def main(folder: Path, kinds: list[str], first: int, count: int, base: int) -> None:
    """Damage and read `count` files of each kind, from number `first` on."""
    made = make_all(folder / f"valid{os.getpid()}")
    _limit()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for number in range(first, first + count):
        for kind in kinds:
            paths, way = made[kind]
            valid = paths[number % len(paths)]
            place = folder / kind / str(number)
            place.mkdir(parents=True, exist_ok=True)
            path = place / valid.name
            path.write_bytes(damaged(valid.read_bytes(), base + number))
            say(f"{kind} {number} begins {path}")
            begun = time.monotonic()
            said = outcome(path, way)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            if said in ("read", "refused") and peak - before > LIMIT_BYTES:
                said, before = f"memory: {(peak - before) / 2**30:.1f} GiB", peak
            if said in ("read", "refused") and time.monotonic() - begun > LIMIT_S:
                said = f"slow: {time.monotonic() - begun:.0f} s"
            say(f"{kind} {number} {said}".replace("\n", " "))
            if said in ("read", "refused"):
                for file in place.iterdir():
                    file.unlink()
                with contextlib.suppress(OSError):
                    place.rmdir()


def read_given(paths: list[Path]) -> None:
    """Read files that were damaged elsewhere, each by what its name says it is, with the same limits."""
    _limit()
    like = Volume(np.zeros((64, 64, 40), np.uint8), np.diag([4.0, 4.0, 4.0, 1.0]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for path in paths:
        kind = path.name.partition("-")[0]
        ways: dict[str, Read] = {
            "rt": lambda one: read_masks(one, like=like),
            "seg": read_masks,
            "hang_seg.dcm": read_masks,
            "lab.dcm": read_masks,
        }
        begun = time.monotonic()
        said = outcome(path, ways.get(kind, read))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        say(f"{path.name} {time.monotonic() - begun:.1f} {(peak - before) / 2**30:.2f} {said}".replace("\n", " "))


def _limit() -> None:
    """Limited memory, no dumps, and no words of libraries about damaged files."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    logging.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    if sys.argv[1] == "--given":
        read_given([Path(text) for text in sys.argv[2:]])
    else:
        main(Path(sys.argv[1]), sys.argv[2].split(","), *(int(text) for text in sys.argv[3:6]))
