"""Packages that a bundle's code imports, and that are not installed. The code is read as text and never runs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import components_of, texts_of

__all__ = ["absent_modules", "imports_of"]

IMPORT = re.compile(r"\$\s*(import|from)\s")
"""How an expression of a config begins that imports something."""

SCRIPT = re.compile(r"\bscripts(?:\.\w+)+")

PACKAGES = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "ignite": "pytorch-ignite",
    "segment_anything": "segment-anything",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""The packages on PyPI of modules that are called otherwise."""

NEEDED = {
    **dict.fromkeys(("SwinUNETR", "UNETR", "ViT", "ViTAutoEnc", "PatchEmbeddingBlock"), ("einops",)),
    **dict.fromkeys(("CellSamWrapper",), ("segment_anything",)),
}
"""What networks of MONAI import when they are made."""


def absent_modules(config: Any, root: Path | None) -> Iterator[str]:
    """A sentence with the `pip` line, where the code that a config names imports what is not installed.

    Looked at are the imports of the config, networks of MONAI that need a further package, and the scripts that the
    config names, with the scripts that these import. Imports within a function or a `try` count as optional.
    """
    wanted: dict[str, str] = {}
    for text in texts_of(config):
        if IMPORT.match(text):
            wanted |= dict.fromkeys(imports_of(text.removeprefix("$").strip()), "The config")
    for component in components_of(config):
        wanted |= dict.fromkeys(NEEDED.get(component.name, ()), component.name)
    if root is not None:
        for script in _scripts(config, root):
            names = imports_of(script.read_text(encoding="utf-8", errors="replace"))
            wanted |= dict.fromkeys(names, script.relative_to(root).as_posix())
    absent = {name: place for name, place in wanted.items() if not _is_there(name)}
    if absent:
        places = ", ".join(dict.fromkeys(absent.values()))
        pip = " ".join(PACKAGES.get(name, name) for name in absent)
        yield f"{places} imports {', '.join(absent)}, which is not installed. Install it with: pip install {pip}"


def imports_of(source: str) -> list[str]:
    """The top names of the modules that a source imports when it is loaded, in order; [] for what is no Python.

    >>> imports_of("import numpy as np, os.path\\nfrom torch import nn\\ntry:\\n    import a\\nexcept ImportError: ...")
    ['numpy', 'os', 'torch']
    """
    return list(dict.fromkeys(name.partition(".")[0] for name in _imported(source)))


def _imported(source: str) -> Iterator[str]:
    """The dotted names of the modules that a source imports when it is loaded; those beside it begin with a dot."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            yield from (one.name for one in statement.names)
        elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            yield statement.module


def _is_there(name: str) -> bool:
    if name == "scripts" or name in sys.builtin_module_names or name in sys.stdlib_module_names:
        return True
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules


def _scripts(config: Any, root: Path) -> list[Path]:
    """The script files that a config names, and those that these import by their full name."""
    names = [name for text in texts_of(config) for name in SCRIPT.findall(text)]
    found: list[Path] = []
    while names:
        path = _file_of(names.pop(), root)
        if path is None or path in found:
            continue
        found.append(path)
        source = path.read_text(encoding="utf-8", errors="replace")
        names += [name for name in _imported(source) if name.startswith("scripts.")]
    return found


def _file_of(name: str, root: Path) -> Path | None:
    """The file of a dotted name, which may go on with a class or function; None where there is no such file."""
    parts = name.split(".")
    for depth in range(len(parts), 1, -1):
        path = root.joinpath(*parts[:depth]).with_suffix(".py")
        if path.is_file():
            return path
    return None
