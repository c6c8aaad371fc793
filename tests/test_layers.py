"""Imports go down the page of docs/architecture.md, never up, never sideways; half of the rooms know no torch."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import monai_attn

PACKAGE = Path(monai_attn.__file__).parent

PAGE = (
    {"__main__"},
    {"cli", "napari"},
    {"mcp_server", "listener"},
    {"cohort", "learn"},
    {"training"},
    {"segmenter"},
    {"preflight"},
    {"bundle"},
    {"report", "dicom_export", "transforms", "inferers"},
    {"segmentation", "backends"},
    {"results"},
    {"cases", "finders"},
    {"io", "measure", "edit", "networks", "losses"},
    {"volume", "labels", "shapes"},
    {"errors", "thumbnail", "folders", "notice", "progress", "wording"},
)

NAPARI = (
    {"dock"},
    {"review"},
    {"save"},
    {"compare", "correct", "learn"},
    {"open", "segment", "structures"},
    {"look", "keep"},
    {"settings"},
    {"qt"},
    {"layers"},
)
"""The page of the plugin, a house within the house."""

WITHOUT_TORCH = {
    "report", "dicom_export", "segmentation", "results", "cases", "finders", "io", "measure", "edit", "volume",
    "labels", "shapes", "errors", "thumbnail", "folders", "notice", "progress", "wording", "preflight",
}  # fmt: skip
"""The left half of the page: files and numbers."""

HEAVY = {"torch", "monai", "ignite"}

OLD_NAMES = {"io/msd": "cases", "io/folds": "cases"}
"""Modules that only give names their new home, for the configs of users' bundles; each may import that room alone.

A config names a function by its dotted path, so the path must go on working; nothing of ours may import these.
"""


def violations(package: Path) -> list[str]:
    """What a package of this layout imports against the rules, one sentence each."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        room = parts[0]
        if room == "__init__":  # the public names, from every room
            continue
        for name in _imported(path, (package.name, *parts)):
            top, _, rest = name.partition(".")
            if top == package.name and OLD_NAMES.get("/".join(parts)) != rest.partition(".")[0]:
                found += _wrong_way("/".join(parts), room, rest.partition(".")[0])
                if room == "napari" and rest.startswith("napari."):
                    found += _wrong_way("/".join(parts), parts[1], rest.split(".")[1], NAPARI)
            elif top in HEAVY and room in WITHOUT_TORCH:
                found.append(f"{'/'.join(parts)} imports {top}")
            elif top == "napari" and room != "napari":
                found.append(f"{'/'.join(parts)} imports napari")
    return found


def _wrong_way(module: str, room: str, other: str, page: tuple[set[str], ...] = PAGE) -> list[str]:
    if other in {room, "__version__"}:
        return []
    above, below = _floor(room, page), _floor(other, page)
    if above is None or below is None:
        return [f"{module} imports {other or 'the package itself'}: one of them is on no floor of the page"]
    return [] if above < below else [f"{module} imports {other}, which is not below {room}"]


def _floor(room: str, page: tuple[set[str], ...] = PAGE) -> int | None:
    return next((number for number, rooms in enumerate(page) if room in rooms), None)


def circle(package: Path) -> list[str]:
    """Files of a package that import each other in a circle, in its order; empty where there is none."""
    files = {path.relative_to(package.parent).with_suffix("").as_posix(): path for path in package.rglob("*.py")}
    imports = {}
    for module, path in files.items():
        names = (name.replace(".", "/") for name in _imported(path, tuple(module.split("/"))))
        known = ({name, name.rpartition("/")[0]} & files.keys() for name in names)
        imports[module] = set().union(*known) - {module}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _imported(path: Path, module: tuple[str, ...]) -> Iterator[str]:
    """Every name a file imports, also inside functions, under `if TYPE_CHECKING` and relative to itself."""
    parents = module[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else ()
            home = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{home}.{alias.name}" for alias in node.names)


def test_imports_go_down_the_page() -> None:
    assert violations(PACKAGE) == []


@pytest.mark.parametrize("old", OLD_NAMES)
def test_old_names_are_those_of_the_new_room_and_nothing_of_ours_uses_them(old: str) -> None:
    module, room = (
        importlib.import_module(f"{PACKAGE.name}.{name}") for name in (old.replace("/", "."), OLD_NAMES[old])
    )
    assert all(getattr(module, name) is getattr(room, name) for name in module.__all__)
    dotted = f"{PACKAGE.name}.{old.replace('/', '.')}"
    texts = [*PACKAGE.rglob("*.py"), *PACKAGE.parent.glob("bundles/*/configs/*.json")]
    assert [path.name for path in texts if dotted in path.read_text(encoding="utf-8")] == []


def test_every_room_is_on_the_page() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert {name for name in modules if _floor(name) is None} == {"__init__"}
    rooms = {path.stem for path in (PACKAGE / "napari").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert {name for name in rooms if _floor(name, NAPARI) is None} == {"__init__"}


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circle(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line", "sentence"),
    [
        ("io/files.py", "from house.segmenter import Segmenter", "io/files imports segmenter, which is not below io"),
        ("io/files.py", "import house.measure", "io/files imports measure, which is not below io"),
        ("io/files.py", "def f():\n    import torch.nn", "io/files imports torch"),
        ("io/deep/down.py", "from ...networks import unet", "io/deep/down imports networks, which is not below io"),
        ("bundle.py", "from . import cli", "bundle imports cli, which is not below bundle"),
        ("bundle.py", "if TYPE_CHECKING:\n    from monai import x\n    from house import cohort",
         "bundle imports cohort, which is not below bundle"),
        ("cli/main.py", "import napari", "cli/main imports napari"),
        ("cli/main.py", "from house import Volume",
         "cli/main imports Volume: one of them is on no floor of the page"),
        ("napari/look/panel.py", "from house.napari.save.writer import write",
         "napari/look/panel imports save, which is not below look"),
        ("napari/open/panel.py", "def f():\n    from house.napari.segment import run",
         "napari/open/panel imports segment, which is not below open"),
    ],
)  # fmt: skip
def test_the_check_sees_a_wrong_import(tmp_path: Path, file: str, line: str, sentence: str) -> None:
    path = tmp_path / "house" / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert violations(tmp_path / "house") == [sentence]


def test_the_check_lets_right_imports_pass(tmp_path: Path) -> None:
    (tmp_path / "house" / "io").mkdir(parents=True)
    (tmp_path / "house" / "__init__.py").write_text("from house.cli import main")
    (tmp_path / "house" / "io" / "files.py").write_text(
        "import numpy\nfrom . import names\nfrom ..volume import Volume\nfrom house import __version__, errors"
    )
    (tmp_path / "house" / "segmenter.py").write_text("import torch, monai\nfrom house.io.files import read")
    assert violations(tmp_path / "house") == []


def test_the_check_sees_a_circle(tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "door.py").write_text("def f():\n    from house.wall import brick")
    (house / "wall.py").write_text("from house import window")
    (house / "window.py").write_text("from house.door import f")
    assert set(circle(house)) == {"house/door", "house/wall", "house/window"}
    (house / "window.py").write_text("import numpy")
    assert circle(house) == []


def test_the_left_half_of_the_page_and_the_command_line_load_neither_torch_nor_monai() -> None:
    modules = ", ".join(f"monai_attn.{room}" for room in [*sorted(WITHOUT_TORCH), "cli.main"])
    code = f"import sys, {modules}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""
