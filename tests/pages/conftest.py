"""A shell whose `python` and `monai-attn` start at once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from blocks import run_script

FORKS = Path(__file__).with_name("forks.py")


@pytest.fixture(scope="session")
def quick_path(tmp_path_factory):
    """A folder of programs, `python` and `monai-attn`, that are forks of a server."""
    folder = tmp_path_factory.mktemp("bin")
    place = folder / "server"
    with subprocess.Popen([sys.executable, "-W", "ignore", FORKS, "serve", place]) as server:
        while not place.exists():
            assert server.poll() is None
            time.sleep(0.1)
        for name in ("python", "monai-attn"):
            (folder / name).write_text(
                f'#!/bin/sh\nexec "{sys.executable}" -I -S "{FORKS}" "{place}" {name} "$@"\n', encoding="utf-8"
            )
            (folder / name).chmod(0o755)
        (folder / "torchrun").symlink_to(Path(sys.executable).with_name("torchrun"))
        yield folder
        server.kill()


@pytest.fixture(scope="session")
def samples(quick_path, tmp_path_factory):
    pytest.importorskip("nilearn", reason="the brain of the samples")
    folder = tmp_path_factory.mktemp("pages")
    run_script("monai-attn samples", folder, quick_path)
    return folder / "samples"
