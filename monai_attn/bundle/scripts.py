"""The Python files that a bundle brings in its folder `scripts`, made importable for that bundle."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

__all__ = ["make_scripts_importable"]

OPENED: set[str] = set()
"""The folders of the bundles with scripts that this process has opened."""


def make_scripts_importable(root: Path) -> None:
    """Let a bundle import its own `scripts`, and not those of a bundle that was opened before.

    Every bundle calls its package `scripts`, since MONAI runs it with its folder as the working directory. Python knows
    one module of each name, so the modules of the other bundle are taken out of `sys.modules` here. Objects that were
    made of them live on. What these import later, inside a function, would come from the new bundle. Only a process of
    its own for each bundle would be free of that limit. A bundle without `scripts` changes nothing.

    Scripts are compiled from their source, and nothing is written to `__pycache__`. So what runs is what was shown.
    """
    own = str(root.resolve())
    if not (root / "scripts").is_dir():
        return
    loaded = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "scripts"}
    for name in [name for name, module in loaded.items() if not _place_of(module).startswith(own)]:
        del sys.modules[name]
    sys.path[:] = [place for place in sys.path if place not in OPENED]  # of two, a package with __init__.py would win
    OPENED.add(own)
    sys.path.insert(1, own)
    if not any(getattr(hook, "bundle", None) == own for hook in sys.path_hooks):
        sys.path_hooks.insert(0, _finder_for(own))
    for place in [name for name in sys.path_importer_cache if name == own or name.startswith(f"{own}{os.sep}")]:
        del sys.path_importer_cache[place]


def _place_of(module: ModuleType) -> str:
    """The file of a module, or its folder where it is a package without `__init__.py`; "" for neither."""
    return str(getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), ""))


class _FromSource(SourceFileLoader):
    """Compiles a script from its source each time; a file in `__pycache__` could hold another code than was shown."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _finder_for(own: str) -> Callable[[str], FileFinder]:
    """Python's way to find modules in the folder of one bundle."""

    def find(place: str) -> FileFinder:
        if place != own and not place.startswith(f"{own}{os.sep}"):
            raise ImportError(f"{Path(place).name} does not belong to this bundle.")
        return FileFinder(place, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_FromSource, SOURCE_SUFFIXES))

    find.bundle = own  # type: ignore[attr-defined]
    return find
