"""The package as a whole: what it loads, what it carries, what it must not say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import monai_attn

ROOT = Path(__file__).parents[1]

SLOW_TO_LOAD = {"torch", "monai", "numpy", "scipy", "nibabel", "SimpleITK", "pydicom"}


def test_importing_the_package_loads_nothing_else() -> None:
    assert _loaded("import monai_attn") == set()


def test_the_command_line_answers_without_torch_and_monai() -> None:
    code = """
from monai_attn.cli.main import main
for arguments in (["--help"], ["segment", "--help"], ["demo", "--help"], ["--version"]):
    try:
        main(arguments)
    except SystemExit as end:
        assert end.code == 0
"""
    assert _loaded(code) & {"torch", "monai"} == set()


def test_the_version_is_that_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert monai_attn.__version__ == project["version"]


def test_the_wheel_carries_the_bundles_and_the_type_hints(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("monai_attn", "bundles"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    bundled = {f"monai_attn/_bundles/{name}" for name in _bundle_files()}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "monai_attn").rglob("*.py")}
    assert bundled
    assert (bundled | modules | {"monai_attn/py.typed"}) - carried == set()


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    named = []
    for name in set(listed.split("\0")) - {"", Path(__file__).relative_to(ROOT).as_posix()}:
        path = ROOT / name
        text = path.read_bytes().decode("utf-8", "ignore") if path.is_file() and path.suffix != ".pt" else ""
        named += [f"{name}: {found[0]}" for found in PRIVATE.finditer(text)]
    assert named == []


PRIVATE = re.compile(
    r"(?:https?|file)://[\w./-]*/simple\b|--(?:extra-)?index-url|--find-links"  # where packages come from
    r"|(?<![\w.])/(?:work|root|home)/"  # where somebody keeps files
)


def _loaded(code: str) -> set[str]:
    """Which of the heavy packages a fresh Python has loaded after some code."""
    code += f"\nimport sys; print('loaded:', *({SLOW_TO_LOAD!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.splitlines()[-1].split()[1:])


def _bundle_files() -> list[str]:
    """LICENSE, configs, docs and weights of every bundle in the checkout."""
    files = [path for path in (ROOT / "bundles").glob("*/*/*") if path.parent.name in {"configs", "docs", "models"}]
    files += (ROOT / "bundles").glob("*/LICENSE")
    return [path.relative_to(ROOT / "bundles").as_posix() for path in files if path.is_file()]
