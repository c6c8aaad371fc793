"""docs/quickstart.md does what it says: its commands exist, and run from top to bottom in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from monai_attn.cli.main import build_parser

PAGE = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", PAGE, flags=re.DOTALL)


def test_every_command_has_the_options_that_the_page_gives_it():
    commands = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines() if "monai-attn" in line]
    assert len(commands) >= 10
    for command in commands:
        build_parser().parse_args(shlex.split(command)[1:])


def test_one_import_is_enough_in_python():
    imports = [line for kind, text in BLOCKS if kind == "python" for line in text.splitlines() if "import" in line]
    assert imports == ["import monai_attn"]


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path):
    pytest.importorskip("nilearn", reason="the brain of the demo")
    bin_first = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for kind, text in BLOCKS:
        command = ["bash", "-ec", text] if kind == "bash" else [sys.executable, "-c", f"import monai_attn\n{text}"]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PATH": bin_first}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    for place in ("masks", "table", "monai"):
        names = ("first", "second") if place == "table" else ("case_1", "case_2")
        assert {path.name for path in (tmp_path / place).glob("*.nii.gz")} == {f"{name}_seg.nii.gz" for name in names}
