"""The commands and snippets of a page of the documentation, and a way to run them in their order.

A comment before a block, which no reader sees, says how the tests take the block:

    <!-- not run: REASON -->     such as images of one's own
    <!-- long -->                a training of hours, which the tests make smaller
    <!-- goes on -->             a snippet of Python that uses the names of the snippet before it
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]

SET_UP = ("make ", "python3 -m venv", ".venv/bin/", "pip install")
"""How blocks begin that install; the tests run in what is installed."""

BLOCK = re.compile(
    r"(?:^ *<!-- (?P<said>[^\n]*) -->\n)?^ *```(?P<kind>bash|python)\n(?P<text>.*?)^ *```$", re.DOTALL | re.M
)


@dataclass(frozen=True)
class Block:
    """One block: its language, text, line in the page, and what the comment before it says."""

    kind: str
    text: str
    line: int
    said: str

    @property
    def installs(self) -> bool:
        return self.text.startswith(SET_UP)

    @property
    def runs(self) -> bool:
        return not self.installs and not self.said.startswith("not run: ")


def blocks_of(page: str) -> list[Block]:
    """The blocks of a page, in their order; without those that install."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [
        Block(match["kind"], dedent(match["text"]), text[: match.start()].count("\n") + 1, match["said"] or "")
        for match in BLOCK.finditer(text)
    ]
    return [block for block in found if not block.installs]


def commands_of(block: Block) -> list[list[str]]:
    """The words of each command of ours in a block of a shell; lines that go on are joined, remarks left out."""
    lines = block.text.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line for line in words if line[:1] == ["monai-attn"]]


def script_of(blocks: list[Block], folder: Path, smaller: dict[str, str]) -> str:
    """One shell script of all blocks that run; variables of the shell go on from block to block, as in a terminal."""
    script, python = "set -e\n", ""
    for place, block in enumerate(blocks):
        if not block.runs:
            continue
        text = block.text
        if block.said == "long":
            for long, short in smaller.items():
                text = text.replace(long, short)
        if block.kind == "python":
            python = python + text if block.said == "goes on" else f"import monai_attn\n{text}"
            (folder / f"block{place}.py").write_text(python, encoding="utf-8")
            text = f"python block{place}.py\n"
        script += text
    return script


def run_script(script: str, folder: Path, path: Path) -> str:
    """Run a script in a folder, with the programs in the folder `path` first; gives what it printed."""
    done = subprocess.run(
        ["bash", "-xc", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
