"""Files are staged, placed and rolled back in `results/` alone; one file becomes complete in `io/atomic.py` alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import monai_attn

PACKAGE = Path(monai_attn.__file__).parent
MODULES = {"os", "shutil", "tempfile"}
CALLS = {"rename", "renames", "link", "hardlink_to", "symlink_to"}

NOT_FILES = {"graph.py", "_sandbox.py"}
"""Where `replace` changes a graph of OpenVINO, and where a folder is the home of another process, without results."""


def stagings(code: str) -> list[int]:
    """The lines of code that stage files: temporary folders, renames, links, `Path.replace`."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [node.lineno] * ("tempfile" in names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            one_path = node.func.attr == "replace" and len(node.args) == 1 and not node.keywords
            if node.func.attr in CALLS or one_path or (node.func.attr in ("replace", "move") and of in MODULES):
                found.append(node.lineno)
    return found


def test_files_are_staged_in_results_alone():
    found = {
        f"{path.relative_to(PACKAGE).as_posix()}:{line}"
        for path in PACKAGE.rglob("*.py")
        for line in stagings(path.read_text(encoding="utf-8"))
        if "_bundles" not in path.parts
        and path.name not in NOT_FILES
        and path.relative_to(PACKAGE).parts[0] != "results"
        and path != PACKAGE / "io" / "atomic.py"
    }
    assert found == set()


@pytest.mark.parametrize(
    "line",
    ["import tempfile", "from tempfile import TemporaryDirectory", "os.replace(a, b)", "a.rename(b)", "a.replace(b)",
     "shutil.move(a, b)", "os.link(a, b)"],
)  # fmt: skip
def test_the_check_sees_staging(line):
    assert stagings(line) == [1]


@pytest.mark.parametrize("line", ["text.replace('a', 'b')", "replace(value, name=1)", "time.replace(tzinfo=None)"])
def test_the_check_lets_other_replacements_pass(line):
    assert stagings(line) == []
