"""Quick start and README do what they say: their commands exist, and run from top to bottom in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from monai_attn.cli.main import build_parser

ROOT = Path(__file__).parents[2]
SET_UP = ("make ", "python3 -m venv", ".venv/bin/")
"""How lines begin that install; the tests run in what is installed."""


def blocks_of(page: str) -> list[tuple[str, str]]:
    """The language and text of each block of a page, without those that install."""
    found = re.findall(r"```(bash|python)\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return [(kind, text) for kind, text in found if not text.startswith(SET_UP)]


BLOCKS = blocks_of("docs/quickstart.md")


@pytest.mark.parametrize("page", ["docs/quickstart.md", "README.md"])
def test_every_command_has_the_options_that_the_page_gives_it(page):
    blocks = blocks_of(page)
    commands = [line for kind, text in blocks if kind == "bash" for line in text.splitlines() if "monai-attn" in line]
    assert len(commands) >= 10
    for command in commands:
        build_parser().parse_args(shlex.split(command)[1:])


def test_one_import_is_enough_in_python():
    imports = [line for kind, text in BLOCKS if kind == "python" for line in text.splitlines() if "import" in line]
    assert imports == ["import monai_attn"]


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path):
    pytest.importorskip("nilearn", reason="the brain of the demo")
    run_in_order(BLOCKS, tmp_path)
    for place in ("masks", "table", "monai"):
        names = ("first", "second") if place == "table" else ("case_1", "case_2")
        assert {path.name for path in (tmp_path / place).glob("*.nii.gz")} == {f"{name}_seg.nii.gz" for name in names}


@pytest.mark.slow
def test_the_readme_runs_from_top_to_bottom(tmp_path):
    pytest.importorskip("nilearn", reason="the brain of the samples")
    run_in_order(blocks_of("README.md"), tmp_path)
    for place, names in {"out": ["t1"], "right": ["t1_dicom"], "both": ["left", "right"], "trusted": ["left"]}.items():
        assert sorted(path.name for path in (tmp_path / place).glob("*_seg.nii.gz")) == [
            f"{n}_seg.nii.gz" for n in names
        ]
    assert (tmp_path / "right" / "t1_rt.dcm").is_file()
    assert len(list((tmp_path / "monai").glob("*.nii.gz"))) == 2


def run_in_order(blocks, folder):
    """Run a page's blocks in a folder; the shell's variables go on from block to block, as in a terminal."""
    script = "set -e\n"
    for place, (kind, text) in enumerate(blocks):
        if kind == "python":
            (folder / f"block{place}.py").write_text(f"import monai_attn\n{text}", encoding="utf-8")
            text = f"python block{place}.py\n"
        script += text
    bin_first = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-xc", script]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": bin_first}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
