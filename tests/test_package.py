"""The package as a whole: what it loads, what it carries, what it must not say."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a release, built from a copy without links."""
    source = _copy(tmp_path_factory.mktemp("wheel") / "source")
    assert not any(path.is_symlink() for path in source.rglob("*"))
    return _built(source, "--wheel", {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_REPOSITORY": "us/ours"})


def test_the_wheel_of_a_checkout_without_links_carries_the_bundles_and_the_type_hints(wheel: Path) -> None:
    carried = set(zipfile.ZipFile(wheel).namelist())
    bundled = {f"monai_attn/_bundles/{name}" for name in _bundle_files()}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "monai_attn").rglob("*.py")}
    assert bundled
    assert (bundled | modules | {"monai_attn/py.typed", "monai_attn/napari/napari.yaml"}) - carried == set()


def test_the_wheel_names_the_licences_of_the_weights_and_the_repository_of_a_release(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    for bundle in ("hippocampus_mri", "soft_tissue_sarcoma"):
        assert f"License-File: bundles/{bundle}/docs/data_license.txt" in metadata
    assert "License-Expression: Apache-2.0 AND CC-BY-SA-4.0 AND CC-BY-3.0" in metadata
    assert "Project-URL: Source, https://example.org/us/ours" in metadata
    assert "](https://example.org/us/ours/raw/main/docs/images/demo.png)" in metadata
    assert "](https://example.org/us/ours/blob/main/docs/quickstart.md)" in metadata
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)", metadata) == []


def test_a_wheel_without_weights_is_refused(tmp_path: Path) -> None:
    source = _copy(tmp_path / "source")
    (source / "bundles" / "hippocampus_mri" / "models" / "model.pt").unlink()
    run = _build(source, "--wheel")
    assert run.returncode != 0
    assert "missing: bundles/hippocampus_mri/models/model.pt. Get these files from a full checkout" in run.stderr


def test_the_source_archive_holds_what_git_holds(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    with tarfile.open(_built(_copy(tmp_path / "source"), "--sdist")) as archive:
        carried = {name.partition("/")[2] for name in archive.getnames()}
    kept = {name for name in _listed() if not name.startswith(".")}
    assert kept - carried == set()


def test_each_package_that_the_code_imports_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    declared = {canonicalize_name(Requirement(one).name) for one in asked}
    homes = importlib.metadata.packages_distributions()
    lacking = {}
    for path in (ROOT / "monai_attn").rglob("*.py"):
        for name in _imported(path) - set(sys.stdlib_module_names) - {"monai_attn", *BROUGHT_BY_OTHERS}:
            if not {canonicalize_name(home) for home in homes.get(name, [name])} & declared:
                lacking[name] = path.name
    assert lacking == {}


def test_no_package_that_is_needed_or_offered_is_under_the_gpl() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    strict = {name for name in _needed(asked) if _under_gpl(name)}
    assert strict == set()


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    named = []
    for name in _listed() - {Path(__file__).relative_to(ROOT).as_posix()}:
        path = ROOT / name
        text = path.read_bytes().decode("utf-8", "ignore") if path.is_file() and path.suffix != ".pt" else ""
        named += [f"{name}: {found[0]}" for found in PRIVATE.finditer(text)]
    assert named == []


BROUGHT_BY_OTHERS = {
    "_typeshed",  # of type checkers alone
    "openvino_telemetry",  # comes with OpenVINO, to be switched off
    "pandas",  # for those who ask for a data frame
}

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


def _listed() -> set[str]:
    """The files that git holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(listed.split("\0")) - {""}


def _copy(target: Path) -> Path:
    """A copy of what a package is built from: plain files, as in a checkout on a system without links."""
    target.mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, target)
    for name in ("monai_attn", "bundles", "docs", "tests", "benchmarks", "release"):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("CITATION.cff", "mkdocs.yml", "CONTRIBUTING.md", "SECURITY.md", "Dockerfile"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target)
    return target


def _build(source: Path, kind: str, settings: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Build a wheel or a source archive of a copy, into the folder beside it."""
    command = [sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", source.parent, source]
    known = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**known, "PYTHONPATH": "", **(settings or {})}
    )


def _built(source: Path, kind: str, settings: Mapping[str, str] | None = None) -> Path:
    run = _build(source, kind, settings)
    assert run.returncode == 0, run.stdout + run.stderr
    (made,) = source.parent.glob("*.whl" if kind == "--wheel" else "*.tar.gz")
    return made


def _imported(path: Path) -> set[str]:
    """The first names of all absolute imports of a module, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _needed(asked: Iterable[str]) -> set[str]:
    """The installed packages that requirements bring, with what these need in turn."""
    waiting, seen = [(one, "") for one in asked], set()
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for part in ("", *requirement.extras):
            one = (canonicalize_name(requirement.name), part)
            if one in seen or one[0] == "monai-attn":
                continue
            try:
                needs = importlib.metadata.requires(one[0]) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # an extra that is not installed here
            seen.add(one)
            waiting += [(need, part) for need in needs]
    return {name for name, _ in seen}


def _under_gpl(name: str) -> bool:
    """Whether a package can only be had under the GPL: not the LGPL, and no choice of another licence."""
    metadata = importlib.metadata.metadata(name)
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License")]
    text = " ".join([metadata.get("License-Expression") or "", (metadata.get("License") or "")[:80], *classifiers])
    return "GPL" in text and "LGPL" not in text
